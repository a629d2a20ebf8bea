"""Cells in which neurons with a membrane for each modality let streams interact (MISNet, ACM TOMM 2025)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from colliculus.fusion.joins import Concat, Sum
from colliculus.fusion.places import Grid, OnOneGrid
from colliculus.layers import SpikeResidualBlock, per_modality, stepwise, tokens_of, widened
from colliculus.neurons import Firing, NeuronSettings, multimodal_neuron
from colliculus.types import ColliculusError, Fused


class InteractionCell(nn.Module):
    """b_m = SEW(x_m), I_m = BN(Conv1x1_m(b_m)), s_m = MLIF of all I_m; out: b_m + s_m and s_m.

    SEW is one spike-element-wise residual block with the same weights for every modality; each modality has a
    projection and normalisation of its own, and a membrane in the common neurons.

    Args:
        modalities: number of them.
        dim: D.
        neuron: makes the neurons.
        firing: as in `MLIF`; with "together" s is the same for all.
        threshold: threshold of the neurons with several membranes, if they have one.

    Example:
        >>> cell = InteractionCell(["a", "v"], 8, NeuronSettings(reset="soft"))
        >>> streams, spikes = cell({m: torch.zeros(4, 2, 8, 3, 3) for m in "av"})
        >>> streams["a"].shape, spikes["v"].shape
        (torch.Size([4, 2, 8, 3, 3]), torch.Size([4, 2, 8, 3, 3]))
    """

    def __init__(
        self, modalities: list[str], dim: int, neuron: NeuronSettings, firing: Firing = "apart", threshold: float = 0.5
    ) -> None:
        super().__init__()
        self.block = SpikeResidualBlock(dim, dim, neuron)
        self.project = per_modality(
            {m: nn.Sequential(nn.Conv2d(dim, dim, kernel_size=1, bias=False), nn.BatchNorm2d(dim)) for m in modalities}
        )
        self.neuron = multimodal_neuron(neuron.with_threshold(threshold), len(modalities), firing)

    def forward(self, frames: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Frames (T, B, D, H, W) of each modality present, of one size -> the streams, and the spikes s."""
        blocks = {m: self.block(x) for m, x in frames.items()}
        currents = torch.stack([stepwise(self.project[m], x) for m, x in blocks.items()], dim=2)
        sent: Tensor = self.neuron(currents)
        spikes = dict(zip(blocks, sent.expand(-1, -1, len(blocks), *sent.shape[3:]).unbind(2), strict=True))
        return {m: x + spikes[m] for m, x in blocks.items()}, spikes


class ModalityInteraction(nn.Module):
    """Cells one after the other; the joint feature joins the spikes of the last one.

    All modalities take the grid of the first. There are no shares of the joint feature: with several modalities the
    neurons that follow mix them.

    Args:
        grids: token grid of each modality.
        dim: D.
        cells: number of cells.
        firing: as in `MLIF`; with "together" the joint feature is that of the common spikes, (T, B, D), else the
            modalities' features side by side, (T, B, M * D).
        threshold: threshold of the neurons with several membranes, if they have one.
        neuron: makes the neurons.

    Raises:
        ColliculusError: the grid of the first modality is not known.

    Example:
        >>> fusion = ModalityInteraction({"a": (3, 3), "v": (2, 2)}, dim=8, cells=2, neuron=NeuronSettings())
        >>> fused = fusion({"a": torch.zeros(4, 2, 8, 9), "v": torch.zeros(4, 2, 8, 4)})
        >>> fused.joint.shape, fused.streams["v"].shape
        (torch.Size([4, 2, 16]), torch.Size([4, 2, 8]))
    """

    def __init__(
        self,
        grids: Mapping[str, Grid | None],
        *,
        dim: int,
        cells: int,
        neuron: NeuronSettings,
        firing: Firing = "apart",
        threshold: float = 0.5,
    ) -> None:
        super().__init__()
        first, grid = next(iter(grids.items()))
        if grid is None:
            raise ColliculusError(
                f"the cells of MISNet are convolutions, and the size of {first} is not known: give the DataSpec its "
                "`sizes`"
            )
        self.grid = grid
        self.places = OnOneGrid(grids)
        self.cells = nn.ModuleList(InteractionCell([*grids], dim, neuron, firing, threshold) for _ in range(cells))
        self.firing: Firing = firing
        self.streams, self.side_by_side = Sum(), Concat(grids)

    def modules_of(self, modality: str) -> list[nn.Module]:
        """The projections of this modality."""
        return [cell.get_submodule(f"project.{modality}") for cell in self.cells]

    def forward(self, tokens: dict[str, Tensor]) -> Fused:
        """Tokens (T, B, D, N_m) of each modality -> `Fused` without shares."""
        frames = {m: x.unflatten(-1, self.grid) for m, x in self.places(tokens).items()}
        spikes: dict[str, Tensor] = {}
        for cell in self.cells:
            frames, spikes = cell(frames)
        streams: Fused = self.streams({m: tokens_of(x) for m, x in frames.items()})
        sent = {m: tokens_of(x) for m, x in spikes.items()}
        if self.firing == "together":
            joint = widened(next(iter(sent.values())).mean(-1))
        else:
            joint = self.side_by_side(sent).joint
        return replace(streams, joint=joint, parts={})
