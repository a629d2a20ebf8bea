"""Every kernel does what the loop does: spikes equal, gradients to rounding."""

from __future__ import annotations

import itertools
import multiprocessing

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from colliculus import ColliculusError
from colliculus.neurons import LIF, PLIF, SURROGATES, Dynamics, Triangle, lif
from colliculus.neurons.kernels import native
from colliculus.neurons.kernels.choice import KERNELS
from colliculus.neurons.kernels.native import library

compiled = pytest.mark.skipif(library() is None, reason="no C compiler when the package was installed")
FAST = [pytest.param("eager"), pytest.param("native", marks=compiled)]
ROUNDING = {torch.float64: 1e-12, torch.float32: 1e-6}
DYNAMICS = [
    Dynamics(threshold=0.7, reset=reset, detach_reset=detach, temporal_gradient=through, surrogate=surrogate())
    for reset, detach, through, surrogate in itertools.product(
        ("hard", "soft"), (True, False), (True, False), SURROGATES.values()
    )
]


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("leak", [0.5, 0.3, torch.tensor(0.3)], ids=["half", "fixed", "learned"])
def test_all_options_agree_with_the_loop(kernel, dtype, static, leak, make_call, agree) -> None:
    leak = leak.to(dtype) if isinstance(leak, torch.Tensor) else leak
    for dynamics in DYNAMICS:
        call = make_call(shape=(3, 211), steps=5, static=static, leak=leak, dynamics=dynamics, dtype=dtype)
        agree(call, kernel, ROUNDING[dtype])


ARRANGEMENTS = {
    "contiguous": lambda x: x,
    "channels last": lambda x: x.movedim(2, -1).contiguous().movedim(-1, 2),
    "time inside": lambda x: x.movedim(0, -1).contiguous().movedim(-1, 0),
    "every other": lambda x: x.repeat_interleave(2, -1)[..., ::2],
    "expanded": lambda x: x[:, :1].expand_as(x),
    "offset": lambda x: torch.cat([x, x])[x.shape[0] :],
}


@pytest.mark.parametrize("kernel", FAST)
@settings(max_examples=40, deadline=None)
@given(
    steps=st.integers(1, 12),
    shape=st.lists(st.integers(1, 5), min_size=3, max_size=3),
    arrangement=st.sampled_from(sorted(ARRANGEMENTS)),
    leak=st.floats(0.05, 0.95),
    threshold=st.floats(0.1, 2),
    dynamics=st.sampled_from(DYNAMICS),
    seed=st.integers(0, 1000),
)
def test_any_shape_and_strides(  # noqa: PLR0917
    kernel, make_call, agree, steps, shape, arrangement, leak, threshold, dynamics, seed
) -> None:
    call = make_call(
        shape=tuple(shape),
        steps=steps,
        leak=leak,
        dynamics=Dynamics(**{**vars(dynamics), "threshold": threshold}),
        arrange=ARRANGEMENTS[arrangement],
        seed=seed,
    )
    agree(call, kernel, 1e-12)


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("arrangement", ["contiguous", "channels last"])
def test_the_layout_is_kept(kernel, arrangement) -> None:
    x = ARRANGEMENTS[arrangement](torch.randn(3, 2, 5, 7, 4)).detach().requires_grad_()
    spikes = KERNELS[kernel].run(x, 0.5, Dynamics(), 3)
    (gradient,) = torch.autograd.grad(spikes.sum(), x)  # the gradient that comes in has strides of 0
    assert spikes.stride() == gradient.stride() == x.stride()


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("steps", [1, 33, 128])
def test_few_and_many_steps_of_more_columns_than_a_block(kernel, steps, make_call, agree, monkeypatch) -> None:
    monkeypatch.setattr("colliculus.neurons.kernels.layout.BLOCK", 1000)
    for through in (False, True):
        call = make_call(shape=(4, 1300), steps=steps, leak=0.4, dynamics=Dynamics(temporal_gradient=through))
        agree(call, kernel, 1e-12)


@pytest.mark.parametrize("kernel", ["eager"])
@pytest.mark.parametrize("through", [True, False])
def test_a_leak_of_every_channel(kernel, through, make_call, agree) -> None:
    leak = torch.linspace(0.2, 0.9, 5, dtype=torch.float64).unsqueeze(-1)
    for arrange in (ARRANGEMENTS["contiguous"], ARRANGEMENTS["channels last"]):
        call = make_call(
            shape=(2, 5, 9), leak=leak, dynamics=Dynamics(temporal_gradient=through), arrange=arrange, static=through
        )
        agree(call, kernel, 1e-12)


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("through", [True, False])
def test_what_is_no_number_shows_in_the_gradient(kernel, through) -> None:
    x = torch.randn(4, 40)
    x[1, 7] = torch.nan
    x.requires_grad_()
    KERNELS[kernel].run(x, 0.5, Dynamics(temporal_gradient=through), 4).sum().backward()
    assert x.grad[1:, 7].isnan().all()
    assert x.grad[:, :7].isfinite().all()


@pytest.mark.parametrize("kernel", [pytest.param("plain"), *FAST])
@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("graph", [True, False])
def test_an_infinite_current_fires_and_is_reset(kernel, detach, graph) -> None:
    """By hand, leak 1/2: after a hard reset the membrane is 0, whatever it was; -inf stays for good."""
    inf, nan = torch.inf, torch.nan
    currents = {
        (inf, inf, inf): (1, 1, 1),
        (inf, 0.3, 2.0): (1, 0, 1),  # v = 0.15, then 0.15 + (2 - 0.15) / 2 = 1.075
        (-inf, 2.0, inf): (0, 0, 0),  # -inf + inf is NaN, which does not fire
        (2.0, -inf, 2.0): (1, 0, 0),
        (nan, 2.0, inf): (0, 0, 0),
        (3e38, 3e38, -3e38): (1, 1, 0),
    }
    x = torch.tensor(list(currents)).T.contiguous().requires_grad_(graph)
    spikes = KERNELS[kernel].run(x, 0.5, Dynamics(detach_reset=detach), 3)
    assert spikes.T.tolist() == [list(map(float, fired)) for fired in currents.values()]


@compiled
@pytest.mark.parametrize("through", [True, False])
def test_bfloat16_is_rounded_once(through) -> None:
    x = torch.randn(6, 1500).mul(1.5).bfloat16().requires_grad_()
    weights = torch.randn(6, 1500).bfloat16()
    found = {}
    for kernel, currents in {"native": x, "plain": x.float()}.items():
        spikes = KERNELS[kernel].run(currents, 0.3, Dynamics(temporal_gradient=through), 6).to(x.dtype)
        found[kernel] = spikes, *torch.autograd.grad(spikes, x, weights)
    assert torch.equal(found["native"][0], found["plain"][0])
    torch.testing.assert_close(found["native"][1], found["plain"][1], rtol=2**-7, atol=1e-6)
    assert (found["native"][1] != found["plain"][1]).float().mean() < 0.01


@compiled
def test_threads_share_the_columns_without_a_trace(make_call, monkeypatch) -> None:
    call = make_call(shape=(9, 731), steps=6, leak=torch.tensor(0.3, dtype=torch.float64))
    alone = call.outcome("native")
    monkeypatch.setattr(native, "WORTH_A_THREAD", 1000)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    together = call.outcome("native")
    assert all(torch.equal(a, b) for a, b in zip(alone[:2], together[:2], strict=True))
    torch.testing.assert_close(alone[2], together[2], rtol=1e-12, atol=0)


def _spikes_in_child(queue) -> None:
    queue.put(int(KERNELS["native"].run(torch.full((4, 300_000), 1.5), 0.5, Dynamics(), 4).sum()))


@compiled
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_computes_too(monkeypatch) -> None:
    monkeypatch.setattr(native, "WORTH_A_THREAD", 1000)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    KERNELS["native"].run(torch.ones(4, 300_000), 0.5, Dynamics(), 4)
    child = context.Process(target=_spikes_in_child, args=(queue,))
    child.start()
    child.join(30)
    assert child.exitcode == 0
    assert queue.get() == 600_000


@pytest.mark.parametrize("kernel", FAST)
def test_a_second_derivative_is_refused(kernel) -> None:
    x = torch.randn(3, 4, requires_grad=True)
    with pytest.raises(ColliculusError, match="COLLICULUS_KERNELS=plain"):
        torch.autograd.grad(KERNELS[kernel].run(x, 0.5, Dynamics(), 3).sum(), x, create_graph=True)


def test_the_loop_has_second_derivatives() -> None:
    x = torch.full((2, 3), 0.7, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(KERNELS["plain"].run(x, 0.5, Dynamics(), 2).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert second.abs().min() > 0


@pytest.mark.parametrize("kernel", ["plain", *FAST])
def test_without_a_graph_nothing_is_kept(kernel) -> None:
    x = torch.randn(4, 30, requires_grad=True)
    with torch.no_grad():
        spikes = KERNELS[kernel].run(x, 0.5, Dynamics(), 4)
    assert not spikes.requires_grad
    assert torch.equal(spikes, KERNELS[kernel].run(x.detach(), 0.5, Dynamics(), 4))


@pytest.mark.parametrize("kernel", ["plain", *FAST])
def test_static_currents_are_those_of_every_step(kernel, monkeypatch) -> None:
    monkeypatch.setenv("COLLICULUS_KERNELS", kernel)
    for neuron in (LIF(tau=3.0), PLIF(tau=3.0)):
        once = torch.randn(1, 2, 50, dtype=torch.float64, requires_grad=True)
        spikes, repeated = neuron(once, steps=7), neuron(once.expand(7, -1, -1))
        assert torch.equal(spikes, repeated)
        gradients = [torch.autograd.grad(s.square().sum(), once)[0] for s in (spikes, repeated)]
        torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-14)


def test_steps_must_fit_the_currents() -> None:
    with pytest.raises(ColliculusError, match="3 steps cannot be integrated over 4"):
        lif(torch.zeros(3, 1), steps=4)


def test_a_surrogate_of_the_users_own_works_everywhere() -> None:
    class Narrow(Triangle):
        def derivative(self, x):
            return super().derivative(x) ** 2

    dynamics = Dynamics(surrogate=Narrow())
    x = torch.randn(3, 40, dtype=torch.float64, requires_grad=True)
    gradients = [
        torch.autograd.grad(run(x).sum(), x)[0]
        for run in (lambda x: lif(x, dynamics=dynamics), lambda x: KERNELS["plain"].run(x, 0.5, dynamics, 3))
    ]
    torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-14)
