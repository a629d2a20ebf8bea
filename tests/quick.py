"""Less work for the same tests, and the same examples of a property in every run."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")


def pytest_configure() -> None:
    """Thousands of tests are collected and kept: walking them for garbage is a third of the collection."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def quick_disk() -> Iterator[None]:
    """Write without waiting for the disk: no test survives a power cut.

    Tests about the order of writing put their own `os.fsync` in place of this one.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda handle: None)
        yield
