"""One rank of a training on two machines; started as `torchrun ... node_worker.py FOLDER [kill]`.

With `kill`, rank 1 is killed once, in the middle of the second epoch.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import ClassVar

from worker import EXPERIMENT

from colliculus.runtime import Runtime
from colliculus.training.callbacks import Callback, StepProgress, Training
from colliculus.training.fit import fit


class Killed(Callback):
    """Kills its process in epoch 2; the second time it lets it live. Notes the epochs at which the training starts."""

    mark: ClassVar[Path] = Path(sys.argv[1]).with_suffix(".killed")

    def on_start(self, training: Training) -> None:
        if training.is_main:
            with self.mark.with_suffix(".starts").open("a") as file:
                file.write(f"{training.first_epoch} ")

    def on_step(self, training: Training, step: StepProgress) -> None:
        if step.epoch == 2 and os.environ["RANK"] == "1" and not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    with Runtime.start(device="cpu"):
        fit(EXPERIMENT, out=sys.argv[1], callbacks=[Killed()] if "kill" in sys.argv else [], progress=False)
