"""Every kernel of the graded neuron does what the loop does: spikes equal to the last bit, gradients to rounding."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from colliculus import ColliculusError
from colliculus.neurons import GradedDynamics, GradedNeuron
from colliculus.neurons.kernels import compiled, graded_native, native
from colliculus.neurons.kernels.choice import KERNELS, kernel_for

needs_library = pytest.mark.skipif(graded_native.library() is None, reason="the C code was not compiled here")
FAST = [pytest.param("eager"), pytest.param("native", marks=needs_library)]
ROUNDING = {torch.float64: 1e-12, torch.float32: 1e-6}
DYNAMICS = [
    GradedDynamics(levels=levels, step=step, detach_reset=detach, temporal_gradient=through)
    for (levels, step), detach, through in itertools.product([(8, 0.25), (3, 0.3)], (True, False), (True, False))
]
ARRANGEMENTS = {
    "contiguous": lambda x: x,
    "channels last": lambda x: x.movedim(2, -1).contiguous().movedim(-1, 2),
    "time inside": lambda x: x.movedim(0, -1).contiguous().movedim(-1, 0),
    "every other": lambda x: x.repeat_interleave(2, -1)[..., ::2],
    "expanded": lambda x: x[:, :1].expand_as(x),
    "offset": lambda x: torch.cat([x, x])[x.shape[0] :],
}


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("steps", [1, 5])
def test_all_options_agree_with_the_loop(kernel, dtype, static, steps, make_call, agree) -> None:
    for dynamics, decay in itertools.product(DYNAMICS, (0.5, 0.3)):
        call = make_call(shape=(3, 211), steps=steps, static=static, leak=decay, dynamics=dynamics, dtype=dtype)
        assert len(call.outcome("plain")[0].unique()) == dynamics.levels + 1
        agree(call, kernel, ROUNDING[dtype])


@pytest.mark.parametrize("kernel", FAST)
@settings(max_examples=40, deadline=None)
@given(
    steps=st.integers(1, 12),
    shape=st.lists(st.integers(1, 5), min_size=3, max_size=3),
    arrangement=st.sampled_from(sorted(ARRANGEMENTS)),
    decay=st.floats(0, 1),
    dynamics=st.sampled_from(DYNAMICS),
    seed=st.integers(0, 1000),
)
def test_any_shape_and_strides(kernel, make_call, agree, steps, shape, arrangement, decay, dynamics, seed) -> None:  # noqa: PLR0917
    call = make_call(
        shape=tuple(shape), steps=steps, leak=decay, dynamics=dynamics, arrange=ARRANGEMENTS[arrangement], seed=seed
    )
    agree(call, kernel, 1e-12)


@pytest.mark.parametrize("kernel", ["plain", *FAST])
def test_a_half_is_rounded_up(kernel) -> None:
    currents = torch.tensor([[-0.25, 0.25, 0.75, 1.25, 1.75, 3.75, 4.25]])
    spikes = KERNELS[kernel].run(currents, 0.5, GradedDynamics(), 1)
    assert spikes.flatten().tolist() == [0, 0.5, 1, 1.5, 2, 4, 4]


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("arrangement", ["contiguous", "channels last"])
def test_the_layout_is_kept(kernel, arrangement) -> None:
    x = ARRANGEMENTS[arrangement](torch.randn(3, 2, 5, 7, 4)).detach().requires_grad_()
    spikes = KERNELS[kernel].run(x, 0.5, GradedDynamics(), 3)
    (gradient,) = torch.autograd.grad(spikes.sum(), x)
    assert spikes.stride() == gradient.stride() == x.stride()


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("steps", [1, 33, 128])
def test_few_and_many_steps_of_more_columns_than_a_block(kernel, steps, make_call, agree, monkeypatch) -> None:
    monkeypatch.setattr("colliculus.neurons.kernels.layout.BLOCK", 1000)
    for dynamics in DYNAMICS:
        agree(make_call(shape=(4, 1300), steps=steps, leak=0.4, dynamics=dynamics), kernel, 1e-12)


@pytest.mark.parametrize("kernel", ["plain", *FAST])
def test_what_is_no_number_shows(kernel) -> None:
    x = torch.randn(4, 40)
    x[1, 7] = torch.nan
    spikes = KERNELS[kernel].run(x, 0.5, GradedDynamics(), 4)
    assert spikes[1:, 7].isnan().all()
    assert spikes[:, :7].isfinite().all()


@needs_library
@pytest.mark.parametrize("through", [True, False])
def test_bfloat16_is_rounded_once(through) -> None:
    x = torch.randn(6, 1500).mul(1.5).bfloat16().requires_grad_()
    weights, dynamics = torch.randn(6, 1500).bfloat16(), GradedDynamics(temporal_gradient=through)
    found = {}
    for kernel, currents in {"native": x, "plain": x.float()}.items():
        spikes = KERNELS[kernel].run(currents, 0.3, dynamics, 6).to(x.dtype)
        found[kernel] = spikes, *torch.autograd.grad(spikes, x, weights)
    assert torch.equal(found["native"][0], found["plain"][0])
    torch.testing.assert_close(found["native"][1], found["plain"][1], rtol=2**-7, atol=1e-6)
    assert (found["native"][1] != found["plain"][1]).float().mean() < 0.01


@needs_library
def test_threads_share_the_columns_without_a_trace(make_call, monkeypatch) -> None:
    call = make_call(shape=(9, 731), steps=6, leak=0.3, dynamics=GradedDynamics())
    alone = call.outcome("native")
    monkeypatch.setattr(native, "WORTH_A_THREAD", 1000)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    assert all(torch.equal(a, b) for a, b in zip(alone[:2], call.outcome("native")[:2], strict=True))


@pytest.mark.parametrize("kernel", FAST)
def test_a_second_derivative_is_refused(kernel) -> None:
    x = torch.randn(3, 4, requires_grad=True)
    with pytest.raises(ColliculusError, match="COLLICULUS_KERNELS=plain"):
        torch.autograd.grad(KERNELS[kernel].run(x, 0.5, GradedDynamics(), 3).sum(), x, create_graph=True)


def test_the_fastest_that_is_there_is_taken(monkeypatch) -> None:
    monkeypatch.delenv("COLLICULUS_KERNELS", raising=False)

    def chosen(x=None, decay=0.5):
        kernel = kernel_for(torch.zeros(2, 3) if x is None else x, decay, GradedDynamics())
        return next(name for name, known in KERNELS.items() if known is kernel)

    fast = "eager" if graded_native.library() is None else "native"
    assert (chosen(), chosen(torch.zeros(2, 3, device="meta")), chosen(torch.zeros(2, 3).half())) == (
        fast,
        "eager",
        "eager",
    )
    assert chosen(decay=torch.tensor(0.5)) == "plain"
    for name in ("plain", "eager"):
        monkeypatch.setenv("COLLICULUS_KERNELS", name)
        assert chosen() == name


def test_a_library_without_the_graded_neuron_is_not_used(monkeypatch) -> None:
    monkeypatch.setattr(native, "library", object)
    graded_native.library.cache_clear()
    try:
        assert graded_native.library() is None
    finally:
        graded_native.library.cache_clear()


def test_transformed_tensors_take_the_loop() -> None:
    x = torch.randn(5, 3, 4, dtype=torch.float64)
    neuron = GradedNeuron(decay=0.5)
    assert torch.equal(torch.func.vmap(neuron)(x), torch.stack([neuron(sample) for sample in x]))


@pytest.mark.parametrize("kernel", ["plain", "eager", pytest.param("native", marks=needs_library)])
def test_under_a_compiler_it_is_one_operation(kernel, monkeypatch) -> None:
    monkeypatch.setenv("COLLICULUS_KERNELS", kernel)
    torch._dynamo.reset()
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.Unflatten(0, (4, 2)), GradedNeuron(decay=0.5)
    ).double()
    x = torch.randn(8, 3, 7, 7, dtype=torch.float64) * 3
    expected, found = (run(x) for run in (network, torch.compile(network, backend=backend, fullgraph=True)))
    assert torch.equal(found, expected)
    gradients = [torch.autograd.grad(spikes.square().sum(), [*network.parameters()]) for spikes in (expected, found)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
    assert [str(node.target) for node in graphs[0].graph.nodes].count("colliculus.graded_multi_step.default") == 1


@pytest.mark.parametrize("steps", [1, 3])
def test_the_operation_keeps_its_promises(steps) -> None:
    currents = torch.randn(steps, 2, 3, 4, 4, dtype=torch.float64).requires_grad_()
    torch.library.opcheck(compiled.graded_multi_step, (currents, 0.5, 3, 4, 0.5, True, True))


def test_an_exported_graph_holds_operations_that_others_know() -> None:
    x = torch.randn(3, 4)
    program = torch.export.export(GradedNeuron(decay=0.5), (torch.randn(3, 4),))
    assert "colliculus" not in str(program.graph)
    assert torch.equal(program.module()(x), GradedNeuron(decay=0.5)(x))
