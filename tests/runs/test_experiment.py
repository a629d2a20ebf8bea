from __future__ import annotations

import dataclasses
import re

import pytest
import tyro

from colliculus.data.synthetic import Synthetic
from colliculus.methods import SCMRL
from colliculus.presets import PRESETS
from colliculus.runs.experiment import Experiment, TrainSettings, replaced
from colliculus.types import ColliculusError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("batch_size", -1),
        ("learning_rate", 0.0),
        ("learning_rate", float("nan")),
        ("clip_norm", 0.0),
        ("warmup_epochs", -1),
        ("weight_decay", -0.1),
        ("seed", -1),
        ("seed", 2**63),
        ("learning_rate", float("inf")),
        ("final_learning_rate", float("nan")),
        ("ema_decay", 1.0),
    ],
)
def test_a_setting_out_of_range_is_named(name, value):
    with pytest.raises(ColliculusError, match=rf"train\.{name} is {value}"):
        TrainSettings(**{name: value})


def test_the_command_line_overrides_settings_of_all_three_parts():
    preset = Experiment(method=SCMRL(dim=32), data=Synthetic(), train=TrainSettings(epochs=3))
    arguments = ["--method.dim", "64", "--data.size", "16", "--train.clip-norm", "1.0"]
    chosen = tyro.cli(Experiment[SCMRL, Synthetic], default=preset, args=arguments)
    assert (chosen.method.dim, chosen.data.size, chosen.train.clip_norm, chosen.train.epochs) == (64, 16, 1.0, 3)


EXPERIMENT = Experiment(method=SCMRL(dim=32), data=Synthetic(), train=TrainSettings(snr_db={"audio": -5.0}))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"train.epochs": 3, "method.dim": 64}, lambda e: (e.train.epochs, e.method.dim) == (3, 64)),
        ({"train": {"epochs": 3}, "train.seed": 4}, lambda e: (e.train.epochs, e.train.seed) == (3, 4)),
        ({"train.clip-norm": 1}, lambda e: e.train.clip_norm == 1.0),
        ({"train.snr_db": {"visual": 3}}, lambda e: e.train.snr_db == {"visual": 3.0}),
        ({"train.snr-db.visual": 3}, lambda e: e.train.snr_db == {"audio": -5.0, "visual": 3.0}),
        ({"method": {"balance.kind": "iemf", "unimodal_loss": 1.0}}, lambda e: e.method.balance.kind == "iemf"),
        ({"method.balance": {"kind": "ogm-ge"}, "method.balance.ogm_ge.alpha": 0.3},
         lambda e: (e.method.balance.kind, e.method.balance.ogm_ge.alpha) == ("ogm-ge", 0.3)),
        ({"data": Synthetic(size=16)}, lambda e: e.data == Synthetic(size=16)),
        ({"train": TrainSettings(epochs=7)}, lambda e: e.train == TrainSettings(epochs=7)),
        ({}, lambda e: e == EXPERIMENT),
    ],
    ids=[*"abcdefghij"],
)  # fmt: skip
def test_settings_are_replaced_by_name_all_at_once(changes, found):
    before = repr(EXPERIMENT)
    assert found(replaced(EXPERIMENT, changes))
    assert repr(EXPERIMENT) == before


@pytest.mark.parametrize("preset", PRESETS.values(), ids=[*PRESETS])
def test_nothing_else_is_changed(preset):
    assert replaced(preset.experiment, {"train.epochs": 1}) == dataclasses.replace(
        preset.experiment, train=dataclasses.replace(preset.experiment.train, epochs=1)
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train.epoch": 3}, "unknown setting 'train.epoch': did you mean 'train.epochs'?"),
        ({"trian": {"epochs": 3}}, "unknown setting 'trian': did you mean 'train'?"),
        ({"method": {"balance": {"kindd": "iemf"}}}, "'method.balance.kindd': did you mean 'method.balance.kind'?"),
        ({"train.epochs": "3"}, "train.epochs is '3': give int"),
        ({"train.epochs": 3.5}, "train.epochs is 3.5: give int"),
        ({"train.precision": "fp8"}, "train.precision is 'fp8': give one of 'fp32', 'bf16'"),
        ({"train.clip_norm": "much"}, "train.clip_norm is 'much': give float | None"),
        ({"train.epochs.more": 3}, "train.epochs has no settings of its own"),
        ({"train.epochs": 0}, "train.epochs is 0: give a positive number"),
        ({"method": 3}, "method is 3: give settings"),
        ({"method.dim": 12}, "`dim` is 12"),
    ],
    ids=str,
)
def test_an_unknown_name_and_a_wrong_value_are_refused(changes, message):
    with pytest.raises(ColliculusError, match=re.escape(message)):
        replaced(EXPERIMENT, changes)
