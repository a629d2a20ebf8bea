"""MMPareto: Pareto integration of the fused and the unimodal gradients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

import torch
from torch import Tensor, nn

from colliculus.model import MultimodalSNN
from colliculus.modulation.base import Modulator, PreparedLosses, Terms
from colliculus.types import UNIMODAL, Collective, ColliculusError, Output


@dataclass(frozen=True, kw_only=True)
class MMParetoSettings:
    """Settings of MMPareto."""

    factor: float = 1.5
    """Norm of a combined gradient, as a multiple of the norm of the plain sum."""
    norm_of: Literal["encoder", "tensor"] = "encoder"
    """Gradient whose norm is restored: that of a whole "encoder", or of each "tensor", as in the authors' program."""

    def __post_init__(self) -> None:
        if not 0 < self.factor < inf:
            raise ColliculusError(f"`factor` of mm-pareto is {self.factor}: choose a positive number")


def fused_share(fused: Tensor, unimodal: Tensor) -> float:
    """Weight a of the fused gradient (n,); that of the unimodal one is 1 - a.

    1/2 if they do not conflict (their product is not negative); else the a in [0, 1] at which ||a f + (1 - a) u|| is
    smallest: a = (u - f) u / ||u - f||^2.

    Example:
        >>> fused_share(torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1.0]))
        0.5
        >>> fused_share(torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 1.0]))  # nearest to 0 is (0.2, 0.4)
        0.6...
    """
    return _fused_shares([(fused, unimodal)])[0]


def _fused_shares(pairs: Iterable[tuple[Tensor, Tensor]]) -> list[float]:
    """The weight of each pair; the program waits once for the numbers of all."""
    wide = [(fused.double(), unimodal.double()) for fused, unimodal in pairs]
    products = torch.stack([torch.stack([f @ u, (u - f) @ u, (u - f) @ (u - f)]) for f, u in wide]).tolist()
    # where the product is negative, the gap u - f is not zero
    return [0.5 if product >= 0 else of_gap / square for product, of_gap, square in products]


def pareto_gradient(fused: Tensor, unimodal: Tensor, share: float, factor: float) -> Tensor:
    """`factor` times 2 (a f + (1 - a) u), made as long as f + u where it is shorter; 0 if it is zero, (n,).

    For a whole encoder it is never longer: (f + u) / 2 is one of the combinations, and a f + (1 - a) u the shortest.

    Example:
        >>> pareto_gradient(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), share=0.5, factor=1.5)
        tensor([3., 3.])
    """
    mixed = 2 * (share * fused + (1 - share) * unimodal)
    norm = mixed.norm()
    longer = ((fused + unimodal).norm() / norm.clamp(min=1e-30)).clamp(min=1.0)
    return torch.where(norm > 0, mixed * (factor * longer), mixed)


class MMPareto(Modulator):
    """Combine the fused and the unimodal gradient of each encoder (Wei and Hu, ICML 2024, arXiv 2405.17730).

    For encoder m, f is the gradient of the objective without the unimodal losses and u that of the unimodal losses. If
    they conflict, their convex combination of smallest norm replaces them, else their mean; either is scaled to
    `factor` times the norm of f + u. Heads and fusion keep the plain sum. With `norm_of` "tensor" the weight of the
    combination is still that of the encoder, and each tensor is lengthened on its own, as in the authors' program.

    u is the gradient of all unimodal losses. If the streams do not meet before their heads, only the modality's own
    loss reaches its encoder, as in the paper.

    Deviation: the authors' program measures the norm of each tensor of weights; the paper and our default that of an
    encoder.
    """

    differentiates = True

    def __init__(self, settings: MMParetoSettings) -> None:
        self._settings = settings

    def before_backward(
        self, model: MultimodalSNN, output: Output, labels: Tensor, objective: Terms, collective: Collective
    ) -> PreparedLosses:
        """Compute the losses, and separately the gradients of the unimodal ones."""
        losses = objective(output, labels)
        unimodal = [loss for name, loss in losses.items() if name == UNIMODAL or name.startswith(f"{UNIMODAL}_")]
        if not unimodal:
            raise ColliculusError("balance mm-pareto needs the losses of the modalities' own heads: set unimodal_loss")
        streams = {m: model.stream_parameters(m) for m in model.modalities}
        parameters = [p for stream in streams.values() for p in stream]
        found = torch.autograd.grad(torch.stack(unimodal).sum(), parameters, retain_graph=True, allow_unused=True)
        mean = _mean_over_ranks(_flat(found, parameters), len(labels), collective)
        parts = mean.split([sum(p.numel() for p in stream) for stream in streams.values()])
        return PreparedLosses(losses, gradients=dict(zip(streams, parts, strict=True)))

    def __call__(
        self, model: MultimodalSNN, output: Output, labels: Tensor, collective: Collective, prepared: PreparedLosses
    ) -> dict[str, float]:
        """Replace the gradients of the encoders."""
        streams = {m: model.stream_parameters(m) for m in prepared.gradients}
        fused_of = {m: _flat([p.grad for p in s], s) - prepared.gradients[m] for m, s in streams.items()}
        found = _fused_shares(zip(fused_of.values(), prepared.gradients.values(), strict=True))
        shares = dict(zip(streams, found, strict=True))
        for modality, stream in streams.items():
            fused, unimodal, share = fused_of[modality], prepared.gradients[modality], shares[modality]
            sizes = [p.numel() for p in stream] if self._settings.norm_of == "tensor" else [len(fused)]
            parts = zip(fused.split(sizes), unimodal.split(sizes), strict=True)
            _write(torch.cat([pareto_gradient(f, u, share, self._settings.factor) for f, u in parts]), stream)
        return {f"fused_share_{m}": share for m, share in shares.items()}


def _flat(gradients: Iterable[Tensor | None], parameters: Iterable[nn.Parameter]) -> Tensor:
    """All gradients in one row, with zeros for a missing one."""
    pairs = zip(gradients, parameters, strict=True)
    return torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in pairs])


def _mean_over_ranks(gradient: Tensor, num_samples: int, collective: Collective) -> Tensor:
    """The gradient of the mean over the samples of all ranks, from each rank's mean over its own."""
    total = collective.sum(torch.cat([gradient * num_samples, gradient.new_tensor([num_samples])]))
    return total[:-1] / total[-1]


def _write(row: Tensor, parameters: Sequence[nn.Parameter]) -> None:
    for parameter, gradient in zip(parameters, row.split([p.numel() for p in parameters]), strict=True):
        if parameter.grad is not None:
            parameter.grad.copy_(gradient.view_as(parameter))
