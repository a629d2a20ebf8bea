"""Time warping of each clip by itself: a small causal network moves the positions that a shared warp reads from."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from colliculus.fusion.time_alignment import TimeWarp, middles, warp

HIDDEN = 8
"""Channels of the causal network."""
KERNEL = 3
"""Steps that the causal network sees at once, the present one and those before it."""


class ClipWarp(nn.Module):
    """P = P_0 + W(g, sigma) - W(g_0, sigma_0) for each clip; see `TimeWarp`, whose g here depends on the clip.

    g(t) = start + sum over r <= t of softplus(raw_r + c_r), where c_r is the output of a causal network at the step of
    the modality around which step r lies: a convolution over time, tanh, and a map that starts at zero, so that nothing
    changes at first. g always increases, and c_r depends on no later step of the modality.

    This is our reading of "learnable time-warping operations" (TAAF, arXiv 2505.14535), beside the shared `TimeWarp`.

    Args:
        source: T_m.
        target: T.
        dim: D, features of the stream.

    Example:
        >>> import torch
        >>> stream = torch.rand(6, 2, 8)
        >>> shared = TimeWarp(6, 4)
        >>> torch.allclose(ClipWarp(6, 4, 8)(stream), shared(stream))
        True
    """

    places: Tensor

    def __init__(self, source: int, target: int, dim: int) -> None:
        super().__init__()
        self.shared = TimeWarp(source, target)
        self.network = nn.Sequential(
            nn.ConstantPad1d((KERNEL - 1, 0), 0.0),
            nn.Conv1d(dim, HIDDEN, KERNEL),
            nn.Tanh(),
            nn.Conv1d(HIDDEN, 1, kernel_size=1, bias=False),
        )
        nn.init.zeros_(self.network[-1].get_parameter("weight"))
        self.register_buffer("places", middles(source, target).floor().long(), persistent=False)

    def positions(self, stream: Tensor) -> Tensor:
        """g of each clip, (T, B), in steps of the modality; the stream is that of `forward`."""
        features = stream if stream.ndim == 3 else stream.mean(-1)
        changes = self.network(features.permute(1, 2, 0))[:, 0, self.places]  # (B, T)
        increments = functional.softplus(self.shared.raw_increments + changes.to(self.shared.raw_increments.dtype))
        return (self.shared.start + increments.cumsum(1)).T

    def matrices(self, stream: Tensor) -> Tensor:
        """P of each clip, (B, T, T_m)."""
        positions = self.positions(stream)
        window = warp(positions.T.flatten(), self.shared.log_width.exp(), self.shared.source)
        return self.shared.correction + window.unflatten(0, positions.T.shape)

    def forward(self, stream: Tensor) -> Tensor:
        """(T_m, B, D) -> (T, B, D), or the same with a last axis of tokens."""
        moved = self.matrices(stream) @ stream.transpose(0, 1).flatten(2)
        return moved.unflatten(2, stream.shape[2:]).transpose(0, 1)
