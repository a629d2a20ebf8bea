"""A training killed by SIGKILL at random moments and resumed to its end.

Started by test_fit.py as `killed.py FOLDER`, in a process of its own because it forks.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import torch.utils.tensorboard  # noqa: F401  imported once, not in every child
from colliculus.data.synthetic import Synthetic
from colliculus.methods import LateFusion
from colliculus.runtime import Runtime
from colliculus.training.config import Experiment, TrainSettings
from colliculus.training.fit import fit

EXPERIMENT = Experiment(
    method=LateFusion(dim=8, encoder="shallow", time_steps=2),
    data=Synthetic(num_classes=2, num_train=13, num_validation=6, num_test=5, size=8, steps=2),
    train=TrainSettings(epochs=12, batch_size=8, learning_rate=0.01, device="cpu"),
)


def child(folder: Path) -> int:
    """A process that trains in `folder`."""
    if pid := os.fork():
        return pid
    code = 1
    try:
        with Runtime.start(device="cpu") as runtime:
            fit(EXPERIMENT, folder, preset="tiny", resume=True, runtime=runtime, progress=False)
        code = 0
    finally:
        os._exit(code)


def main(folder: Path) -> int:
    moments = random.Random(0)  # noqa: S311
    for _ in range(5):
        pid = child(folder)
        time.sleep(moments.uniform(0, 0.8))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
            return 1  # it came to an end of its own, and a bad one
    return os.waitstatus_to_exitcode(os.waitpid(child(folder), 0)[1])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
