"""Under torch.compile the neuron is one operation that the compiler passes by, and nothing else changes."""

from __future__ import annotations

import pytest
import torch

from colliculus.neurons import LIF, PLIF, Dynamics, Triangle
from colliculus.neurons.kernels import compiled


@pytest.mark.parametrize("kernel", ["plain", "eager", "native"])
@pytest.mark.parametrize("neuron", [LIF(), LIF(dynamics=Dynamics(temporal_gradient=False)), PLIF(tau=3.0)])
def test_it_is_one_operation_with_the_same_outcome(kernel, neuron, monkeypatch) -> None:
    monkeypatch.setenv("COLLICULUS_KERNELS", kernel)
    if kernel == "native" and compiled.KERNELS["native"].missing():
        pytest.skip("no C compiler when the package was installed")
    torch._dynamo.reset()
    graphs = []

    def backend(graph, _):
        graphs.append(graph)
        return graph.forward

    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.Unflatten(0, (4, 2)), neuron).double()
    x = torch.randn(8, 3, 7, 7, dtype=torch.float64)
    expected, found = (run(x) for run in (network, torch.compile(network, backend=backend, fullgraph=True)))
    assert torch.equal(found, expected)
    parameters = list(network.parameters())
    gradients = [torch.autograd.grad(spikes.square().sum(), parameters) for spikes in (expected, found)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
    assert [str(node.target) for node in graphs[0].graph.nodes].count("colliculus.multi_step.default") == 1


@pytest.mark.parametrize("arrange", [lambda x: x, lambda x: x.movedim(2, -1).contiguous().movedim(-1, 2)])
@pytest.mark.parametrize("steps", [1, 3])
def test_the_operation_keeps_its_promises(arrange, steps) -> None:
    """Shapes and strides it announces, no change of its inputs, gradients under the compiler's own tracing."""
    currents = arrange(torch.randn(steps, 2, 3, 4, 4, dtype=torch.float64)).detach().requires_grad_()
    leak = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    arguments = (currents, leak, 3, 1.0, "hard", True, True, "sigmoid", 4.0)
    torch.library.opcheck(compiled.multi_step, arguments)


def test_narrow_currents_keep_a_wide_membrane() -> None:
    torch._dynamo.reset()
    neuron, x = LIF(), torch.randn(16, 50).bfloat16()
    found = torch.compile(neuron, backend="aot_eager", fullgraph=True)(x)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, neuron(x))


@pytest.mark.filterwarnings("ignore:.*autograd.function.Function.*:DeprecationWarning")  # PyTorch's own, as it traces
def test_a_surrogate_of_the_users_own_is_compiled_as_a_loop() -> None:
    class Narrow(Triangle):
        pass

    torch._dynamo.reset()
    neuron = LIF(dynamics=Dynamics(surrogate=Narrow()))
    x = torch.randn(3, 4, requires_grad=True)
    found = torch.compile(neuron, backend="aot_eager")(x)
    assert torch.equal(found, neuron(x))


def test_an_exported_graph_holds_operations_that_others_know() -> None:
    program = torch.export.export(LIF(), (torch.randn(3, 4),))
    assert "colliculus" not in str(program.graph)
    x = torch.randn(3, 4)
    assert torch.equal(program.module()(x), LIF()(x))
