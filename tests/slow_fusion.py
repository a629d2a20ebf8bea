"""The fusion of S-CMRL with our arithmetic, as loops over single numbers: independent of the package, in float64.

Written from the formulas in docs/fidelity.md. Tokens are (T, B, D, N); weights have their names in the state dict.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

Array = np.ndarray
Weights = Mapping[str, Array]
Grid = tuple[int, int]

HEADS, ALPHA, SCALE, THRESHOLD, TAU = 2, 0.25, 0.25, 0.5, 2.0


class SlowFusion:
    """Every modality receives the mean residual of the others, passes an MLP, and the features are added.

    Args:
        weights: of the fusion.
        grids: rows and columns of each modality's tokens.
    """

    def __init__(self, weights: Weights, grids: Mapping[str, Grid]) -> None:
        self.weights = weights
        self.grids = grids
        self.margin = np.inf
        """Smallest distance of a membrane from its threshold: rounding changes no spike if it is large."""

    def fuse(self, tokens: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
        """Joint feature (T, B, D), and the residual (T, B, D) of each modality."""
        residuals = {m: self.residual(m, tokens) for m in tokens}
        joint = np.zeros(())
        for m, x in tokens.items():
            stream = x + ALPHA * residuals[m]
            hidden = self.project(stream, f"mlp.{m}.expand", 1.0)
            stream = stream + self.project(hidden, f"mlp.{m}.contract", 1.0)
            joint = joint + stream.mean(-1)
        return joint, {m: r.mean(-1) for m, r in residuals.items()}

    def residual(self, m: str, tokens: Mapping[str, Array]) -> Array:
        """Semantic branch of the mean of what the others give."""
        given = [self.receive(m, other, tokens[m], tokens[other]) for other in tokens if other != m]
        mean = sum(given) / len(given)
        mapped = np.zeros_like(mean)
        weight, bias = self.weights[f"semantic.{m}.linear.weight"], self.weights[f"semantic.{m}.linear.bias"]
        for t, b, n in places(mean, 0, 1, 3):
            mapped[t, b, :, n] = weight @ mean[t, b, :, n] + bias
        return self.lif(self.normalise(mapped, f"semantic.{m}.norm"), 1.0)

    def receive(self, m: str, other: str, x: Array, y: Array) -> Array:
        """Union of the spatial branch, averaged over tokens, and the temporal branch, averaged over steps."""
        name = f"attention.{m}_from_{other}"
        (rows, columns), (other_rows, other_columns) = self.grids[m], self.grids[other]
        at_places = np.zeros_like(x)
        for row, column in product(range(rows), range(columns)):
            nearest = (row * other_rows // rows) * other_columns + column * other_columns // columns
            at_places[..., row * columns + column] = y[..., nearest]
        spatial = self.attend(x, y, f"{name}.spatial", over_tokens)
        temporal = self.attend(x, at_places, f"{name}.temporal", over_steps)
        out = np.zeros_like(x)
        for t, b, c, n in places(x, 0, 1, 2, 3):
            s, r = spatial[t, b, c, :].mean(), temporal[:, b, c, n].mean()
            out[t, b, c, n] = s + r + s * r
        return out

    def attend(self, x: Array, y: Array, name: str, over) -> Array:
        """Spikes of one branch."""
        query = self.project(x, f"{name}.query", THRESHOLD)
        key, value = (self.project(y, f"{name}.{part}", THRESHOLD) for part in ("key", "value"))
        attended = self.normalise(SCALE * over(query, key, value), f"{name}.norm")
        return self.project(self.lif(attended, THRESHOLD), f"{name}.project", 1.0)

    def project(self, x: Array, name: str, threshold: float) -> Array:
        """LIF(BN(W x)) at every step and token, with a bias where the layer has one."""
        weight = self.weights[f"{name}.linear.weight"][..., 0]
        bias = self.weights.get(f"{name}.linear.bias", np.zeros(len(weight)))
        out = np.zeros((*x.shape[:2], len(weight), x.shape[3]))
        for t, b, n in places(x, 0, 1, 3):
            out[t, b, :, n] = weight @ x[t, b, :, n] + bias
        return self.lif(self.normalise(out, f"{name}.norm"), threshold)

    def normalise(self, x: Array, name: str) -> Array:
        return normalised(x, self.weights, name)

    def lif(self, currents: Array, threshold: float) -> Array:
        """Leaky integration from 0 with a hard reset."""
        membrane, spikes = np.zeros_like(currents[0]), np.zeros_like(currents)
        for t, current in enumerate(currents):
            membrane = membrane + (current - membrane) / TAU
            self.margin = min(self.margin, np.abs(membrane - threshold).min())
            spikes[t] = membrane >= threshold
            membrane[spikes[t] == 1] = 0
        return spikes


def normalised(x: Array, weights: Weights, name: str) -> Array:
    """BatchNorm in evaluation of (T, B, C, ...), channel by channel."""
    out = np.zeros_like(x)
    for c in range(x.shape[2]):
        mean, variance, gain, shift = (
            weights[f"{name}.{part}"][c] for part in ("running_mean", "running_var", "weight", "bias")
        )
        out[:, :, c] = (x[:, :, c] - mean) / np.sqrt(variance + 1e-5) * gain + shift
    return out


def places(x: Array, *axes: int):
    return product(*(range(x.shape[axis]) for axis in axes))


def head_of(channel: int, dim: int) -> slice:
    width = dim // HEADS
    return slice(channel // width * width, channel // width * width + width)


def over_tokens(query: Array, key: Array, value: Array) -> Array:
    """Every token of x attends to every token of y at the same step."""
    out = np.zeros_like(query)
    for t, b, c, n in places(query, 0, 1, 2, 3):
        head = head_of(c, query.shape[2])
        for other in range(key.shape[3]):
            score = query[t, b, head, n] @ key[t, b, head, other]
            out[t, b, c, n] += score * value[t, b, c, other]
    return out


def over_steps(query: Array, key: Array, value: Array) -> Array:
    """Every step of a token of x attends to every step of y's token at that place."""
    out = np.zeros_like(query)
    for t, b, c, n in places(query, 0, 1, 2, 3):
        head = head_of(c, query.shape[2])
        for other in range(len(key)):
            score = query[t, b, head, n] @ key[other, b, head, n]
            out[t, b, c, n] += score * value[other, b, c, n]
    return out
