"""Writing without waiting for the disk: no test survives a power cut, and waiting is a third of a tiny training."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def quick_disk() -> Iterator[None]:
    """Tests about the order of writing put their own `os.fsync` in place of this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: None)
        yield
