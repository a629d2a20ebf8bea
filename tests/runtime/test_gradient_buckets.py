from __future__ import annotations

import pytest
import torch
from torch import nn

from colliculus.runtime.gradient_buckets import Buckets


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2))


def sent_during(network, monkeypatch, buckets_of_bytes, parameters=None):
    """Sums, and whether the backward pass still ran when each row was sent."""
    monkeypatch.setattr("colliculus.runtime.gradient_buckets.BUCKET_BYTES", buckets_of_bytes)
    running, rows = [True], []

    def start(row):
        rows.append((row.clone(), running[0]))
        return lambda: row.mul_(2)  # two processes with the same gradients

    loss = network(torch.randn(3, 4)).square().sum()
    first = next(iter(network.parameters()))
    handle = first.register_post_accumulate_grad_hook(lambda _: running.__setitem__(0, False))

    def backward():
        loss.backward()
        running[0] = False

    parameters = [*network.parameters()] if parameters is None else parameters
    sums = Buckets(parameters, start).sums_of(backward)
    handle.remove()
    return sums, rows


def test_the_sum_is_that_of_all_gradients_at_once(network, monkeypatch):
    sums, rows = sent_during(network, monkeypatch, 1 << 30)
    assert len(rows) == 1
    assert {p: s.shape for p, s in sums.items()} == {p: p.shape for p in network.parameters()}
    for parameter, total in sums.items():
        assert parameter.grad.abs().max() > 0
        assert torch.equal(total, 2 * parameter.grad)


def test_buckets_are_sent_last_parameters_first_while_the_backward_pass_runs(network, monkeypatch):
    sums, rows = sent_during(network, monkeypatch, 8 * 8 * 4)
    *layers, _ = reversed([*network.parameters()])
    assert torch.equal(rows[0][0][:2], layers[0].grad)
    assert len(rows) > 2
    assert rows[0][1]
    assert torch.equal(
        torch.cat([row for row, _ in rows]), torch.cat([p.grad.flatten() for p in reversed([*network.parameters()])])
    )
    assert all(torch.equal(total, 2 * p.grad) for p, total in sums.items())


def test_a_parameter_without_gradient_is_sent_as_zeros_and_keeps_the_order(network, monkeypatch):
    unused = nn.Parameter(torch.ones(5))
    parameters = [*network.parameters(), unused]  # the first to be sent: all others wait for it
    sums, rows = sent_during(network, monkeypatch, 1, parameters)
    assert unused.grad is None
    assert not sums[unused].any()
    assert torch.equal(rows[0][0], torch.zeros(5))
    assert not any(running for _, running in rows)
    assert all(torch.equal(sums[p], 2 * p.grad) for p in network.parameters())
