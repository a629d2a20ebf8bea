"""A neuron that goes on from its membrane: two runs are one, to the last bit, by every kernel."""

from __future__ import annotations

import pytest
import torch
from active import assert_active
from hypothesis import given, settings
from hypothesis import strategies as st

from colliculus import ColliculusError
from colliculus.neurons import Dynamics, GradedDynamics, graded_from, lif, lif_from
from colliculus.neurons.dynamics import lif_step
from colliculus.neurons.kernels import native
from colliculus.neurons.kernels.choice import KERNELS
from colliculus.neurons.levels import graded_step

DYNAMICS = [
    Dynamics(threshold=0.7),
    Dynamics(threshold=0.6, reset="soft"),
    GradedDynamics(levels=3, step=0.4),
]
compiled = pytest.mark.skipif(native.library() is None, reason="no C compiler when the package was installed")
FAST = [pytest.param("eager"), pytest.param("native", marks=compiled)]
ALL = [pytest.param("plain"), *FAST]
ARRANGEMENTS = {
    "contiguous": lambda x: x,
    "channels last": lambda x: x.movedim(2, -1).contiguous().movedim(-1, 2),
    "time inside": lambda x: x.movedim(0, -1).contiguous().movedim(-1, 0),
    "every other": lambda x: x.repeat_interleave(2, -1)[..., ::2],
}


def currents_of(steps, shape, dtype=torch.float32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(steps, *shape, generator=generator, dtype=torch.float64).mul(1.5).to(dtype)


@pytest.mark.parametrize("kernel", ALL)
@settings(max_examples=60, deadline=None)
@given(
    steps=st.integers(2, 7),
    cut=st.integers(1, 6),
    shape=st.lists(st.integers(1, 7), min_size=3, max_size=3),
    arrangement=st.sampled_from(sorted(ARRANGEMENTS)),
    dynamics=st.sampled_from(DYNAMICS),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    static=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_two_runs_are_one(kernel, steps, cut, shape, arrangement, dynamics, dtype, static, seed) -> None:  # noqa: PLR0917
    cut = min(cut, steps - 1)
    x = ARRANGEMENTS[arrangement](currents_of(1 if static else steps, shape, dtype, seed))
    run = KERNELS[kernel].run_from
    whole, end = run(x, None, 0.3, dynamics, steps)
    first, middle = run(x if static else x[:cut], None, 0.3, dynamics, cut)
    kept = middle.clone()
    last, after = run(x if static else x[cut:], middle, 0.3, dynamics, steps - cut)
    assert torch.equal(torch.cat([first, last]), whole)
    assert torch.equal(after, end)
    assert torch.equal(middle, kept), "the membrane that was given is the caller's"
    assert after.dtype == dtype
    assert torch.equal(whole, KERNELS[kernel].run(x, 0.3, dynamics, steps))


@pytest.mark.parametrize("kernel", ALL)
@pytest.mark.parametrize("dynamics", DYNAMICS)
@pytest.mark.parametrize("leak", [0.5, 0.3])
def test_it_is_the_slow_loop_of_single_steps(kernel, dynamics, leak) -> None:
    x = currents_of(5, (3, 4500), torch.float64)  # more columns than a strip of the C code
    step = lif_step if isinstance(dynamics, Dynamics) else graded_step
    v, spikes = torch.randn(3, 4500, dtype=torch.float64, generator=torch.Generator().manual_seed(3)), []
    start = v.clone()
    for current in x:
        v, fired = step(v, current, leak, dynamics)
        spikes.append(fired)
    found, after = KERNELS[kernel].run_from(x, start, leak, dynamics, 5)
    assert_active(found, after)
    assert torch.equal(found, torch.stack(spikes))
    assert torch.equal(after, v)
    assert not torch.equal(found, KERNELS[kernel].run(x, leak, dynamics, 5)), "the start must matter"


def test_by_hand() -> None:
    """Leak 1/2: 0.5 + 0.5 = 1 fires and is reset; 0 + 0.6 stays; a soft reset leaves 1.2 - 1."""
    spikes, v = lif_from(torch.tensor([[1.5, 1.2]]), torch.tensor([0.5, 0.0]))
    assert (spikes.tolist(), v.tolist()) == ([[1.0, 0.0]], [0.0, pytest.approx(0.6)])
    spikes, v = lif_from(torch.tensor([[2.0]]), torch.tensor([0.4]), dynamics=Dynamics(reset="soft"))
    assert (spikes.item(), v.item()) == (1.0, pytest.approx(0.2))
    spikes, v = graded_from(torch.tensor([[1.0]]), torch.tensor([0.8]), 0.5)  # 0.4 + 1.0, three levels of 0.5
    assert (spikes.item(), v.item()) == (1.5, pytest.approx(-0.1))


@pytest.mark.parametrize("kernel", FAST)
def test_a_learned_leak_goes_on_too(kernel, monkeypatch) -> None:
    monkeypatch.setenv("COLLICULUS_KERNELS", kernel)
    leak, x = torch.tensor(0.3, requires_grad=True), currents_of(4, (2, 50)).requires_grad_()
    first, v = lif_from(x[:2], None, leak)
    last, after = lif_from(x[2:], v, leak)
    assert_active(first, last)
    assert torch.equal(torch.cat([first, last]), lif(x, leak).detach())
    assert not any(x.requires_grad for x in (last, after))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kernel", ALL)
@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_narrow_currents_keep_a_wide_membrane(kernel, dtype, dynamics, monkeypatch) -> None:
    monkeypatch.setenv("COLLICULUS_KERNELS", kernel)
    x = currents_of(4, (2, 300)).to(dtype)
    run = graded_from if isinstance(dynamics, GradedDynamics) else lif_from
    whole, _ = run(x, None, 0.3, dynamics)
    first, v = run(x[:1], None, 0.3, dynamics)
    last, _ = run(x[1:], v, 0.3, dynamics)
    assert_active(whole)
    assert (v.dtype, whole.dtype) == (torch.float32, dtype)
    assert torch.equal(torch.cat([first, last]), whole)


@pytest.mark.parametrize("kernel", ALL)
def test_a_membrane_of_another_layout_is_read_by_its_places(kernel) -> None:
    x = ARRANGEMENTS["channels last"](currents_of(2, (3, 4, 5)))
    start = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(2))
    found, after = KERNELS[kernel].run_from(x, start, 0.5, Dynamics(), 2)
    expected, v = KERNELS["plain"].run_from(x.contiguous(), start, 0.5, Dynamics(), 2)
    assert_active(found)
    assert torch.equal(found, expected)
    assert torch.equal(after, v)


@pytest.mark.parametrize("kernel", ALL)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0)])
def test_nothing_is_computed_of_nothing(kernel, shape) -> None:
    spikes, after = KERNELS[kernel].run_from(torch.zeros(2, *shape), None, 0.5, Dynamics(), 2)
    assert (spikes.shape, after.shape) == ((2, *shape), shape)


@pytest.mark.parametrize("shape", [(3,), (2, 4), (1, 2, 3), ()])
def test_a_membrane_of_another_shape_is_refused(shape) -> None:
    for run in (lif_from, graded_from):
        with pytest.raises(ColliculusError, match=r"a membrane has shape .* and a step of its currents \(2, 3\)"):
            run(torch.ones(4, 2, 3), torch.zeros(shape))


@compiled
@pytest.mark.parametrize("dynamics", DYNAMICS)
def test_threads_share_the_membranes(dynamics, monkeypatch) -> None:
    x, start = currents_of(3, (5, 1461)), torch.randn(5, 1461, generator=torch.Generator().manual_seed(4))
    alone = KERNELS["native"].run_from(x, start, 0.3, dynamics, 3)
    monkeypatch.setattr(native, "WORTH_A_THREAD", 1000)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    together = KERNELS["native"].run_from(x, start, 0.3, dynamics, 3)
    assert_active(*together)
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_it_can_be_exported_and_compiled() -> None:
    """A program that another one runs has the loop in it, and no operation of ours."""

    class Step(torch.nn.Module):
        def forward(self, x, v):
            return lif_from(x, v, 0.3, Dynamics(reset="soft"))

    x, v = currents_of(1, (2, 40)), torch.rand(2, 40, generator=torch.Generator().manual_seed(1))
    program = torch.export.export(Step(), (x, v))
    assert "colliculus" not in str(program.graph)
    found, expected = program.module()(x, v), lif_from(x, v, 0.3, Dynamics(reset="soft"))
    assert_active(expected[0])
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
