from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
import torch

from colliculus.losses import (
    AdditiveCrossEntropy,
    CrossEntropy,
    Objective,
    SemanticAlignment,
    UnimodalCrossEntropy,
    semantic_alignment,
)
from colliculus.types import Output


def output(logits, **residual):
    return Output(logits, logits[None], {}, residual)


def slow_alignment(a, b, labels, temperature):
    batch, total = len(labels), 0.0
    for i in range(batch):
        scores = [float(a[i] @ b[j]) / temperature for j in range(batch)]
        log_sum = math.log(sum(math.exp(s) for s in scores))
        total += sum((scores[j] - log_sum) * float(labels[i] == labels[j]) for j in range(batch)) / batch
    return -total / batch


def test_alignment_equals_a_slow_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(7, 5, generator=generator), torch.rand(7, 5, generator=generator)
    labels = torch.tensor([0, 1, 2, 0, 1, 0, 2])
    got = semantic_alignment(a, b, labels, 0.3).item()
    assert got == pytest.approx(slow_alignment(a, b, labels, 0.3), rel=1e-5)
    assert got != pytest.approx(semantic_alignment(b, a, labels, 0.3).item(), rel=1e-3)  # one direction


def slow_alignment_of_positives(a, b, same, temperature):
    """The mean over the positives of each anchor, weighed by the probability `same` that they are of its class."""
    total = 0.0
    for i in range(len(a)):
        scores = [float(a[i] @ b[j]) / temperature for j in range(len(b))]
        log_sum = math.log(sum(math.exp(s) for s in scores))
        weights = [float(same[i][j]) for j in range(len(b))]
        total += sum((s - log_sum) * w for s, w in zip(scores, weights, strict=True)) / sum(weights)
    return -total / len(a)


@pytest.mark.parametrize("soft", [False, True])
def test_alignment_of_the_positives_equals_a_slow_loop(soft) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(6, 5, generator=generator), torch.rand(6, 5, generator=generator)
    labels = torch.tensor([0, 1, 2, 0, 1, 0])
    same = [[float(x == y) for y in labels.tolist()] for x in labels.tolist()]
    if soft:
        labels = torch.rand(6, 3, generator=generator).softmax(1)
        same = [[sum(p * q for p, q in zip(x, y, strict=True)) for y in labels.tolist()] for x in labels.tolist()]
        for i in range(6):
            same[i][i] = 1.0  # a sample is of its own class
    got = semantic_alignment(a, b, labels, 0.3, "positives").item()
    assert got == pytest.approx(slow_alignment_of_positives(a, b, same, 0.3), rel=1e-5)
    assert got != pytest.approx(semantic_alignment(a, b, labels, 0.3).item(), rel=0.1)


def test_the_size_of_the_positives_does_not_depend_on_the_share_of_one_class() -> None:
    """Silent residuals have log B for each pair: the mean over the positives is log B, over all pairs log B / K."""
    silent = torch.zeros(12, 3)
    for classes in (2, 3, 6):
        labels = torch.arange(12) % classes
        assert semantic_alignment(silent, silent, labels, 0.07, "positives").item() == pytest.approx(math.log(12))
        assert semantic_alignment(silent, silent, labels, 0.07).item() == pytest.approx(math.log(12) / classes)


def test_gradients_of_the_positives_by_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(4, 3, dtype=torch.float64, generator=generator, requires_grad=True) for _ in range(2))
    labels = torch.tensor([0, 1, 0, 2])
    assert torch.autograd.gradcheck(lambda x, y: semantic_alignment(x, y, labels, 0.5, "positives"), (a, b))


def test_the_term_takes_the_mean_it_is_told() -> None:
    generator = torch.Generator().manual_seed(0)
    residual = {m: torch.rand(3, 4, 5, generator=generator) for m in ("a", "b")}
    labels, (a, b) = torch.tensor([0, 1, 0, 1]), (r.mean(0) for r in residual.values())
    got = SemanticAlignment(0.2, "positives")(output(torch.zeros(4, 2), **residual), labels)
    torch.testing.assert_close(got, semantic_alignment(a, b, labels, 0.2, "positives"))


def test_alignment_of_silent_residuals_is_that_of_equal_scores() -> None:
    labels = torch.tensor([0, 0, 1, 2])
    silent = torch.zeros(4, 3)
    assert semantic_alignment(silent, silent, labels, 0.07).item() == pytest.approx(math.log(4) * 6 / 16)


def test_alignment_gradients_by_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(4, 3, dtype=torch.float64, generator=generator, requires_grad=True) for _ in range(2))
    labels = torch.tensor([0, 1, 0, 2])
    assert torch.autograd.gradcheck(lambda x, y: semantic_alignment(x, y, labels, 0.5), (a, b))


def test_alignment_averages_time_first_and_pairs_in_declared_order() -> None:
    generator = torch.Generator().manual_seed(0)
    residual = {m: torch.rand(3, 4, 5, generator=generator) for m in ("c", "a", "b")}
    labels = torch.tensor([0, 1, 0, 1])
    pairs = [
        semantic_alignment(residual[x].mean(0), residual[y].mean(0), labels, 0.2)
        for x, y in itertools.combinations(("c", "a", "b"), 2)
    ]
    got = SemanticAlignment(0.2)(output(torch.zeros(4, 2), **residual), labels)
    torch.testing.assert_close(got, torch.stack(pairs).mean())


def test_nothing_to_align_costs_nothing() -> None:
    alone = output(torch.zeros(4, 2), audio=torch.ones(3, 4, 5))
    assert SemanticAlignment(0.07)(alone, torch.tensor([0, 1, 0, 1])).item() == 0


def test_cross_entropy_with_label_smoothing_by_hand() -> None:
    logits, labels = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([0])
    log_p = [x - math.log(math.exp(2) + 1 + math.exp(-1)) for x in (2.0, 0.0, -1.0)]
    expected = -(0.9 * log_p[0] + 0.1 * sum(log_p) / 3)
    assert CrossEntropy(0.1)(output(logits), labels).item() == pytest.approx(expected, rel=1e-6)


def test_terms_are_float32_whatever_the_output() -> None:
    generator = torch.Generator().manual_seed(0)
    narrow = torch.randn(4, 3, generator=generator).bfloat16()
    residual = {m: torch.rand(2, 4, 5, generator=generator).bfloat16() for m in ("audio", "visual")}
    own = {m: torch.randn(2, 4, 3, generator=generator).bfloat16() for m in ("audio", "visual")}
    terms = {"task": CrossEntropy(0.1), "alignment": SemanticAlignment(0.07), "unimodal": UnimodalCrossEntropy(0.1)}
    labels = torch.tensor([0, 1, 2, 0])
    got = Objective(terms)(replace(output(narrow, **residual), modality_logits=own), labels)
    wide = output(narrow.float(), **{m: r.float() for m, r in residual.items()})
    expected = Objective(terms)(replace(wide, modality_logits={m: z.float() for m, z in own.items()}), labels)
    assert {name: term.dtype for name, term in got.items()} == dict.fromkeys(terms, torch.float32)
    assert all(torch.equal(got[name], expected[name]) for name in terms)


@pytest.mark.parametrize("soft", [False, True])
def test_the_additive_loss_is_that_of_the_sum_of_the_own_logits(soft) -> None:
    generator = torch.Generator().manual_seed(0)
    own = {m: torch.randn(3, 4, 5, generator=generator) for m in "abc"}
    labels = torch.tensor([0, 4, 2, 2])
    if soft:
        labels = torch.rand(4, 5, generator=generator).softmax(1)
    shares = labels.tolist() if soft else [[float(k == label) for k in range(5)] for label in labels.tolist()]
    expected = 0.0
    for b in range(4):
        total = [sum(z[t, b, k].item() for z in own.values() for t in range(3)) / 3 for k in range(5)]
        log_sum = math.log(sum(math.exp(x) for x in total))
        expected += sum((0.9 * shares[b][k] + 0.1 / 5) * (log_sum - total[k]) for k in range(5)) / 4
    given = replace(output(torch.randn(4, 5, generator=generator)), modality_logits=own)
    assert AdditiveCrossEntropy(0.1, weight=0.3)(given, labels).item() == pytest.approx(0.3 * expected, rel=1e-5)


def test_the_weight_of_the_cross_entropy() -> None:
    given, labels = output(torch.randn(4, 3, generator=torch.Generator().manual_seed(0))), torch.tensor([0, 2, 1, 0])
    whole = CrossEntropy(0.1)(given, labels)
    torch.testing.assert_close(CrossEntropy(0.1, weight=0.7)(given, labels), 0.7 * whole)


def test_own_heads_are_judged_by_the_mean_over_time() -> None:
    own = {m: torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(i)) for i, m in enumerate("ab")}
    labels = torch.tensor([0, 4, 2, 2])
    expected = 0.0
    for z in own.values():
        for b, label in enumerate(labels.tolist()):
            mean = [sum(z[t, b, k].item() for t in range(3)) / 3 for k in range(5)]
            expected += (math.log(sum(math.exp(x) for x in mean)) - mean[label]) / 4
    given = replace(output(torch.zeros(4, 5)), modality_logits=own)
    assert UnimodalCrossEntropy(0.0, weight=0.5)(given, labels).item() == pytest.approx(0.5 * expected, rel=1e-5)
