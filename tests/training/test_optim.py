from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from colliculus.methods import SCMRL
from colliculus.runs.experiment import TrainSettings
from colliculus.training.optim import build_optimizer, learning_rate, set_learning_rate, update_average
from colliculus.types import DataSpec

# by hand from the published settings: 1e-6 + e (6.25e-4 - 1e-6) / 5, then 1e-5 + 6.15e-4 (1 + cos(pi e / 100)) / 2
PUBLISHED = {
    0: 1e-6,
    1: 1.258e-4,
    4: 5.002e-4,
    5: 6.2121416e-4,  # cos 9 degrees = 0.98768834
    50: 3.175e-4,
    99: 1.01517e-5,  # cos 178.2 degrees = -0.99950656
}


@pytest.mark.parametrize(("epoch", "expected"), PUBLISHED.items())
def test_learning_rate_of_the_published_setting(epoch, expected):
    assert learning_rate(TrainSettings(), epoch) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("epoch", "expected"), [(0, 1e-3), (69, 1e-3), (70, 1e-4), (139, 1e-4), (140, 1e-5)])
def test_a_step_schedule_is_that_of_step_lr(epoch, expected):
    settings = TrainSettings(schedule="step", learning_rate=1e-3, warmup_epochs=0, epochs=150)
    assert learning_rate(settings, epoch) == pytest.approx(expected, rel=1e-9)
    theirs = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1e-3)
    schedule = torch.optim.lr_scheduler.StepLR(theirs, step_size=70, gamma=0.1)
    for _ in range(epoch):
        theirs.step()
        schedule.step()
    assert learning_rate(settings, epoch) == pytest.approx(schedule.get_last_lr()[0], rel=1e-9)


def test_a_warm_up_comes_before_the_steps():
    settings = TrainSettings(schedule="step", step_epochs=3, learning_rate=0.5, warmup_epochs=2, epochs=8)
    found = [learning_rate(settings, epoch) for epoch in range(4)]
    assert found == pytest.approx([1e-6, (0.5 + 1e-6) / 2, 0.5, 0.05])


@pytest.mark.parametrize(("epochs", "warmup"), [(1, 0), (2, 1), (3, 1), (4, 2), (9, 4), (10, 5)])
def test_the_warm_up_takes_at_most_half_of_a_short_run(epochs, warmup):
    settings = TrainSettings(epochs=epochs)
    cosine = TrainSettings(epochs=epochs, warmup_epochs=0)
    on_cosine = [learning_rate(settings, epoch) == learning_rate(cosine, epoch) for epoch in range(epochs)]
    assert on_cosine == [False] * warmup + [True] * (epochs - warmup)


@given(epochs=st.integers(1, 300), warmup=st.integers(0, 300))
def test_the_learning_rate_stays_between_its_bounds(epochs, warmup):
    settings = TrainSettings(epochs=epochs, warmup_epochs=warmup)
    rates = [learning_rate(settings, epoch) for epoch in range(epochs)]
    assert 1e-6 <= min(rates) <= max(rates) <= 6.25e-4


def test_biases_and_one_dimensional_parameters_do_not_decay():
    spec = DataSpec(channels={"a": 1, "b": 1}, sizes={"a": (8, 8), "b": (8, 8)}, num_classes=2)
    model = SCMRL(dim=8, heads=2, encoder="shallow").model(spec)
    decay = {
        id(p): group["weight_decay"]
        for group in build_optimizer(model, TrainSettings(weight_decay=0.1)).param_groups
        for p in group["params"]
    }
    assert len(decay) == len(list(model.parameters()))
    for name, parameter in model.named_parameters():
        plain = name.endswith("bias") or parameter.ndim < 2
        assert decay[id(parameter)] == (0.0 if plain else 0.1), name


def test_the_learning_rate_of_every_group_is_set():
    optimizer = build_optimizer(nn.Linear(2, 2), TrainSettings())
    set_learning_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.5]


def test_a_stream_learns_at_a_rate_of_its_own():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    optimizer = build_optimizer(model, TrainSettings(), {"audio": list(model[0].parameters())})
    set_learning_rate(optimizer, 0.5, {"audio": 3.0, "visual": 7.0})
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    assert [rates[id(p)] for p in model.parameters()] == [1.5, 1.5, 0.5, 0.5]
    set_learning_rate(optimizer, 0.5)
    assert {group["lr"] for group in optimizer.param_groups} == {0.5}


def test_the_readout_learns_faster_by_its_factor_and_by_that_of_its_modality():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))
    stream, pooling, head = (list(part.parameters()) for part in model)
    settings = TrainSettings(head_factor=10.0, weight_decay=0.1)
    optimizer = build_optimizer(model, settings, {"audio": stream + pooling}, [*pooling, *head])
    set_learning_rate(optimizer, 0.5, {"audio": 3.0})
    found = {id(p): (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
    expected = [(1.5, 0.1), (1.5, 0.0), (15.0, 0.1), (15.0, 0.0), (5.0, 0.1), (5.0, 0.0)]
    assert [found[id(p)] for p in model.parameters()] == expected


def test_a_factor_of_1_makes_no_group_and_a_group_without_one_keeps_its_rate():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    plain = build_optimizer(model, TrainSettings())
    optimizer = build_optimizer(model, TrainSettings(), readout=model[1].parameters())
    assert optimizer.state_dict() == plain.state_dict()
    saved = plain.state_dict()
    for group in saved["param_groups"]:
        del group["factor"]  # as in the state of an earlier version
    optimizer.load_state_dict(saved)
    set_learning_rate(optimizer, 0.5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.5]


def test_parameters_that_need_no_gradient_are_left_out():
    model = nn.Linear(2, 2)
    model.weight.requires_grad = False
    assert [group["params"] for group in build_optimizer(model, TrainSettings()).param_groups] == [[model.bias]]


@pytest.mark.parametrize(("step", "kept"), [(0, 0.1), (8, 0.5), (10_000, 0.9)])
def test_the_average_moves_by_its_share_and_slowly_only_when_it_has_seen_much(step, kept):
    model = nn.BatchNorm1d(1)
    average = deepcopy(model)
    nn.init.constant_(model.weight, 3.0)
    model.running_mean.fill_(2.0)
    model.num_batches_tracked.fill_(7)
    update_average(average, model, decay=0.9, step=step)
    torch.testing.assert_close(average.weight.item(), kept * 1.0 + (1 - kept) * 3.0)
    torch.testing.assert_close(average.running_mean.item(), (1 - kept) * 2.0)
    assert average.num_batches_tracked == 7


def test_sgd_takes_the_step_of_its_formula():
    """By hand: v = g + 0.1 w; w - 0.5 v; then v <- 0.9 v + g + 0.1 w."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 2.0)
    settings = TrainSettings(
        optimizer="sgd", momentum=0.9, weight_decay=0.1, warmup_epochs=0, learning_rate=0.5, final_learning_rate=0.5
    )
    optimizer = build_optimizer(model, settings)
    for expected in (2 - 0.5 * 1.2, 1.4 - 0.5 * (0.9 * 1.2 + 1 + 0.14)):
        optimizer.zero_grad()
        model(torch.ones(1, 1)).sum().backward()
        optimizer.step()
        assert model.weight.item() == pytest.approx(expected)


def test_all_parameters_at_once_get_the_bits_of_one_by_one():
    found = []
    for foreach in (None, False):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1))
        optimizer = build_optimizer(model, TrainSettings(weight_decay=0.1))
        assert all(group["foreach"] for group in optimizer.param_groups)
        for group in optimizer.param_groups:
            group.update(lr=0.01, **({} if foreach is None else {"foreach": foreach}))
        for _ in range(5):
            for parameter in model.parameters():
                parameter.grad = torch.randn_like(parameter)
            optimizer.step()
        found.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(*found)
