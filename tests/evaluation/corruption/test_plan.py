from __future__ import annotations

from collections import Counter

import pytest

from colliculus.evaluation.corruption.plan import RobustnessSettings, plan
from colliculus.types import ColliculusError

FEW = RobustnessSettings(snr_db=(0.0, 10.0), blur=(1.0,), occlusion=(0.5,), drops=(0.5,), seeds=2)


def counted(corruptions):
    return Counter((c.kind, c.target) for c in corruptions)


def test_every_kind_happens_to_each_and_to_all():
    planned = plan(FEW, ["audio", "visual"], {"audio": 4, "visual": 4})
    corruptions, why = planned.now, planned.not_applicable
    found = counted(corruptions)
    for target in ("audio", "visual", "audio+visual"):
        assert found["white", target] == found["pink", target] == 2 * 2  # levels, seeds
        assert found["blur", target] == 1
        assert found["occlusion", target] == found["drops", target] == 2
    for target in ("audio", "visual"):
        assert found["shift", target] == 4  # -2, -1, 1, 2
        assert found["missing", target] == 3
    assert len({c.name for c in corruptions}) == len(corruptions)
    assert why == {}
    assert not {"acoustic", "babble", "white-raw"} & {kind for kind, _ in found}


def test_a_sound_is_noisy_in_all_that_is_made_from_it():
    sounds = [("audio", "delta"), ("speech",)]
    planned = plan(FEW, ["audio", "visual", "delta"], {}, (), sounds)
    found = counted(planned.now)
    assert {target: n for (kind, target), n in found.items() if kind == "babble"} == {"audio+delta": 2 * 2}
    assert found["acoustic", "audio+delta"] == 2 * 2
    assert planned.now == plan(FEW, ["audio", "visual", "delta"], {}, (), sounds).now
    assert "prepare sound" in plan(FEW, ["audio"], {}, ("babble",)).not_applicable["babble"]
    alone = counted(plan(FEW, ["audio"], {}, ("babble",), sounds).now)
    assert alone == {("babble", "audio"): 2 * 2}


def test_noise_by_the_raw_input_is_an_option():
    found = counted(plan(FEW, ["audio", "visual"], {}, ("white-raw",)).now)
    assert found == {("white-raw", target): 4 for target in ("audio", "visual", "audio+visual")}


def test_a_static_modality_has_no_steps_to_drop():
    planned = plan(FEW, ["audio", "visual"], {"visual": 6})
    corruptions, why = planned.now, planned.not_applicable
    found = counted(corruptions)
    assert [target for kind, target in found if kind == "drops"] == ["visual"]
    assert found["shift", "visual"] == 6
    assert "audio" in why["drops"]
    assert "audio" in why["shift"]


def test_static_data_have_a_reason():
    planned = plan(FEW, ["audio", "visual"], {})
    corruptions, why = planned.now, planned.not_applicable
    assert not {"drops", "shift"} & {c.kind for c in corruptions}
    assert why["shift"].startswith("audio and visual static")


def test_a_lone_modality_cannot_be_absent_or_late():
    planned = plan(FEW, ["audio"], {"audio": 4})
    corruptions, why = planned.now, planned.not_applicable
    assert {c.severity for c in corruptions if c.kind == "missing"} == {"zeros", "mean"}
    assert "shift" not in {c.kind for c in corruptions}
    assert "only modality" in why["shift"]


@pytest.mark.parametrize(("attack", "seeds"), [("fgsm", 1), ("pgd", 2)])
def test_an_attack_is_an_option(attack, seeds):
    chosen = RobustnessSettings(epsilon=(0.1, 0.2), attack=attack, seeds=2, shift=0)
    corruptions = plan(chosen, ["audio", "visual"], {"audio": 4}).now
    found = counted(corruptions)
    assert found[attack, "audio+visual"] == 2 * seeds
    assert found["shift", "audio"] == 0
    assert not {"fgsm", "pgd"} & {c.kind for c in plan(FEW, ["audio"], {}).now}


@pytest.mark.parametrize(
    "wrong",
    [
        {"snr_db": (500.0,)},
        {"blur": (-1.0,)},
        {"occlusion": (2.0,)},
        {"drops": (-0.1,)},
        {"seeds": 0},
        {"shift": -1},
        {"epsilon": (-1.0,)},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ColliculusError):
        RobustnessSettings(**wrong)


def test_a_plan_has_both_attacks_and_measures_the_one_of_the_settings():
    found = plan(RobustnessSettings(attack="pgd"), ["audio"], {"audio": 4})
    kinds = {c.kind for c in found.corruptions}
    assert {"fgsm", "pgd"} <= kinds
    assert {c.kind for c in found.now} == kinds - {"fgsm", "white-raw"}
    assert set(found.not_applicable) == {"shift"}


def test_only_some_kinds_are_measured_and_one_without_severities_is_refused():
    found = plan(FEW, ["audio", "visual"], {}, ("blur",))
    assert {c.kind for c in found.now} == {"blur"}
    with pytest.raises(ColliculusError, match="`only` names blur, which has no severities"):
        plan(RobustnessSettings(blur=()), ["audio"], {}, ("blur",))
