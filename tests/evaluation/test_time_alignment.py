from __future__ import annotations

import numpy as np
import pytest
import torch

from colliculus.evaluation.time_alignment import alignment_matrices
from colliculus.methods import TAAF, FirstTectum


@pytest.fixture
def aligned(model):
    """A TAAF of another alignment each, with 5 steps of the picture brought to 3."""

    def make(name, **settings):
        torch.manual_seed(0)
        method = TAAF(dim=8, encoder="shallow", time_steps=3, alignment=name, **settings)
        return method.model(model.spec)

    return make


def moved(made):
    """Learned parameters away from where they begin, but no spikes mixed in."""
    with torch.no_grad():
        for name, parameter in made.fusion.alignments.named_parameters():
            if not name.endswith("mix"):
                parameter.add_(0.3 * torch.randn_like(parameter))
    return made


@pytest.mark.parametrize("name", ["warp", "conv", "interpolate"])
def test_the_matrix_is_what_each_single_step_becomes(aligned, name):
    made = moved(aligned(name, modality_steps={"visual": 5})).eval()
    found = alignment_matrices(made)
    assert [*found] == ["audio", "visual"]
    for modality, steps in (("audio", 3), ("visual", 5)):
        matrix = np.array(found[modality].matrix)
        assert matrix.shape == (3, steps)
        for s in range(steps):
            one = torch.zeros(steps, 1, 8)
            one[s] = 1
            column = made.fusion.alignments[modality](one)[:, 0, 0].detach().numpy()
            assert np.allclose(matrix[:, s], column, atol=1e-6)
        hats = [[max(0.0, 1 - abs(s - x)) for s in range(steps)] for x in found[modality].interpolated]
        assert found[modality].moved == pytest.approx(np.abs(matrix - hats).max(), abs=1e-6)
        assert (found[modality].moved > 0.01) == (name != "interpolate")
        assert found[modality].kind == name


def test_the_alignment_before_an_exchange_is_found_too(model):
    found = alignment_matrices(FirstTectum(dim=8, heads=2, encoder="shallow", time_steps=3).model(model.spec))
    assert [(m, each.kind) for m, each in found.items()] == [("audio", "conv"), ("visual", "conv")]


def test_only_a_warp_looks_at_steps_and_only_a_convolution_mixes(aligned):
    warp, conv, fixed = (alignment_matrices(aligned(name))["audio"] for name in ("warp", "conv", "interpolate"))
    assert warp.positions == pytest.approx([0, 1, 2], abs=1e-5)
    assert warp.moved == pytest.approx(0, abs=1e-6)
    assert (conv.mix, conv.positions, warp.mix) == (0.0, None, None)
    assert (fixed.mix, fixed.positions) == (None, None)


def test_without_an_alignment_there_is_no_matrix(aligned, model):
    assert alignment_matrices(aligned("identity")) == {}
    assert alignment_matrices(model) == {}


def test_a_warp_of_each_clip_shows_what_all_clips_share(aligned):
    made = moved(aligned("clip-warp", modality_steps={"visual": 5}))
    found = alignment_matrices(made)["visual"]
    shared = made.fusion.alignments["visual"].shared
    assert found.kind == "clip-warp"
    assert found.positions == pytest.approx(shared.positions().tolist())
    np.testing.assert_allclose(found.matrix, shared.matrix.detach().numpy(), atol=1e-6)
    assert found.moved > 0.01
