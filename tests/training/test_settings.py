"""No setting of the training that nobody reads: every change gives another training, or is refused."""

from __future__ import annotations

from dataclasses import fields

import pytest

from colliculus.runs.experiment import TrainSettings
from colliculus.types import ColliculusError

CHANGES = {
    "epochs": 2,
    "batch_size": 4,
    "optimizer": "sgd",
    "momentum": 0.5,
    "learning_rate": 0.02,
    "head_factor": 3.0,
    "warmup_epochs": 0,
    "warmup_learning_rate": 1e-3,
    "final_learning_rate": 1e-3,
    "schedule": "step",
    "step_epochs": 1,
    "step_factor": 0.5,
    "weight_decay": 0.1,
    "clip_norm": 0.01,
    "ema_decay": 0.9,
    "refit": True,
    "test_each_epoch": True,
    "drop_incomplete": True,
    "class_weights": "balanced",
    "sampling": "balanced",
    "snr_db": {"audio": 0.0},
    "seed": 1,
}
UNREAD = {
    (): ["momentum", "step_epochs", "step_factor"],
    (("optimizer", "sgd"),): ["step_epochs", "step_factor"],
    (("warmup_epochs", 0),): ["momentum", "warmup_learning_rate", "step_epochs", "step_factor"],
    (("schedule", "step"), ("step_epochs", 2)): ["momentum", "final_learning_rate"],
}
"""Settings that those of a base switch off."""
OF_ONE_BASE = {
    "batch_size", "ema_decay", "refit", "test_each_epoch", "drop_incomplete", "class_weights", "sampling", "snr_db",
    "seed",
}  # fmt: skip
"""Settings that have nothing to do with optimiser and schedule: under other bases than the first they are slow."""
ELSEWHERE = {"recompute", "device", "precision", "deterministic", "compile", "select", "snr_of"}
"""`recompute` keeps all digits; the next three are given to the runtime (`tests/runtime/test_runtime.py`); compiling
takes minutes (`test_compiled_training.py`); here the best epoch is the last (`test_selection.py`); `snr_of` needs noise
(`test_learner.py`)."""


def test_every_setting_has_a_change_here() -> None:
    assert {field.name for field in fields(TrainSettings)} == CHANGES.keys() | ELSEWHERE


@pytest.mark.parametrize(
    ("base", "apart"),
    [
        ({}, False),
        ({"optimizer": "sgd"}, False),
        ({"warmup_epochs": 0}, False),
        ({"schedule": "step", "step_epochs": 2}, False),
        pytest.param({"optimizer": "sgd"}, True, marks=pytest.mark.slow),
        pytest.param({"warmup_epochs": 0}, True, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_every_setting_is_read_or_refused(base, apart, train, tmp_path) -> None:
    def curves(name, **settings):
        train(tmp_path / name, **base | settings)
        return (tmp_path / name / "metrics.csv").read_text(), (tmp_path / name / "model.safetensors").read_bytes()

    before = curves("base")
    assert curves("again") == before
    for name, value in CHANGES.items():
        if base.get(name) == value or (bool(base) and name in OF_ONE_BASE) != apart:
            continue
        if name in UNREAD.get((*base.items(),), ()):
            with pytest.raises(ColliculusError, match=rf"`{name}` is {value}, which has no effect with"):
                curves(name, **{name: value})
        else:
            assert curves(name, **{name: value}) != before, name


def test_noise_of_the_raw_input_is_refused_without_noise():
    with pytest.raises(ColliculusError, match="`snr_of` is raw, which has no effect without `snr_db`"):
        TrainSettings(snr_of="raw")
    assert TrainSettings(snr_db={"audio": 0.0}, snr_of="raw").snr_of == "raw"
