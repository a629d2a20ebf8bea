from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

collect_ignore = ["node_worker.py"]  # a script, which imports the one beside it


@pytest.fixture
def free_port() -> Callable[[], int]:
    """A free port."""

    def find() -> int:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            return found.getsockname()[1]

    return find
