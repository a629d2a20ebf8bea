from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from one_step import Linear, cross_entropy, make_step
from torch import nn

from colliculus.modulation import Modulator, PreparedLosses
from colliculus.runtime import Runtime, check_norm
from colliculus.training.step import EpochSums, StepReport
from colliculus.types import Batch, ColliculusError


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Linear()


@pytest.fixture
def batch():
    return Batch({"a": torch.randn(6, 1, 2, 2, generator=torch.manual_seed(1))}, torch.tensor([0, 1, 2, 0, 1, 2]))


def test_a_step_descends_the_gradient_by_the_learning_rate(model, batch):
    before = model.layer.weight.detach().clone()
    (gradient,) = torch.autograd.grad(cross_entropy(model(batch.inputs), batch.labels)["task"], model.layer.weight)
    make_step(model)(batch)
    torch.testing.assert_close(model.layer.weight.detach(), before - 0.1 * gradient)


def test_a_second_step_does_not_add_to_the_gradients_of_the_first(model, batch):
    step = make_step(model, optimizer=torch.optim.SGD(model.parameters(), lr=1e-12))
    torch.testing.assert_close(step(batch).grad_norm, step(batch).grad_norm)


def test_the_modulator_comes_after_backward_and_before_clipping_and_step(model, batch):
    before = model.layer.weight.detach().clone()

    class Tenfold(Modulator):
        def __call__(self, model, output, labels, collective, prepared):
            assert torch.equal(model.layer.weight, before)
            for parameter in model.parameters():
                parameter.grad.mul_(10)
            return {"factor": 10.0}

    plain = make_step(Linear())
    plain.model.load_state_dict(model.state_dict())
    norm = plain(batch).grad_norm
    report = make_step(model, modulator=Tenfold(), clip_norm=1e-3)(batch)
    torch.testing.assert_close(report.grad_norm, 10 * norm)
    assert report.modulation == {"factor": 10.0}
    moved = torch.cat([(model.layer.weight - before).flatten(), model.layer.bias.new_zeros(0)]).norm().item()
    assert moved <= 0.1 * 1e-3 * 1.001


def test_what_the_modulator_prepares_is_what_is_minimised_and_what_it_sees_again(model, batch):
    class Doubled(Modulator):
        def before_backward(self, model, output, labels, objective, collective):
            return PreparedLosses(
                {name: 2 * loss for name, loss in objective(output, labels).items()}, report={"twice": 2.0}
            )

    plain = make_step(Linear())
    plain.model.load_state_dict(model.state_dict())
    report, doubled = plain(batch), make_step(model, modulator=Doubled())(batch)
    torch.testing.assert_close(doubled.grad_norm, 2 * report.grad_norm)
    torch.testing.assert_close(doubled.sums["task"], 2 * report.sums["task"])
    assert doubled.modulation == {"twice": 2.0}


def test_every_term_is_minimised_and_reported_as_a_sum_over_samples(model, batch):
    def two_terms(output, labels):
        return {**cross_entropy(output, labels), "size": output.logits.square().mean()}

    report = make_step(model, objective=two_terms)(batch)
    assert set(report.sums) == {"samples", "correct", "task", "size"}
    assert report.sums["samples"] == 6
    assert report.grad_norm != make_step(model)(batch).grad_norm


def test_the_objective_sees_float32_under_bfloat16(model, batch):
    seen = []

    def objective(output, labels):
        seen.extend([output.logits, output.step_logits, output.evidence["a"], output.residual["a"]])
        assert not torch.is_autocast_enabled("cpu")
        return cross_entropy(output, labels)

    low = Runtime(device=torch.device("cpu"), precision="bf16")
    with low.autocast():
        assert model(batch.inputs).logits.dtype == torch.bfloat16
    make_step(model, objective=objective, runtime=low)(batch)
    assert [x.dtype for x in seen] == [torch.float32] * 4
    assert model.layer.weight.grad.dtype == torch.float32


def test_a_loss_that_is_not_finite_is_found_by_the_norm(model, batch):
    check_norm(make_step(model)(batch).grad_norm)
    batch.inputs["a"][0] = float("inf")
    with pytest.raises(ColliculusError, match="diverged"):
        check_norm(make_step(model)(batch).grad_norm)


def test_epoch_means_weigh_samples_and_steps():
    sums = EpochSums()
    for samples, correct, task, norm in ((4.0, 1.0, 8.0, 1.0), (2.0, 2.0, 1.0, 3.0)):
        values = {"samples": samples, "correct": correct, "task": task}
        alone = {"a": torch.tensor(int(correct))}
        sums.add(
            StepReport({k: torch.tensor(v) for k, v in values.items()}, torch.tensor(norm), {"share": norm}, alone)
        )
    assert sums.totals() == {"samples": 6, "correct": 3, "task": 9}
    samples, means = sums.means(Runtime(device=torch.device("cpu")))
    assert samples == 6
    assert means == {
        "train_loss": 1.5, "train_task": 1.5, "train_accuracy": 0.5, "train_accuracy_a": 0.5, "grad_norm": 2.0,
        "modulation_share": 2.0,
    }  # fmt: skip


def test_right_answers_to_soft_labels_count_by_their_probability(model, batch):
    hard = make_step(model, optimizer=torch.optim.SGD(model.parameters(), lr=1e-12))(batch)
    soft = nn.functional.one_hot(batch.labels, 3).float()
    one_hot = make_step(model, optimizer=torch.optim.SGD(model.parameters(), lr=1e-12))(replace(batch, labels=soft))
    assert one_hot.sums["correct"] == hard.sums["correct"]
    assert one_hot.correct == hard.correct
    predicted = model(batch.inputs).logits.argmax(dim=1)
    mixed = 0.75 * soft + 0.25 * soft.roll(1, dims=0)
    found = make_step(model)(replace(batch, labels=mixed))
    assert found.sums["correct"].item() == pytest.approx(sum(mixed[i, k].item() for i, k in enumerate(predicted)))
    assert found.sums["samples"] == 6
