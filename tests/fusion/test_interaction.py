"""Cells of MISNet against loops over single numbers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from active import assert_active, awake

from colliculus import ColliculusError
from colliculus.fusion import InteractionCell, ModalityInteraction
from colliculus.fusion.places import nearest_tokens
from colliculus.neurons import NeuronSettings

T, B, D, SIDE, THRESHOLD, TAU = 3, 4, 5, 3, 0.5, 2.0
SOFT = NeuronSettings(reset="soft")


def frames(modalities, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.randint(0, 3, (T, B, D, SIDE, SIDE), generator=generator).double() for m in modalities}


class SlowCell:
    """The cell by loops; the smallest distance of a membrane from its threshold says if rounding could matter."""

    def __init__(self, cell):
        self.weights = {name: value.numpy() for name, value in cell.state_dict().items()}
        self.margin = np.inf

    def convolve(self, x, name):
        """Every output number from its window, zero-padded."""
        weight = self.weights[f"{name}.weight"]
        half = weight.shape[-1] // 2
        padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (half, half), (half, half)))
        out = np.zeros((T, B, len(weight), SIDE, SIDE))
        for t, b, o, i, j in product(*map(range, out.shape)):
            window = padded[t, b, :, i : i + 2 * half + 1, j : j + 2 * half + 1]
            out[t, b, o, i, j] = (weight[o] * window).sum()
        return out

    def normalise(self, x, name):
        out = np.zeros_like(x)
        parts = ("running_mean", "running_var", "weight", "bias")
        for c in range(D):
            mean, var, gain, shift = (self.weights[f"{name}.{part}"][c] for part in parts)
            out[:, :, c] = (x[:, :, c] - mean) / np.sqrt(var + 1e-5) * gain + shift
        return out

    def lif(self, currents):
        membrane, spikes = np.zeros_like(currents[0]), np.zeros_like(currents)
        for t, current in enumerate(currents):
            membrane = membrane + (current - membrane) / TAU
            self.margin = min(self.margin, np.abs(membrane - 1.0).min())
            spikes[t] = membrane >= 1.0
            membrane = membrane - spikes[t]
        return spikes

    def block(self, x):
        hidden = self.lif(self.normalise(self.convolve(x, "block.first.conv"), "block.first.norm"))
        return self.lif(self.normalise(self.convolve(hidden, "block.second.conv"), "block.second.norm")) + x

    def __call__(self, given, firing, count):
        blocks = {m: self.block(x.numpy()) for m, x in given.items()}
        charge = {m: self.normalise(self.convolve(x, f"project.{m}.0"), f"project.{m}.1") for m, x in blocks.items()}
        spikes = {m: np.zeros_like(x) for m, x in blocks.items()}
        for place in product(range(B), range(D), range(SIDE), range(SIDE)):
            v = dict.fromkeys(given, 0.0)
            for t in range(T):
                v = {m: v[m] + (charge[m][(t, *place)] - v[m]) / TAU for m in v}
                mean = sum(v.values()) / len(v)
                potential = {m: v[m] / count if firing == "apart" else mean for m in v}
                self.margin = min(self.margin, *(abs(h - THRESHOLD) for h in potential.values()))
                for m in v:
                    spikes[m][(t, *place)] = potential[m] >= THRESHOLD
                    v[m] -= THRESHOLD * spikes[m][(t, *place)]
        return {m: blocks[m] + spikes[m] for m in blocks}, spikes


@pytest.mark.parametrize("modalities", ["av", "avt"])
@pytest.mark.parametrize("firing", ["apart", "together"])
def test_a_cell_is_that_of_a_slow_loop(firing, modalities) -> None:
    torch.manual_seed(0)
    given = frames(modalities)
    cell = awake(InteractionCell([*modalities], D, SOFT, firing).double(), given, current=0.6)
    with torch.no_grad():
        streams, spikes = cell(given)
    slow = SlowCell(cell)
    expected_streams, expected_spikes = slow(given, firing, len(modalities))
    assert slow.margin > 1e-9
    for m in modalities:
        assert_active(spikes[m])
        torch.testing.assert_close(spikes[m], torch.from_numpy(expected_spikes[m]))
        torch.testing.assert_close(streams[m], torch.from_numpy(expected_streams[m]))
    assert torch.equal(spikes["a"], spikes["v"]) is (firing == "together")


GRIDS = {"a": (3, 3), "v": (2, 2)}


def tokens(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.randint(0, 3, (T, B, D, r * c), generator=generator).float() for m, (r, c) in GRIDS.items()}


def fusion(firing="apart", cells=2):
    torch.manual_seed(0)
    return awake(ModalityInteraction(GRIDS, dim=D, cells=cells, neuron=SOFT, firing=firing), tokens(), current=0.6)


@pytest.mark.parametrize("firing", ["apart", "together"])
def test_the_fusion_is_its_cells_on_the_grid_of_the_first(firing) -> None:
    made, given = fusion(firing), tokens()
    with torch.no_grad():
        fused = made(given)
        frame = {"a": given["a"], "v": given["v"][..., nearest_tokens(GRIDS["a"], GRIDS["v"])]}
        streams = {m: x.unflatten(-1, GRIDS["a"]) for m, x in frame.items()}
        for cell in made.cells:
            streams, spikes = cell(streams)
    sent = {m: x.mean((-1, -2)) for m, x in spikes.items()}
    assert_active(fused.joint, *fused.streams.values())
    joint = torch.cat([sent["a"], sent["v"]], -1) if firing == "apart" else sent["a"]
    torch.testing.assert_close(fused.joint, joint)
    for m, x in streams.items():
        torch.testing.assert_close(fused.streams[m], x.mean((-1, -2)))
    assert not fused.parts


def test_apart_a_modality_that_is_absent_changes_only_its_own_side() -> None:
    made, given = fusion(), tokens()
    with torch.no_grad():
        both, alone = made(given), made({"v": given["v"]})
    assert_active(alone.joint)
    assert torch.equal(alone.joint[..., D:], both.joint[..., D:])
    assert not alone.joint[..., :D].any()
    assert [*alone.streams] == ["v"]


def test_the_block_is_shared_and_the_projections_are_not() -> None:
    made = fusion(cells=3)
    names = {name for name, _ in made.cells[0].named_parameters()}
    assert {name.split(".")[0] for name in names} == {"block", "project"}
    own = {id(p) for part in made.modules_of("a") for p in part.parameters()}
    assert len(own) == 3 * 3  # a kernel, a gain and a shift in each of three cells
    assert not own & {id(p) for part in made.modules_of("v") for p in part.parameters()}


def test_the_size_must_be_known() -> None:
    with pytest.raises(ColliculusError, match="the size of a is not known"):
        ModalityInteraction({"a": None, "v": (2, 2)}, dim=D, cells=1, neuron=SOFT)
