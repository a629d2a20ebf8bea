"""What a model takes as inputs, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from active import no_zeros_compared
from three_streams import SPEC, active, inputs

from colliculus import ColliculusError, LateFusion

__all__ = ["no_zeros_compared"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "at least one of audio, visual, touch; given: nothing"),
        ({"smell": torch.zeros(1, 1, 8, 8)}, "smell"),
        ({"visul": torch.zeros(2, 3, 32, 32)}, "visual"),
        ({"audio": torch.zeros(2, 1, 20, 33), "visual": torch.zeros(3, 3, 32, 32)}, "number of samples"),
        ({"audio": torch.zeros(2, 1, 20, 32)}, r"audio has shape \(2, 1, 20, 32\); expected \(B, 1, 20, 33\)"),
        ({"audio": torch.zeros(1, 20, 33)}, "audio has shape"),
    ],
)
def test_wrong_inputs_get_one_clear_sentence(given, sentence) -> None:
    with pytest.raises(ColliculusError, match=sentence):
        LateFusion(dim=16).model(SPEC)(given)


SEQUENCES = replace(SPEC, steps={"visual": 4})


def test_time_and_batch_cannot_be_swapped_unnoticed() -> None:
    model = LateFusion(dim=16, time_steps=4).model(SEQUENCES)
    time_first = {"visual": torch.randn(4, 3, 3, 32, 32)}
    assert model(time_first).logits.shape == (3, 5)
    told = (
        r"\(3, 4, 3, 32, 32\).* declare 4 time steps: time comes first, so use x\.transpose\(0, 1\) or colliculus\.time"
    )
    with pytest.raises(ColliculusError, match=told):
        model({"visual": time_first["visual"].transpose(0, 1)})
    with pytest.raises(ColliculusError, match="declare 4 time steps: give that many, or build the model for data that"):
        model({"visual": torch.randn(5, 3, 3, 32, 32)})
    free = LateFusion(dim=16, time_steps=4).model(SPEC)
    assert free({"visual": torch.randn(5, 3, 3, 32, 32)}).logits.shape == (3, 5)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool, torch.float16, torch.bfloat16, torch.float64])
def test_numbers_of_any_type_become_the_models(dtype) -> None:
    model, given = active(LateFusion(dim=16))
    values = {m: (2 * x.clamp(min=0)).to(dtype) for m, x in given.items()}
    found = model(values).logits
    assert found.dtype == torch.float32
    assert found.std(0).min() > 1e-3
    assert torch.equal(found, model({m: x.float() for m, x in values.items()}).logits)
    assert model.double()(values).logits.dtype == torch.float64


def test_the_layout_in_memory_does_not_matter() -> None:
    model, _ = active(LateFusion(dim=16))
    contiguous = inputs(batch=4, steps=4)
    assert model(contiguous).logits.std(0).min() > 1e-3
    strided = {m: x.transpose(0, 1).contiguous().transpose(0, 1) for m, x in contiguous.items()}
    flipped = {m: x.flip(-1).flip(-1).permute(0, 1, 2, 4, 3).contiguous().mT for m, x in contiguous.items()}
    assert not any(x.is_contiguous() for x in strided.values())
    for other in (strided, flipped):
        assert torch.equal(model(other).logits, model(contiguous).logits)


@pytest.mark.parametrize(
    ("visual", "sentence"),
    [
        (torch.zeros(2, 3, 32, 32, device="meta"), r"visual is on meta and the model on cpu: use x\.to\(device\)"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.complex64), "visual has complex numbers"),
    ],
    ids=["device", "complex"],
)
def test_what_cannot_be_converted_gets_one_clear_sentence(visual, sentence) -> None:
    with pytest.raises(ColliculusError, match=sentence):
        LateFusion(dim=16).model(SPEC)({"visual": visual})
