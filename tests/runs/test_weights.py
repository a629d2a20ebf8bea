from __future__ import annotations

from hashlib import sha256

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from colliculus.runs.weights import load_weights, save_weights
from colliculus.types import ColliculusError


def test_weights_and_statistics_come_back(tmp_path):
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    model(torch.randn(4, 2))
    save_weights(model, tmp_path / "model.safetensors")
    other = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    load_weights(other, tmp_path / "model.safetensors")
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (nn.Linear(2, 4), r"its weight has shape \(3, 2\) where run.yaml asks for \(4, 2\)"),
        (nn.Linear(2, 3, bias=False), r"its bias has shape \(3,\) where run.yaml asks for None"),
        (nn.BatchNorm1d(3), r"its weight has shape \(3, 2\) where run.yaml asks for \(3,\)"),
    ],
)
def test_weights_of_another_model_are_refused(tmp_path, other, told):
    save_weights(nn.Linear(2, 3), tmp_path / "model.safetensors")
    with pytest.raises(ColliculusError, match=told):
        load_weights(other, tmp_path / "model.safetensors")


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 100])
def test_a_damaged_file_is_told(tmp_path, content):
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ColliculusError, match="damaged"):
        load_weights(nn.Linear(2, 3), tmp_path / "model.safetensors")


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ColliculusError, match=r"model\.safetensors cannot be read \(No such file"):
        load_weights(nn.Linear(2, 3), tmp_path / "model.safetensors")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_diverged_are_refused(tmp_path, bad):
    model = nn.Linear(2, 3)
    nn.init.constant_(model.bias, bad)
    save_weights(model, tmp_path / "model.safetensors")
    with pytest.raises(ColliculusError, match="numbers in bias that are not finite, the training diverged"):
        load_weights(nn.Linear(2, 3), tmp_path / "model.safetensors")


def test_a_flipped_bit_in_the_weights_is_noticed(tmp_path):
    path = tmp_path / "model.safetensors"
    assert save_weights(nn.Linear(2, 3), path) == sha256(path.read_bytes()).hexdigest()
    content = bytearray(path.read_bytes())
    for place in (-1, -36, -17):  # the last byte of the weights, the first, and one between
        content[place] ^= 1
        path.write_bytes(content)
        with pytest.raises(ColliculusError, match="has changed since it was written, its digest differs"):
            load_weights(nn.Linear(2, 3), path)
        content[place] ^= 1
    path.write_bytes(content)
    load_weights(nn.Linear(2, 3), path)


def test_weights_of_other_programs_have_no_digest(tmp_path):
    model, other = nn.Linear(2, 3), nn.Linear(2, 3)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    load_weights(other, tmp_path / "model.safetensors")
    assert torch.equal(model.weight, other.weight)
