from __future__ import annotations

import math

import pytest
import torch
from torch.func import functional_call

from colliculus.fusion import ClipWarp
from colliculus.fusion.time_alignment import interpolation
from colliculus.layers import resample

B, D = 4, 8
LENGTHS = [(4, 4), (6, 4), (3, 5), (1, 4), (5, 1)]


def stream(steps, seed=0, dtype=torch.float32):
    return torch.rand(steps, B, D, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def moving(source, target, dtype=torch.float32):
    torch.manual_seed(0)
    module = ClipWarp(source, target, D).to(dtype)
    torch.nn.init.normal_(module.network[-1].weight, std=2)
    return module


@pytest.mark.parametrize(("source", "target"), LENGTHS)
def test_it_changes_nothing_at_first_for_any_clip(source, target) -> None:
    module, x = ClipWarp(source, target, D), stream(source)
    torch.testing.assert_close(module(x), resample(x, target, "linear"))
    tokens = torch.rand(source, B, D, 3)
    torch.testing.assert_close(module(tokens), resample(tokens, target, "linear"))


@pytest.mark.parametrize(("source", "target"), LENGTHS)
def test_positions_always_increase_and_depend_on_the_clip(source, target) -> None:
    module, x = moving(source, target), stream(source)
    positions = module.positions(x)
    assert positions.shape == (target, B)
    assert (positions.diff(dim=0) > 0).all()
    assert positions.std(dim=1).min() > 1e-3
    torch.testing.assert_close(module.matrices(x).sum(2), torch.ones(B, target))
    alone = module.positions(x[:, 1:2])
    torch.testing.assert_close(alone[:, 0], positions[:, 1])  # no clip depends on another


def test_it_is_that_of_a_slow_loop() -> None:
    source, target = 5, 4
    module, x = moving(source, target, torch.float64), stream(source, dtype=torch.float64)
    found = module(x)
    _, conv, _, out = module.network
    sigma = module.shared.log_width.exp().item()
    begins = [(t + 0.5) * source / target - 0.5 for t in range(target)]
    expected = torch.zeros(target, B, D, dtype=torch.float64)
    for b in range(B):
        changes = []
        for s in range(source):
            hidden = conv.bias.clone()
            for back in range(3):
                if s - back >= 0:
                    hidden += conv.weight[:, :, 2 - back] @ x[s - back, b]
            changes.append((out.weight[0, :, 0] @ hidden.tanh()).item())
        g = module.shared.start.item()
        for t in range(target):
            place = int(min(max(begins[t], 0), source - 1))
            g += math.log1p(math.exp(module.shared.raw_increments[t].item() + changes[place]))
            window = [math.exp(-((s - g) ** 2) / (2 * sigma**2)) for s in range(source)]
            first = [math.exp(-((s - begins[t]) ** 2) / (2 * sigma**2)) for s in range(source)]
            row = interpolation(source, target)[t].double()
            for s in range(source):
                weight = row[s] + window[s] / sum(window) - first[s] / sum(first)
                expected[t, b] += weight * x[s, b]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


def test_where_a_step_is_read_depends_on_no_later_step() -> None:
    module, x = moving(6, 6), stream(6)
    later = torch.cat([x[:3], stream(3, seed=1)])
    torch.testing.assert_close(module.positions(x)[:3], module.positions(later)[:3])
    assert not torch.allclose(module.positions(x)[3:], module.positions(later)[3:])


def test_gradients_by_finite_differences() -> None:
    module, x = moving(5, 3, torch.float64), stream(5, dtype=torch.float64).requires_grad_()
    names, values = zip(*module.named_parameters(), strict=True)
    buffers = dict(module.named_buffers())

    def run(x, *values):
        return functional_call(module, buffers | dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(run, (x, *values))


def test_it_learns_a_lag_that_each_clip_shows_in_its_first_step() -> None:
    """Half of the clips lag by a step, and say so in their first feature; a shared warp cannot undo that."""
    torch.manual_seed(0)
    lagging = torch.arange(16) % 2 == 1

    def clips():
        plain = torch.rand(6, 16, D)
        late = torch.cat([plain[:1], plain[:-1]])
        x = torch.where(lagging[:, None], late, plain)
        x[:, :, 0] = lagging.float()
        plain[:, :, 0] = lagging.float()
        return x, plain

    def error(module):
        optimizer = torch.optim.Adam(module.parameters(), lr=0.03)
        for _ in range(150):
            x, plain = clips()
            loss = (module(x)[:-1] - plain[:-1]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.item()

    by_clip, shared = ClipWarp(6, 6, D), ClipWarp(6, 6, D).shared
    assert error(by_clip) < 0.5 * error(shared)
