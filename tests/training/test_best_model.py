"""The best model of a run and its state belong together, after any kill and any change."""

from __future__ import annotations

import pytest
import torch

from colliculus.runs.identity import digest
from colliculus.training import checkpoint, stage
from colliculus.training.checkpoint import NEXT_FILE, read_state
from colliculus.training.learner import Learner
from colliculus.types import ColliculusError

MODEL = "model.safetensors"


class KillError(Exception):
    """Stands for SIGKILL: nothing after it is written."""


@pytest.fixture
def killed_in(monkeypatch):
    """Stop a training within the saving of an epoch, as the function named `moment` is about to run."""

    def kill(moment, epoch):
        original = getattr(stage, moment)

        def stops(folder, value):
            state = read_state(folder)
            if len(state.history if state else ()) == epoch:
                monkeypatch.setattr(stage, moment, original)
                raise KillError
            return original(folder, value)

        monkeypatch.setattr(stage, moment, stops)

    return kill


def rising(monkeypatch, accuracies):
    """Validation accuracies of the epochs, so that it is known which epoch is the best."""
    validate = Learner.validate

    def known(self, split):
        return validate(self, split) | {"validation_accuracy": accuracies[len(self.history)]}

    monkeypatch.setattr(Learner, "validate", known)


def test_the_state_names_the_model(train, tmp_path, monkeypatch):
    rising(monkeypatch, [0.1, 0.9, 0.5])
    assert train(tmp_path).best_epoch == 2
    assert read_state(tmp_path).best == digest(tmp_path / MODEL)
    assert not (tmp_path / NEXT_FILE).exists()


def test_an_epoch_that_comes_out_otherwise_after_a_kill_keeps_the_former_best(train, tmp_path, monkeypatch, killed_in):
    """Killed before the state of epoch 3 was written, whose model was the best; repeated, it is not."""
    rising(monkeypatch, [0.1, 0.5, 0.9])
    killed_in("write_state", 2)
    with pytest.raises(KillError):
        train(tmp_path)
    second = digest(tmp_path / MODEL)
    assert digest(tmp_path / NEXT_FILE) != second
    monkeypatch.undo()
    rising(monkeypatch, [0.1, 0.5, 0.2])
    assert train(tmp_path, resume=True).best_epoch == 2
    assert digest(tmp_path / MODEL) == second == read_state(tmp_path).best
    assert not (tmp_path / NEXT_FILE).exists()


def test_a_kill_after_the_state_leaves_the_new_best(train, tmp_path, monkeypatch, killed_in):
    rising(monkeypatch, [0.1, 0.5, 0.9])
    killed_in("settle_best", 3)
    with pytest.raises(KillError):
        train(tmp_path)
    new = digest(tmp_path / NEXT_FILE)
    assert new == read_state(tmp_path).best != digest(tmp_path / MODEL)
    train(tmp_path, resume=True)
    assert digest(tmp_path / MODEL) == new


def test_another_model_in_the_folder_is_refused(train, tmp_path):
    train(tmp_path / "a", seed=1)
    train(tmp_path / "b", seed=2)
    (tmp_path / "a" / "result.json").unlink()
    (tmp_path / "b" / MODEL).replace(tmp_path / "a" / MODEL)
    with pytest.raises(ColliculusError, match=r"model\.safetensors is not the model that last/state\.pt names"):
        train(tmp_path / "a", seed=1, resume=True)


def test_a_state_of_version_one_names_no_model(train, tmp_path, monkeypatch):
    train(tmp_path)
    (tmp_path / "result.json").unlink()
    state = vars(read_state(tmp_path))
    del state["best"]
    torch.save(state, tmp_path / checkpoint.STATE_FILE)
    assert train(tmp_path, resume=True).epochs == 3


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_a_training_that_diverges_stops_in_that_epoch(train, tmp_path, monkeypatch, ema_decay):
    """The statistics of epoch 2 become NaN; the spikes are silent and the loss stays finite."""
    train_batches = Learner._agree_on_buffers

    def spoiled(self):
        if len(self.history) == 1:
            next(b for name, b in self.judged.named_buffers() if name.endswith("running_var")).fill_(torch.nan)
        train_batches(self)

    monkeypatch.setattr(Learner, "_agree_on_buffers", spoiled)
    with pytest.raises(
        ColliculusError, match=r"training diverged in epoch 2, .*running_var holds numbers that are not"
    ):
        train(tmp_path, ema_decay=ema_decay)
    state = read_state(tmp_path)
    assert len(state.history) == 1
    assert state.best == digest(tmp_path / MODEL)
    assert all(value.isfinite().all() for value in state.model.values())
