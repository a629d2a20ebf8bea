from __future__ import annotations

import pytest
import tyro

from colliculus.data.synthetic import Synthetic
from colliculus.methods import SCMRL
from colliculus.runs.experiment import Experiment, TrainSettings
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
