"""Data and settings that methods refuse."""

from __future__ import annotations

import pytest

from colliculus import SCMRL, ColliculusError, DataSpec, LateFusion, Unimodal
from colliculus.fusion import CrossModalSettings


def test_methods_refuse_data_they_cannot_use() -> None:
    one = DataSpec(channels={"audio": 1}, sizes={"audio": (16, 16)}, num_classes=2)
    with pytest.raises(ColliculusError, match="needs two"):
        SCMRL(dim=16, heads=4).model(one)
    with pytest.raises(ColliculusError, match="no modality 'visual': choose one of audio"):
        Unimodal(modality="visual", dim=16, heads=4).model(one)


def test_a_name_that_pytorch_keeps_is_refused() -> None:
    spec = DataSpec(channels={"values": 1, "audio": 1}, sizes={"values": (8, 8), "audio": (8, 8)}, num_classes=2)
    with pytest.raises(ColliculusError, match="'values'"):
        LateFusion(dim=16).model(spec)


@pytest.mark.parametrize(
    ("method", "change", "sentence"),
    [
        (LateFusion, {"dim": 4}, "multiple of 8"),
        (LateFusion, {"dim": -32}, "multiple of 8"),
        (LateFusion, {"dim": 3, "encoder": "shallow"}, "multiple of 2"),
        (Unimodal, {"time_steps": -1}, "time_steps"),
        (Unimodal, {"context": -1}, "context"),
        (Unimodal, {"label_smoothing": 1.0}, "label_smoothing"),
        (SCMRL, {"temperature": 0.0}, "temperature"),
        (SCMRL, {"alpha": float("nan")}, "alpha"),
    ],
)
def test_a_setting_out_of_range_is_named(method, change, sentence) -> None:
    with pytest.raises(ColliculusError, match=sentence):
        method(**change)


@pytest.mark.parametrize("change", [{"dropout": 1.0}, {"scale": 0.0}, {"threshold": float("inf")}])
def test_an_arithmetic_out_of_range_is_refused(change) -> None:
    with pytest.raises(ColliculusError, match=next(iter(change))):
        CrossModalSettings(**change)
