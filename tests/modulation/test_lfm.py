from __future__ import annotations

from dataclasses import replace
from math import log

import pytest
import torch
from begun import begun

from colliculus.modulation import LFM, LFMSettings
from colliculus.modulation.lfm import alignment, divergence
from colliculus.types import ColliculusError


def of(*probabilities):
    return torch.tensor([probabilities]).log()


def test_divergences_by_hand():
    """p = (1/4, 3/4), q = (3/4, 1/4), mean (1/2, 1/2)."""
    p, q = of(0.25, 0.75), of(0.75, 0.25)
    shannon = 0.25 * log(0.5) + 0.75 * log(1.5)
    program = 0.5 * log(2) + 0.5 * log(2 / 3)
    assert divergence(p, q, "jensen-shannon").item() == pytest.approx(shannon, rel=1e-5)
    assert divergence(p, q, "program").item() == pytest.approx(program, rel=1e-5)


def test_equal_predictions_do_not_diverge_and_the_order_does_not_matter():
    p, q = of(0.2, 0.8), of(0.6, 0.4)
    for kind in ("program", "jensen-shannon"):
        assert divergence(p, p, kind).item() == pytest.approx(0, abs=1e-7)
        assert divergence(p, q, kind).item() == pytest.approx(divergence(q, p, kind).item())
        assert divergence(p, q, kind) > 0.01


def test_predictions_without_a_doubt_are_finite():
    p, q = torch.tensor([[0.0, 200.0]]), torch.tensor([[200.0, 0.0]])
    assert divergence(p, q, "jensen-shannon").item() == pytest.approx(log(2))
    assert divergence(p, q, "program").isfinite()


def test_it_is_the_mean_over_pairs():
    a, b, c = of(0.2, 0.8), of(0.6, 0.4), of(0.5, 0.5)
    pairs = [divergence(x, y, "program") for x, y in ((a, b), (a, c), (b, c))]
    assert alignment({"a": a, "b": b, "c": c}, "program").item() == pytest.approx(sum(pairs).item() / 3)
    assert alignment({"a": a}, "program") == 0


def test_it_stays_within_its_range(lab):
    for weight, rate in ((0.05, 1e9), (0.95, 1e9)):
        modulator = begun(LFM(LFMSettings(weight=weight, rate=rate)))
        assert 0.05 <= lab.backward(modulator)["alignment_weight"] <= 0.95


def test_a_single_sample_teaches_no_weight(lab):
    lab.batch = replace(lab.batch, inputs={m: x[:1] for m, x in lab.batch.inputs.items()}, labels=lab.batch.labels[:1])
    lab.model.eval()
    assert lab.backward(begun(LFM(LFMSettings(weight=0.5, rate=1e6)))) == {"alignment_weight": 0.5}


def test_its_memory_goes_on(lab):
    first, second = (begun(LFM(LFMSettings(weight=0.5, rate=10.0))) for _ in range(2))
    lab.backward(first)
    assert first.state() != second.state()
    second.restore(first.state())
    assert lab.backward(begun(first, 1)) == lab.backward(begun(second, 1))


def test_without_heads_it_takes_the_shares(make_lab):
    lab = make_lab(2, unimodal_loss=0.0)
    plain = lab.plain_gradients()
    lab.backward(begun(LFM(LFMSettings(weight=0.5))))
    assert not torch.allclose(lab.gradients()["head.linear.weight"], plain["head.linear.weight"])


def test_a_fusion_without_predictions_is_refused(make_lab):
    with pytest.raises(ColliculusError, match=r"lfm .* set unimodal_loss"):
        make_lab(2, unimodal_loss=0.0).backward(LFM(LFMSettings()), lambda output: replace(output, evidence={}))


@pytest.mark.parametrize("settings", [{"weight": 0.04}, {"weight": 0.96}, {"rate": -1.0}, {"rate": float("inf")}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ColliculusError, match="lfm"):
        LFMSettings(**settings)
