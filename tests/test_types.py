from __future__ import annotations

import pytest
import torch

from colliculus import Batch, ColliculusError, DataSpec

GOOD = {"channels": {"audio": 1}, "sizes": {"audio": (8, 8)}, "num_classes": 2}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"channels": {}}, "at least one modality"),
        ({"channels": {"a.b": 1}, "sizes": {"a.b": (8, 8)}}, "without a dot"),
        ({"sizes": {"visual": (8, 8)}}, "does not declare"),
        ({"steps": {"visual": 4}}, "does not declare"),
        ({"num_classes": 1}, "at least 2"),
        ({"sizes": {"audio": (0, 8)}}, "at least 1"),
        ({"class_names": ("a",)}, "1 class names were given for 2 classes"),
    ],
)
def test_a_spec_that_cannot_be_is_refused(change, sentence) -> None:
    with pytest.raises(ColliculusError, match=sentence):
        DataSpec(**{**GOOD, **change})


def test_shapes_and_names() -> None:
    spec = DataSpec(**GOOD, steps={"audio": 6})
    assert spec.input_shape("audio", 3) == (6, 3, 1, 8, 8)
    assert spec.names == ("0", "1")


def test_batch_moves_as_a_whole() -> None:
    moved = Batch({"audio": torch.zeros(2, 1)}, torch.tensor([0, 1])).to(torch.device("meta"))
    assert moved.inputs["audio"].device.type == moved.labels.device.type == "meta"
