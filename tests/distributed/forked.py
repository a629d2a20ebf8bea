"""Two ranks as `torchrun` starts them, but forked from one process: PyTorch is imported once and not three times.

Started as `forked.py PROGRAM ARGUMENT...`.
"""

from __future__ import annotations

import os
import runpy
import signal
import socket
import sys

import torch.distributed
import torch.utils.tensorboard  # noqa: F401  so that no rank has to

import colliculus.training.fit  # noqa: F401  likewise


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def fork(rank: int, port: int) -> int:
    """A process that runs the program as one of two ranks."""
    if pid := os.fork():
        return pid
    sys.argv = sys.argv[1:]
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    runpy.run_path(sys.argv[0], run_name="__main__")
    sys.exit()


def main() -> int:
    port = free_port()
    running = {fork(rank, port) for rank in (0, 1)}
    while running:
        pid, status = os.wait()
        running.remove(pid)
        if code := os.waitstatus_to_exitcode(status):
            for other in running:
                os.kill(other, signal.SIGKILL)
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
