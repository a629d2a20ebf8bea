"""Adversarial inputs: changes within a small cube along the gradient of the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError


@dataclass(frozen=True, eq=False)
class SignAttack:
    """Raise the cross-entropy of the true class by steps along the sign of its gradient, within epsilon of each value.

    One step of epsilon from the sample itself is FGSM (Goodfellow et al., arXiv 1412.6572). More, each of
    2.5 * epsilon / steps, from a random point of the cube and projected back into it after each, are PGD (Madry et al.,
    arXiv 1706.06083). A spiking network has surrogate gradients, so the accuracy drop is a lower bound: an attack made
    for spikes may find a larger one.

    Args:
        model: model to attack, in its current mode.
        labels: (n,) true classes of the split.
        epsilon: largest change of a value of each attacked modality, in units of the standardised input.
        steps: 1 is FGSM, more is PGD.
        seed: seed of the random start.

    Raises:
        ColliculusError: an epsilon is negative, `steps` is below 1, or no gradient reaches an input.
    """

    model: MultimodalSNN
    labels: NDArray[np.int64]
    epsilon: Mapping[str, float]
    steps: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ColliculusError(f"the attack has {self.steps} steps: give at least 1")
        for modality, epsilon in self.epsilon.items():
            if not 0 <= epsilon < float("inf"):
                raise ColliculusError(f"epsilon of the attack on {modality} is {epsilon}: choose 0 or more")

    def __call__(self, inputs: dict[str, Tensor], rows: NDArray[np.int64]) -> dict[str, Tensor]:
        """Inputs of each modality -> the same, some attacked."""
        clean = {m: inputs[m] for m in self.epsilon if m in inputs}
        labels = torch.from_numpy(self.labels[rows]).to(next(iter(inputs.values())).device)
        found = {m: x + self._start(x, m, rows) if self.steps > 1 else x for m, x in clean.items()}
        stride = 1.0 if self.steps == 1 else 2.5 / self.steps
        for _ in range(self.steps):
            gradients = self._gradients({**inputs, **found}, labels, list(clean))
            for m, gradient in gradients.items():
                epsilon = self.epsilon[m]
                moved = found[m] + stride * epsilon * gradient.sign()
                found[m] = clean[m] + (moved - clean[m]).clamp(-epsilon, epsilon)
        return {**inputs, **found}

    def _gradients(self, inputs: dict[str, Tensor], labels: Tensor, attacked: list[str]) -> dict[str, Tensor]:
        with torch.enable_grad():
            leaves = {m: inputs[m].detach().requires_grad_() for m in attacked}
            loss = functional.cross_entropy(self.model({**inputs, **leaves}).logits, labels, reduction="sum")
            gradients = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
        known = cast("tuple[Tensor | None, ...]", gradients)  # None where the loss does not depend on an input
        found = {m: gradient for m, gradient in zip(attacked, known, strict=True) if gradient is not None}
        if without := [m for m in attacked if m not in found]:
            raise ColliculusError(f"no gradient reaches {without[0]}: attacks need direct coding for that modality")
        return found

    def _start(self, x: Tensor, modality: str, rows: NDArray[np.int64]) -> Tensor:
        """A random point of the cube per sample."""
        samples = x.movedim(-4, 0)
        keys = [(self.seed, crc32(modality.encode()), int(row)) for row in rows]
        drawn = np.stack([np.random.default_rng(key).uniform(-1, 1, samples.shape[1:]) for key in keys])
        return self.epsilon[modality] * torch.from_numpy(drawn).to(x).movedim(0, -4)
