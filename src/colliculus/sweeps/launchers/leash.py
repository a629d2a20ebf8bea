"""Become a command that the kernel asks to stop (SIGTERM) when the process that started it dies. Linux only.

    python leash.py PID COMMAND...

Setting this between fork and exec (`preexec_fn`) may block where the starting process has threads, as Ray's workers do.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _main() -> None:
    starter, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(starter):
        sys.exit("the process that started this training has died")
    os.execvp(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    _main()
