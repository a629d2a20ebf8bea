"""The interpreter against traces by hand and layers of PyTorch."""

from __future__ import annotations

import nir
import numpy as np
import pytest
import torch
from torch.nn import functional

from colliculus.export.nir.interpret import interpret
from colliculus.types import ColliculusError


def lif(tau=2e-4, r=1.0, leak=0.0, threshold=1.0, reset=0.0):
    tau, r, leak, threshold, reset = (np.full(1, x, dtype=np.float32) for x in (tau, r, leak, threshold, reset))
    return nir.LIF(tau=tau, r=r, v_leak=leak, v_threshold=threshold, v_reset=reset)


def spikes(node, currents, dt=1e-4):
    inputs = torch.tensor(currents).reshape(-1, 1, 1)
    return interpret(nir.NIRGraph.from_list(node), inputs, dt=dt)[0].flatten().tolist()


def test_a_trace_by_hand() -> None:
    # v = 0.8, 1.2 -> 0, 0.8, 1.2 -> 0
    assert spikes(lif(), [1.6, 1.6, 1.6, 1.6]) == [0, 1, 0, 1]
    # equality does not fire: v = 1, then 1.5 -> 0
    assert spikes(lif(), [2.0, 2.0, 2.0]) == [0, 1, 0]
    # v = 0.4, 0.7, 0.925, 1.09375: a quarter of the way to 1.6
    assert spikes(lif(tau=4e-4), [1.6] * 4) == [0, 0, 0, 1]
    assert spikes(lif(), [1.6] * 4, dt=2e-4) == [1, 1, 1, 1]  # the way is gone in one step
    assert spikes(lif(r=2.0), [0.8] * 4) == [0, 1, 0, 1]
    assert spikes(lif(leak=0.8), [0.8] * 4) == [0, 1, 0, 1]
    # reset to 0.5: v = 0.8, 1.2 -> 0.5, 1.05 -> 0.5, 1.05
    assert spikes(lif(reset=0.5), [1.6] * 4) == [0, 1, 1, 1]


def test_edges_that_meet_are_added_and_nodes_can_be_watched() -> None:
    weight = np.random.default_rng(0).normal(size=(3, 2, 3, 3)).astype(np.float32)
    conv = nir.Conv2d(
        input_shape=(5, 4),
        weight=weight,
        stride=(2, 1),
        padding=(1, 1),
        dilation=(1, 1),
        groups=1,
        bias=np.arange(3, dtype=np.float32),
    )
    pool = nir.AvgPool2d(kernel_size=np.array([3, 1]), stride=np.array([2, 1]), padding=np.array([1, 0]))
    widen = nir.Conv2d(
        input_shape=(3, 4),
        weight=np.ones((3, 2, 1, 1), dtype=np.float32),
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=np.zeros(3, dtype=np.float32),
    )
    nodes = {"in": nir.Input(np.array([2, 5, 4])), "conv": conv, "pool": pool, "widen": widen}
    edges = [("in", "conv"), ("in", "pool"), ("pool", "widen"), ("conv", "out"), ("widen", "out")]
    graph = nir.NIRGraph({**nodes, "out": nir.Output(np.array([3, 3, 4]))}, edges)
    x = torch.randn(2, 3, 2, 5, 4)
    out, seen = interpret(graph, x, dt=1e-4, watched=["pool"])
    for t in range(2):
        pooled = functional.avg_pool2d(x[t], (3, 1), (2, 1), (1, 0))
        left = functional.conv2d(x[t], torch.from_numpy(weight), torch.arange(3.0), stride=(2, 1), padding=1)
        torch.testing.assert_close(seen["pool"][t], pooled)
        torch.testing.assert_close(out[t], left + pooled.sum(1, keepdim=True))


def test_an_unknown_node_is_refused() -> None:
    with pytest.raises(ColliculusError, match="of the kind IF, which Colliculus does not write"):
        spikes(nir.IF(r=np.ones(1), v_threshold=np.ones(1)), [1.0])
