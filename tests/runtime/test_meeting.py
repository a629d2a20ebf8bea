from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from torch.distributed import HashStore

from colliculus.runtime import meeting
from colliculus.runtime.meeting import agreed_name


def met(store, size):
    with ThreadPoolExecutor(size) as processes:
        return list(processes.map(lambda rank: agreed_name(store, rank, size), range(size)))


def test_every_start_agrees_on_a_name_of_its_own():
    store = HashStore()
    names = [met(store, 3) for _ in range(5)]
    assert all(len(set(name)) == 1 for name in names)
    assert len({name[0] for name in names}) == 5


def test_what_a_killed_start_left_is_not_taken_for_an_answer():
    store = HashStore()
    store.set("colliculus/asks/1", "old")  # it asked, and then it was killed
    store.set("colliculus/answer/old", "an old name")
    with ThreadPoolExecutor(2) as processes:
        first = processes.submit(agreed_name, store, 0, 2)
        while store.get("colliculus/answer/old") == b"an old name":
            time.sleep(0.01)
        assert not first.done()  # to answer the old word is not enough
        second = processes.submit(agreed_name, store, 1, 2)
        assert first.result() == second.result() != "an old name"


def test_a_process_that_does_not_come_is_named(monkeypatch):
    monkeypatch.setattr(meeting, "PATIENCE_S", 0.05)
    with pytest.raises(RuntimeError, match="rank 1 did not come"):
        agreed_name(HashStore(), 0, 2)
