"""Spiking networks as loops over single numbers: independent of the package, in float64.

Written from the formulas in docs/fidelity.md. Frames are (T, B, C, H, W), tokens (T, B, D, N), and weights have their
names in the state dict. BatchNorm is in evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import torch
from active import awake
from slow_fusion import normalised
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

Array = np.ndarray


def jittered(module: nn.Module, *inputs: Any, current: float = 1.0) -> nn.Module:
    """The module in float64 with random statistics, gains and shifts about those with which it fires."""
    generator = torch.Generator().manual_seed(0)

    def about(values: torch.Tensor, spread: float) -> torch.Tensor:
        return values * (1 + spread * (2 * torch.rand(len(values), generator=generator) - 1))

    awake(module.double(), *inputs, current=current)
    for norm in module.modules():
        if isinstance(norm, _BatchNorm):
            for values in (norm.running_mean, norm.running_var, norm.weight.data, norm.bias.data):
                values.copy_(about(values, 0.3))
    return module


class SlowNetwork:
    """Layers by loops.

    Args:
        module: the network, whose weights are read.
        tau, threshold, reset: of its neurons.

    Attributes:
        margin: smallest distance of a membrane from its threshold; rounding changes no spike if it is large.
        rates: share of ones among the spikes of each layer of neurons, by the name of the layer.
    """

    def __init__(self, module: nn.Module, *, tau: float = 2.0, threshold: float = 1.0, reset: str = "hard") -> None:
        self.weights: Mapping[str, Array] = {name: x.detach().numpy() for name, x in module.state_dict().items()}
        self.tau, self.threshold, self.reset = tau, threshold, reset
        self.margin = np.inf
        self.rates: dict[str, float] = {}

    def lif(self, currents: Array, name: str, threshold: float | None = None) -> Array:
        """Leaky integration from 0, one membrane after the other."""
        level = self.threshold if threshold is None else threshold
        spikes = np.zeros_like(currents)
        for place in product(*map(range, currents.shape[1:])):
            membrane = 0.0
            for t in range(len(currents)):
                membrane += (currents[(t, *place)] - membrane) / self.tau
                self.margin = min(self.margin, abs(membrane - level))
                if membrane >= level:
                    spikes[(t, *place)] = 1
                    membrane = 0.0 if self.reset == "hard" else membrane - level
        self.rates[name] = spikes.mean()
        return spikes

    def normalise(self, x: Array, name: str) -> Array:
        return normalised(x, self.weights, name)

    def convolve(self, x: Array, name: str, stride: int = 1) -> Array:
        """Every number of the output from its window; zeros lie around the image."""
        weight = self.weights[f"{name}.weight"]
        half = weight.shape[-1] // 2
        steps, batch, channels, height, width = x.shape
        padded = np.zeros((steps, batch, channels, height + 2 * half, width + 2 * half))
        padded[..., half : half + height, half : half + width] = x
        out = np.zeros((steps, batch, len(weight), -(-height // stride), -(-width // stride)))
        for t, b, o, i, j in product(*map(range, out.shape)):
            top, left = i * stride, j * stride
            out[t, b, o, i, j] = (
                weight[o] * padded[t, b, :, top : top + 2 * half + 1, left : left + 2 * half + 1]
            ).sum()
        return out

    def conv_spike(self, x: Array, name: str, *, stride: int = 1, pool: bool = False) -> Array:
        """LIF(BN(Conv x)), then the largest of each 3x3 window in steps of two."""
        currents = self.normalise(self.convolve(x, f"{name}.conv", stride), f"{name}.norm")
        spikes = self.lif(currents, name)
        return largest(spikes) if pool else spikes

    def project(self, x: Array, name: str, threshold: float | None = None) -> Array:
        """LIF(BN(W x)) at every step and token, with a bias where the layer has one."""
        weight = self.weights[f"{name}.linear.weight"][..., 0]
        bias = self.weights.get(f"{name}.linear.bias", np.zeros(len(weight)))
        out = np.zeros((*x.shape[:2], len(weight), x.shape[3]))
        for t, b, n in product(range(len(x)), range(x.shape[1]), range(x.shape[3])):
            out[t, b, :, n] = weight @ x[t, b, :, n] + bias
        return self.lif(self.normalise(out, f"{name}.norm"), name, threshold)

    def mlp(self, x: Array, name: str) -> Array:
        """x + two projections."""
        return x + self.project(self.project(x, f"{name}.expand"), f"{name}.contract")

    def self_attention(self, x: Array, name: str, heads: int, threshold: float, scale: float = 0.25) -> Array:
        """Spiking self-attention: every token sums the values of all, weighted by spikes that query and key share."""
        query, key, value = (self.project(x, f"{name}.{part}", threshold) for part in ("query", "key", "value"))
        out = np.zeros_like(x)
        for t, b, c, n, other in product(*map(range, x.shape), range(x.shape[3])):
            head = head_of(c, x.shape[2], heads)
            shared = sum(query[t, b, d, n] * key[t, b, d, other] for d in head)
            out[t, b, c, n] += scale * shared * value[t, b, c, other]
        attended = self.lif(self.normalise(out, f"{name}.norm"), name, threshold)
        return self.project(attended, f"{name}.project")

    def token_attention(self, x: Array, name: str, heads: int, threshold: float) -> Array:
        """Q-K attention: the spikes that a head's query has for a token decide if the token's key passes."""
        query, key = self.project(x, f"{name}.query"), self.project(x, f"{name}.key")
        asked = np.zeros((*x.shape[:2], heads, x.shape[3]))
        for t, b, c, n in product(*map(range, x.shape)):
            asked[t, b, c * heads // x.shape[2], n] += query[t, b, c, n]
        mask, passed = self.lif(asked, name, threshold), np.zeros_like(x)
        for t, b, c, n in product(*map(range, x.shape)):
            passed[t, b, c, n] = mask[t, b, c * heads // x.shape[2], n] * key[t, b, c, n]
        return self.project(passed, f"{name}.project")

    def sew_block(self, x: Array, name: str, stride: int = 1) -> Array:
        """Two layers, and around them the spikes themselves, or those of a 1x1 convolution."""
        through = self.conv_spike(self.conv_spike(x, f"{name}.first", stride=stride), f"{name}.second")
        changes = f"{name}.shortcut.conv.weight" in self.weights
        return through + (self.conv_spike(x, f"{name}.shortcut", stride=stride) if changes else x)

    def assert_fires(self, layers: int) -> None:
        """Every one of so many layers fires, none always, and no membrane stands at its threshold."""
        assert len(self.rates) == layers, [*self.rates]
        assert all(0.01 < rate < 0.99 for rate in self.rates.values()), self.rates
        assert self.margin > 1e-9


def head_of(channel: int, dim: int, heads: int) -> range:
    """Channels of the head that a channel belongs to."""
    width = dim // heads
    return range(channel // width * width, channel // width * width + width)


def largest(x: Array) -> Array:
    """The largest number of each 3x3 window about every second pixel."""
    height, width = x.shape[-2:]
    out = np.zeros((*x.shape[:3], -(-height // 2), -(-width // 2)))
    for i, j in product(*map(range, out.shape[3:])):
        window = x[..., max(2 * i - 1, 0) : 2 * i + 2, max(2 * j - 1, 0) : 2 * j + 2]
        out[..., i, j] = window.max((-1, -2))
    return out


def tokens(x: Array) -> Array:
    """Frames as tokens, row by row."""
    return x.reshape(*x.shape[:3], -1)


def frames(x: Array, grid: tuple[int, int]) -> Array:
    """Tokens as frames."""
    return x.reshape(*x.shape[:3], *grid)
