"""A training killed by SIGKILL at random moments and resumed to its end.

Started by test_fit.py as `killed.py FOLDER LIKE KILLS`, with the settings of the run in LIKE, in a process of its own
because it forks.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch.utils.tensorboard  # noqa: F401  imported once, not in every child

from colliculus.runs.experiment import Experiment
from colliculus.runs.run import read_run
from colliculus.training.fit import fit


def child(folder: Path, experiment: Experiment[Any, Any]) -> int:
    """A process that trains in `folder`."""
    if pid := os.fork():
        return pid
    code = 1
    try:
        fit(experiment, out=folder, resume=True, device="cpu", progress=False)
        code = 0
    finally:
        os._exit(code)


def main(folder: Path, like: Path, kills: int) -> int:
    experiment = read_run(like).experiment
    moments = random.Random(0)  # noqa: S311
    for _ in range(kills):
        pid = child(folder, experiment)
        time.sleep(moments.uniform(0, 0.8))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status) and os.WEXITSTATUS(status):
            return 1  # it came to an end of its own, and a bad one
    return os.waitstatus_to_exitcode(os.waitpid(child(folder, experiment), 0)[1])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
