from __future__ import annotations

import pytest
import torch

from colliculus.modulation.taaf import (
    inverse,
    step_scores,
)
from colliculus.types import Output


def test_scores_by_hand():
    z = torch.tensor([[[0.0, 0.0]], [[0.0, 2.0]]])  # softmax of class 1: 1/2, e^2 / (e^2 + 1) = 0.880797
    alpha = torch.tensor([[0.25], [0.75]])
    output = Output(z[0], z, {}, modality_logits={"a": z}, time_weights={"a": alpha})
    assert step_scores(output, torch.tensor([1]))["a"].flatten().tolist() == pytest.approx([0.125, 0.660598], rel=1e-5)


def test_a_modality_without_any_probability_is_no_division_by_zero():
    assert inverse({"a": 0.5, "b": 0.0})["b"] == pytest.approx(2.0)
