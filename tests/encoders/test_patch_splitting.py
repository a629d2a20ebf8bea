from __future__ import annotations

from math import ceil

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from colliculus.encoders import SpikformerBlock, SpikingPatchSplitting, fitting_depth

PATCHES = {"deep": 16, "medium": 8, "shallow": 4}


@settings(max_examples=20, deadline=None)
@given(height=st.integers(4, 70), width=st.integers(4, 70), depth=st.sampled_from([*PATCHES]))
def test_grid_is_that_of_the_tokens_for_every_size(height, width, depth) -> None:
    encoder = SpikingPatchSplitting(1, (height, width), 8, depth)
    tokens = encoder(torch.randn(1, 2, 1, height, width))
    assert encoder.grid == (ceil(height / PATCHES[depth]), ceil(width / PATCHES[depth]))
    assert tokens.shape == (1, 2, 8, encoder.grid[0] * encoder.grid[1])


@example(height=64, width=64)
@example(height=70, width=63)
@example(height=32, width=40)
@example(height=31, width=31)
@given(height=st.integers(1, 300), width=st.integers(1, 300))
def test_the_fitting_depth_has_the_largest_patches_of_which_four_fit_along_the_shorter_side(height, width) -> None:
    fitting = [depth for depth, patch in PATCHES.items() if 4 * patch <= min(height, width)]
    assert fitting_depth((height, width)) == (fitting[0] if fitting else "shallow")


@pytest.mark.parametrize(
    ("depth", "widths"), [("deep", [8, 16, 32, 64]), ("medium", [16, 32, 64]), ("shallow", [32, 64])]
)
def test_widths_of_the_stages(depth, widths) -> None:
    encoder = SpikingPatchSplitting(3, (32, 32), 64, depth)
    assert [stage.conv.out_channels for stage in encoder.stages] == widths


def test_tied_spikes_give_the_gradient_to_the_first_of_the_window() -> None:
    pool = SpikingPatchSplitting(1, (32, 32), 8).stages[0].pool
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 1, 1] = x[0, 0, 2, 2] = x[0, 0, 1, 3] = 1  # all in the window of the last output
    x.requires_grad_()
    pool(x)[0, 0, 1, 1].backward()
    assert x.grad.nonzero().tolist() == [[0, 0, 1, 1]]


def test_spikformer_block_adds_spikes() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 2, 16, 9) * 3
    added = SpikformerBlock(16, 4)(x) - x
    torch.testing.assert_close(added, added.round())
    assert added.min() >= -1e-6
    assert added.max() <= 2 + 1e-6
