from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from colliculus.data.dataset import Normalisation
from colliculus.data.noise import GaussianNoise
from colliculus.evaluation.conditions import Circumstances, Condition, RobustnessSettings, plan
from colliculus.types import ColliculusError

FEW = RobustnessSettings(snr_db=(0.0, 10.0), blur=(1.0,), occlusion=(0.5,), drops=(0.5,), seeds=2)
ROWS = np.array([2, 5])


def counted(conditions):
    return Counter((c.kind, c.target) for c in conditions)


def test_every_kind_happens_to_each_and_to_all():
    conditions, why = plan(FEW, ["audio", "visual"], {"audio": 4, "visual": 4})
    found = counted(conditions)
    for target in ("audio", "visual", "audio+visual"):
        assert found["white", target] == found["pink", target] == 2 * 2  # levels, seeds
        assert found["blur", target] == 1
        assert found["occlusion", target] == found["drops", target] == 2
    for target in ("audio", "visual"):
        assert found["shift", target] == 4  # -2, -1, 1, 2
        assert found["missing", target] == 3
    assert len({c.name for c in conditions}) == len(conditions)
    assert why == {}


def test_a_still_modality_loses_no_steps():
    conditions, why = plan(FEW, ["audio", "visual"], {"visual": 6})
    found = counted(conditions)
    assert [target for kind, target in found if kind == "drops"] == ["visual"]
    assert found["shift", "visual"] == 6
    assert "audio" in why["drops"]
    assert "audio" in why["shift"]


def test_where_nothing_moves_it_is_said():
    conditions, why = plan(FEW, ["audio", "visual"], {})
    assert not {"drops", "shift"} & {c.kind for c in conditions}
    assert why["shift"].startswith("audio and visual static")


def test_a_lone_modality_cannot_be_absent_or_late():
    conditions, why = plan(FEW, ["audio"], {"audio": 4})
    assert {c.level for c in conditions if c.kind == "missing"} == {"zeros", "mean"}
    assert "shift" not in {c.kind for c in conditions}
    assert "alone" in why["shift"]


@pytest.mark.parametrize(("attack", "seeds"), [("fgsm", 1), ("pgd", 2)])
def test_an_attack_is_an_option(attack, seeds):
    chosen = RobustnessSettings(epsilon=(0.1, 0.2), attack=attack, seeds=2, shift=0)
    conditions, _ = plan(chosen, ["audio", "visual"], {"audio": 4})
    found = counted(conditions)
    assert found[attack, "audio+visual"] == 2 * seeds
    assert found["shift", "audio"] == 0
    assert not {"fgsm", "pgd"} & {c.kind for c in plan(FEW, ["audio"], {})[0]}


@pytest.mark.parametrize(
    "wrong",
    [{"snr_db": (500.0,)}, {"blur": (-1.0,)}, {"occlusion": (2.0,)}, {"seeds": 0}, {"shift": -1}, {"epsilon": (-1.0,)}],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ColliculusError):
        RobustnessSettings(**wrong)


@pytest.fixture
def around(model, split):
    return Circumstances(
        model=model,
        labels=split.labels,
        spec=model.spec,
        normalisation=Normalisation(mean={"visual": (4.0, 1.0)}, std={"visual": (2.0, 1.0)}),
        snr_db={"audio": 0.0},
        attack_steps=3,
    )


@pytest.fixture
def inputs(split):
    return split.batch(ROWS, epoch=0).inputs


def test_zeros_are_raw_and_the_mean_is_that_of_training(around, inputs):
    raw = around.corruption(Condition("missing", ("visual",), "zeros"))(inputs, ROWS)["visual"]
    assert raw.amin((0, 1, 3, 4)).tolist() == raw.amax((0, 1, 3, 4)).tolist() == [-2.0, -1.0]
    assert not around.corruption(Condition("missing", ("visual",), "mean"))(inputs, ROWS)["visual"].any()
    assert not around.corruption(Condition("missing", ("audio",), "zeros"))(inputs, ROWS)["audio"].any()


def test_the_noise_of_the_training_stays_unless_noise_is_measured(around, inputs):
    learned = GaussianNoise({"audio": 0.0})(inputs, ROWS)["audio"]
    blurred = around.corruption(Condition("blur", ("visual",), 1.0))(inputs, ROWS)
    assert torch.equal(blurred["audio"], learned)
    assert not torch.equal(blurred["visual"], inputs["visual"])
    other = around.corruption(Condition("white", ("visual",), 5.0, 1))(inputs, ROWS)
    assert torch.equal(other["audio"], learned)
    assert torch.equal(other["visual"], GaussianNoise({"visual": 5.0}, seed=1)(inputs, ROWS)["visual"])
    same = around.corruption(Condition("pink", ("audio",), 5.0, 1))(inputs, ROWS)
    assert torch.equal(same["audio"], GaussianNoise({"audio": 5.0}, seed=1, colour="pink")(inputs, ROWS)["audio"])
    assert torch.equal(around.corruption(Condition("missing", ("visual",), "absent"))(inputs, ROWS)["audio"], learned)


@pytest.mark.parametrize(
    "condition",
    [
        Condition("occlusion", ("visual",), 0.5, 1),
        Condition("drops", ("visual",), 0.34),
        Condition("shift", ("visual",), -1.0),
        Condition("fgsm", ("visual",), 0.1),
        Condition("pgd", ("visual",), 0.1, 1),
    ],
    ids=lambda c: c.kind,
)
def test_every_kind_changes_what_it_names(around, inputs, condition):
    around.model.eval()
    found = around.corruption(condition)(inputs, ROWS)["visual"]
    assert found.shape == inputs["visual"].shape
    assert not torch.equal(found, inputs["visual"])
    assert torch.equal(found, around.corruption(condition)(inputs, ROWS)["visual"])
