from __future__ import annotations

from dataclasses import replace
from math import exp, log

import pytest
import torch
from begun import begun

from colliculus.modulation import PMR, PMRSettings, Validation
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
    assert catching_up(ratio, "paper") == pytest.approx(weight)


def test_prototypes_move_by_their_momentum_and_a_class_unseen_keeps_its_own(lab):
    modulator = begun(PMR(PMRSettings(momentum=0.25)))
    prepare(modulator, lab, felt(audio=[[1.0], [3.0], [5.0]]), [0, 0, 1])
    modulator.end_epoch(Validation())
    assert modulator.state()["prototypes"]["audio"][:2].tolist() == [[2.0], [5.0]]
    assert modulator.state()["prototypes"]["audio"][2].isnan()
    prepare(modulator, lab, felt(audio=[[6.0]]), [0])
    prepare(modulator, lab, felt(audio=[[8.0], [9.0]]), [0, 2])
    modulator.end_epoch(Validation())
    # class 0: 2/4 + 3/4 * 7; class 1 was not seen; class 2 for the first time
    assert modulator.state()["prototypes"]["audio"].tolist() == [[5.75], [5.0], [9.0]]


NUMBERS = ("weight_audio", "weight_visual", "score_audio", "score_visual")


def test_the_loss_by_hand(lab):
    modulator = begun(PMR(PMRSettings(alpha=2.0, weights="paper")))
    first = prepare(modulator, lab, felt(audio=[[0.0], [1.0]], visual=[[0.0], [1.0]]), [0, 1])
    assert first.losses["prototypes"] == 0  # no prototypes yet
    assert first.report == {"temperature": 1.0} | dict.fromkeys(NUMBERS, 0.0)
    modulator.end_epoch(Validation())  # prototypes 0 and 1, none for class 2
    found = prepare(modulator, lab, felt(audio=[[0.0]], visual=[[0.4]]), [0])
    s_a = 1 / (1 + exp(-1.0))  # distances 0 and 1
    s_v = 1 / (1 + exp(-0.2))  # distances 0.4 and 0.6
    weight = s_a / s_v - 1
    told = dict(zip(("temperature", *NUMBERS), (1.0, 0.0, weight, s_a, s_v), strict=True))
    assert found.report == pytest.approx(told, rel=1e-5)
    assert found.losses["prototypes"].item() == pytest.approx(2 * weight * -log(s_v), rel=1e-5)


def test_a_sample_of_a_class_without_prototype_costs_nothing(lab):
    modulator = begun(PMR(PMRSettings()))
    prepare(modulator, lab, felt(audio=[[0.0], [1.0]], visual=[[0.0], [1.0]]), [0, 1])
    modulator.end_epoch(Validation())
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
    modulator = begun(PMR(PMRSettings()))
    lab.backward(modulator)
    modulator.end_epoch(Validation())
    report = lab.backward(modulator)
    weights = {name: w for name, w in report.items() if name.startswith("weight_")}
    slower = max(weights, key=weights.get).removeprefix("weight_")
    assert sorted(weights.values()) == [0.0, 1.0]
    changed = {n for n, g in lab.gradients().items() if not torch.allclose(g, plain[n], atol=1e-7)}
    assert changed
    assert all(slower in name.split(".") for name in changed)


def test_identical_modalities_add_nothing(lab):
    lab.make_identical()
    modulator = begun(PMR(PMRSettings()))
    lab.backward(modulator)
    modulator.end_epoch(Validation())
    report = lab.backward(modulator)
    assert [report[f"weight_{m}"] for m in lab.model.modalities] == [0.0] * len(lab.model.modalities)


def test_its_memory_goes_on(lab):
    first, second = begun(PMR(PMRSettings())), begun(PMR(PMRSettings()))
    lab.backward(first)
    first.end_epoch(Validation())
    second.restore(first.state())
    assert lab.backward(first) == lab.backward(second)
    for modulator in (first, second):
        modulator.end_epoch(Validation())
    for modality, prototypes in first.state()["prototypes"].items():
        assert torch.equal(second.state()["prototypes"][modality], prototypes)


def test_a_fusion_without_streams_is_refused(lab):
    with pytest.raises(ColliculusError, match=r"pmr .* another balance"):
        lab.backward(begun(PMR(PMRSettings())), lambda output: replace(output, streams={}))


@pytest.mark.parametrize("settings", [{"alpha": 0.0}, {"momentum": 1.0}, {"momentum": -0.1}, {"temperature": 0.0}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ColliculusError, match="pmr"):
        PMRSettings(**settings)


def test_smallest_settings_are_allowed():
    assert PMRSettings(alpha=0.5, momentum=0.0).momentum == 0.0


@pytest.mark.parametrize(("ratio", "weight"), [(2.0, 0.0), (1.0, 0.0), (0.8, 0.25), (0.1, 1.0), (0.0, 1.0)])
def test_who_is_behind_catches_up_by_the_formula(ratio, weight):
    assert catching_up(ratio, "paper") == pytest.approx(weight)


@pytest.mark.parametrize(("ratio", "weight"), [(2.0, 0.0), (1.0, 0.0), (1 - 1e-12, 0.0), (0.99, 1.0), (0.0, 1.0)])
def test_by_the_program_who_is_behind_has_the_whole_weight(ratio, weight):
    assert catching_up(ratio, "program") == weight


def test_a_temperature_sharpens_the_scores_and_the_loss(lab):
    modulator = begun(PMR(PMRSettings(temperature=0.1)))
    prepare(modulator, lab, felt(audio=[[0.0], [1.0]], visual=[[0.0], [1.0]]), [0, 1])
    modulator.end_epoch(Validation())
    found = prepare(modulator, lab, felt(audio=[[0.0]], visual=[[0.4]]), [0])
    s_a, s_v = 1 / (1 + exp(-10.0)), 1 / (1 + exp(-2.0))  # ten times the distances 1, and 0.6 - 0.4
    assert found.report["score_audio"] == pytest.approx(s_a, rel=1e-5)
    assert found.report["score_visual"] == pytest.approx(s_v, rel=1e-5)
    assert found.losses["prototypes"].item() == pytest.approx(-log(s_v), rel=1e-5)


def test_outside_its_epochs_it_gathers_prototypes_and_adds_nothing(lab):
    modulator = PMR(PMRSettings(first_epoch=3, last_epoch=3, temperature=0.5))
    losses, scores = [], []
    for epoch in range(4):
        begun(modulator, epoch)
        output = felt(audio=[[0.0], [1.0]], visual=[[0.0], [0.9]])
        found = prepare(modulator, lab, output, [0, 1])
        losses.append(found.losses["prototypes"].item())
        scores.append(found.report["score_audio"])
        assert found.report["temperature"] == 0.5
        assert found.report["weight_visual"] == (epoch == 2)
        assert modulator.state()["prototypes"].keys() == ({"audio", "visual"} if epoch else set())
        modulator.end_epoch(Validation())
    assert [loss > 0 for loss in losses] == [False, False, True, False]
    assert scores == pytest.approx([0.0] + 3 * [1 / (1 + exp(-2.0))], rel=1e-5)  # the distances are 0 and 1
