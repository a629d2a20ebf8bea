"""Several processes in one run folder: each sees it, all read the same state, and torchrun may start them again."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from colliculus.files.lock import LOCK_FILE
from colliculus.runtime import PeerError
from colliculus.training.checkpoint import alone, check_agreement, read_state
from colliculus.training.fit import TrainingInterrupted, fit
from colliculus.training.learner import Learner
from colliculus.types import ColliculusError


@dataclass
class Ranks:
    """A runtime of several processes, of which the others give fixed numbers."""

    rank: int
    others: list[list[int]]

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def of_all(self, value: int) -> list[int]:
        numbers = self.others.pop(0)
        return [*numbers[: self.rank], value, *numbers[self.rank + 1 :]]


def test_a_rank_that_does_not_see_the_folder_is_named(tmp_path):
    with (
        pytest.raises(PeerError, match=r"rank 1 does not see the folder .*run that rank 0 trains in: pass as --out a"),
        alone(tmp_path / "run", Ranks(1, [[0, -1, 0], [1, -1, 1]])),
    ):
        pass
    with (
        pytest.raises(ColliculusError, match="rank 2 does not see the folder") as caught,
        alone(tmp_path / "run", Ranks(0, [[-1, 0, 0], [-1, 1, 0]])),
    ):
        pass
    assert not isinstance(caught.value, PeerError)  # rank 0 prints it


def test_ranks_that_see_the_folder_train(tmp_path):
    (tmp_path / LOCK_FILE).touch()
    with alone(tmp_path, Ranks(1, [[0, -1], [1, -1]])):
        pass


def test_ranks_with_different_states_are_refused(tmp_path, train):
    train(tmp_path / "run")
    state = read_state(tmp_path / "run")
    assert state is not None
    assert len(state.history) == 3
    check_agreement(tmp_path, state, Ranks(0, [[-1, 3]]))
    with pytest.raises(ColliculusError, match=r"after 3, 2 epochs by rank: wait until"):
        check_agreement(tmp_path, state, Ranks(0, [[-1, 2]]))
    with pytest.raises(PeerError, match=r"after 2, 0 epochs by rank"):
        check_agreement(tmp_path, None, Ranks(1, [[2, -1]]))


def stopped(folder: Path, experiment, monkeypatch) -> None:
    """A training that ends in its second epoch."""
    train_epoch = Learner.train_epoch

    def interrupted(self, split, epoch, watch):
        if epoch == 1:
            raise KeyboardInterrupt
        return train_epoch(self, split, epoch, watch)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "train_epoch", interrupted)
        with pytest.raises(TrainingInterrupted):
            fit(experiment, out=folder, progress=False)


def test_where_torchrun_may_start_again_a_training_goes_on(tmp_path, tiny, digits, monkeypatch):
    fit(tiny(), out=tmp_path / "whole", progress=False)
    stopped(tmp_path / "half", tiny(), monkeypatch)
    with pytest.raises(ColliculusError, match="is not empty: add --resume"):
        fit(tiny(), out=tmp_path / "half", progress=False)
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "0")
    with pytest.raises(ColliculusError, match="is not empty: add --resume"):
        fit(tiny(), out=tmp_path / "half", progress=False)
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    fit(tiny(), out=tmp_path / "half", progress=False)
    assert digits(tmp_path / "half") == digits(tmp_path / "whole")
    before = json.loads((tmp_path / "half" / "result.json").read_text())
    fit(tiny(), out=tmp_path / "half", progress=False)  # and again, though it is finished
    assert json.loads((tmp_path / "half" / "result.json").read_text()) == before
