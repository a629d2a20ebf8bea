from __future__ import annotations

from dataclasses import replace
from math import exp, log

import pytest
import torch

from colliculus.modulation import PMR, PMRSettings
from colliculus.modulation.pmr import catching_up, class_sums, prototype_logits
from colliculus.runtime import Runtime
from colliculus.types import ColliculusError, Output

ALONE = Runtime(device=torch.device("cpu"))


def felt(**features):
    """An output in which each modality's stream has these features (B, D) at each of two steps."""
    streams = {m: torch.tensor(x).expand(2, -1, -1) for m, x in features.items()}
    logits = torch.zeros(len(next(iter(features.values()))), 3)
    return Output(logits, logits[None], {}, streams=streams)


def nothing(output, labels):
    return {}


def prepare(modulator, lab, output, labels):
    return modulator.before_backward(lab.model, output, torch.tensor(labels), nothing, ALONE)


def test_prototype_logits_are_minus_euclidean_distances():
    found = prototype_logits(torch.tensor([[0.0, 0.0], [3.0, 0.0]]), torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    assert found.tolist() == [[-5.0, 0.0], [-4.0, -3.0]]


def test_gradient_of_the_distances_by_finite_differences():
    generator = torch.Generator().manual_seed(0)
    z, p = (torch.randn(n, 3, dtype=torch.float64, generator=generator, requires_grad=True) for n in (4, 2))
    assert torch.autograd.gradcheck(prototype_logits, (z, p))


def test_the_feature_at_its_prototype_has_a_gradient():
    z = torch.ones(1, 3, requires_grad=True)
    prototype_logits(z, torch.ones(1, 3)).sum().backward()
    assert z.grad.isfinite().all()


def test_class_sums_equal_a_slow_loop():
    generator = torch.Generator().manual_seed(0)
    z, labels = torch.randn(7, 3, generator=generator), torch.tensor([0, 1, 1, 3, 0, 1, 3])
    found = class_sums(z, labels, 4)
    for k in range(4):
        rows = [z[i] for i in range(7) if labels[i] == k]
        assert found[k, -1] == len(rows)
        torch.testing.assert_close(found[k, :-1], sum(rows, torch.zeros(3)))


@pytest.mark.parametrize(("ratio", "weight"), [(2.0, 0.0), (1.0, 0.0), (0.8, 0.25), (0.5, 1.0), (0.1, 1.0), (0.0, 1.0)])
def test_only_the_slower_modality_is_helped(ratio, weight):
    assert catching_up(ratio) == pytest.approx(weight)


def test_prototypes_move_by_their_momentum_and_a_class_unseen_keeps_its_own(lab):
    modulator = PMR(PMRSettings(momentum=0.25))
    prepare(modulator, lab, felt(audio=[[1.0], [3.0], [5.0]]), [0, 0, 1])
    modulator.end_epoch({})
    assert modulator.state()["prototypes"]["audio"][:2].tolist() == [[2.0], [5.0]]
    assert modulator.state()["prototypes"]["audio"][2].isnan()
    prepare(modulator, lab, felt(audio=[[6.0]]), [0])
    prepare(modulator, lab, felt(audio=[[8.0], [9.0]]), [0, 2])
    modulator.end_epoch({})
    # class 0: 2/4 + 3/4 * 7; class 1 was not seen; class 2 for the first time
    assert modulator.state()["prototypes"]["audio"].tolist() == [[5.75], [5.0], [9.0]]


def test_the_loss_by_hand(lab):
    modulator = PMR(PMRSettings(alpha=2.0))
    first = prepare(modulator, lab, felt(audio=[[0.0], [1.0]], visual=[[0.0], [1.0]]), [0, 1])
    assert first.losses["prototypes"] == 0  # no prototypes yet
    assert first.report == {"weight_audio": 0.0, "weight_visual": 0.0}
    modulator.end_epoch({})  # prototypes 0 and 1, none for class 2
    found = prepare(modulator, lab, felt(audio=[[0.0]], visual=[[0.4]]), [0])
    s_a = 1 / (1 + exp(-1.0))  # distances 0 and 1
    s_v = 1 / (1 + exp(-0.2))  # distances 0.4 and 0.6
    weight = s_a / s_v - 1
    assert found.report == pytest.approx({"weight_audio": 0.0, "weight_visual": weight}, rel=1e-5)
    assert found.losses["prototypes"].item() == pytest.approx(2 * weight * -log(s_v), rel=1e-5)


def test_a_sample_of_a_class_without_prototype_costs_nothing(lab):
    modulator = PMR(PMRSettings())
    prepare(modulator, lab, felt(audio=[[0.0], [1.0]], visual=[[0.0], [1.0]]), [0, 1])
    modulator.end_epoch({})
    z = torch.tensor([[[0.4], [5.0]]], requires_grad=True)
    output = replace(felt(audio=[[0.0], [5.0]]), streams={"audio": torch.tensor([[[0.0], [5.0]]]), "visual": z})
    loss = prepare(modulator, lab, output, [0, 2]).losses["prototypes"]
    loss.backward()
    assert loss > 0
    assert z.grad[0, 0].abs() > 0
    assert z.grad[0, 1] == 0


def test_the_loss_reaches_the_slower_encoder_only(make_lab):
    lab = make_lab(2, unimodal_loss=0.0)
    plain = lab.plain_gradients()
    modulator = PMR(PMRSettings())
    lab.backward(modulator)
    modulator.end_epoch({})
    report = lab.backward(modulator)
    slower = max(report, key=report.get).removeprefix("weight_")
    assert sorted(w > 0 for w in report.values()) == [False, True]
    changed = {n for n, g in lab.gradients().items() if not torch.allclose(g, plain[n], atol=1e-7)}
    assert changed
    assert all(slower in name.split(".") for name in changed)


def test_identical_modalities_add_nothing(lab):
    lab.make_identical()
    modulator = PMR(PMRSettings())
    lab.backward(modulator)
    modulator.end_epoch({})
    assert list(lab.backward(modulator).values()) == pytest.approx([0.0] * len(lab.model.modalities), abs=1e-12)


def test_its_memory_goes_on(lab):
    first, second = PMR(PMRSettings()), PMR(PMRSettings())
    lab.backward(first)
    first.end_epoch({})
    second.restore(first.state())
    assert lab.backward(first) == lab.backward(second)
    for modulator in (first, second):
        modulator.end_epoch({})
    for modality, prototypes in first.state()["prototypes"].items():
        assert torch.equal(second.state()["prototypes"][modality], prototypes)


def test_a_fusion_without_streams_is_refused(lab):
    with pytest.raises(ColliculusError, match=r"pmr .* another balance"):
        lab.backward(PMR(PMRSettings()), lambda output: replace(output, streams={}))


@pytest.mark.parametrize("settings", [{"alpha": 0.0}, {"momentum": 1.0}, {"momentum": -0.1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ColliculusError, match="pmr"):
        PMRSettings(**settings)


def test_smallest_settings_are_allowed():
    assert PMRSettings(alpha=0.5, momentum=0.0).momentum == 0.0


@pytest.mark.parametrize(("ratio", "weight"), [(2.0, 0.0), (1.0, 0.0), (0.8, 0.25), (0.1, 1.0), (0.0, 1.0)])
def test_who_is_behind_catches_up_by_the_formula(ratio, weight):
    assert catching_up(ratio) == pytest.approx(weight)
