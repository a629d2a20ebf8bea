from __future__ import annotations

from dataclasses import replace
from math import tanh

import pytest
import torch
from begun import begun

from colliculus.modulation import OPM, OPMSettings
from colliculus.modulation.opm import drop_probability, without_shares
from colliculus.runtime import Runtime
from colliculus.types import ColliculusError, Output

ALONE = Runtime(device=torch.device("cpu"))


@pytest.mark.parametrize(
    ("ratio", "expected"), [(0.5, 0.0), (1.0, 0.0), (1 + 1e-12, 0.0), (1.5, 0.4 * (1 + 0.25 * tanh(0.5))), (1e9, 0.5)]
)
def test_the_probability_by_hand(ratio, expected):
    assert drop_probability(ratio, base=0.4, slope=0.25) == pytest.approx(expected)


def test_a_probability_ends_at_one():
    assert drop_probability(1e9, base=0.9, slope=5.0) == 1.0


def test_shares_that_are_not_kept_are_missing_and_the_rest_is_scaled():
    a, v = (torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(i)) for i in range(2))
    output = Output((a + v).mean(0), a + v, {"a": a, "v": v})
    found = without_shares(output, {"a": torch.tensor([1.0, 0.0, 1.0]), "v": torch.tensor([1.0, 1.0, 0.0])}, 1.5)
    for i, kept in enumerate((a + v, v, a)):
        torch.testing.assert_close(found.step_logits[:, i], 1.5 * kept[:, i])
        torch.testing.assert_close(found.logits[i], 1.5 * kept[:, i].mean(0))


def used(modulator, lab, output):
    """The output that the objective sees, and the report."""
    seen = []
    labels = torch.zeros(len(output.logits), dtype=torch.int64)
    prepared = modulator.before_backward(lab.model, output, labels, lambda x, _: seen.append(x) or {}, ALONE)
    return seen[0], prepared.report


def test_who_is_ahead_is_dropped_as_often_as_said_and_the_others_never(make_lab, said):
    lab, n = make_lab(3), 4000
    output = said(audio=[0.8] * n, visual=[0.4] * n, touch=[0.4] * n)
    found, report = used(begun(OPM(OPMSettings(execution=1.0))), lab, output)
    q = 0.5 * (1 + 0.5 * tanh(1.0))
    assert report == pytest.approx({"drop_audio": q, "drop_visual": 0.0, "drop_touch": 0.0}, rel=1e-5)
    dropped = {m: (x == 0).all(-1).float().mean().item() for m, x in found.evidence.items()}
    assert dropped["audio"] == pytest.approx(q, abs=0.03)
    assert dropped["visual"] == dropped["touch"] == 0
    kept = found.logits[~(found.evidence["audio"][0] == 0).all(-1)]
    torch.testing.assert_close(kept, output.logits[: len(kept)] / (1 - q / 3))


def test_it_acts_in_its_fraction_of_the_steps(make_lab, said):
    lab, output = make_lab(2), said(audio=[0.9] * 40, visual=[0.3] * 40)
    modulator = begun(OPM(OPMSettings(execution=0.3)))
    changed = [not torch.equal(used(modulator, lab, output)[0].logits, output.logits) for _ in range(300)]
    assert sum(changed) / 300 == pytest.approx(0.3, abs=0.08)


def test_outside_its_epochs_it_does_nothing(make_lab, said):
    lab, output = make_lab(2), said(audio=[0.9] * 40, visual=[0.3] * 40)
    acts = []
    for epoch in range(4):
        modulator = begun(OPM(OPMSettings(first_epoch=2, last_epoch=3, execution=1.0)), epoch)
        found, report = used(modulator, lab, output)
        acts.append(not torch.equal(found.logits, output.logits))
        assert (set(report.values()) == {0.0}) is not acts[-1]
    assert acts == [False, True, True, False]


def test_identical_modalities_are_left_alone(lab):
    lab.make_identical()
    plain = lab.plain_gradients()
    assert set(lab.backward(begun(OPM(OPMSettings(execution=1.0)))).values()) == {0.0}
    for name, gradient in lab.gradients().items():
        torch.testing.assert_close(gradient, plain[name])


def test_a_fusion_without_shares_is_refused(lab):
    with pytest.raises(ColliculusError, match=r"opm .* choose a fusion"):
        lab.backward(begun(OPM(OPMSettings())), lambda output: replace(output, evidence={}))


@pytest.mark.parametrize(
    "settings", [{"base": 0.0}, {"base": 1.0}, {"slope": -0.1}, {"execution": 0.0}, {"execution": 1.1}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ColliculusError, match="opm"):
        OPMSettings(**settings)
