"""`colliculus import-reference` and `colliculus export --to reference`."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import colliculus
from colliculus import SCMRL, DataSpec, reference
from colliculus.cli import main

SIZES = {"audio": (16, 16), "visual": (16, 16)}
SPEC = DataSpec(channels={"audio": 1, "visual": 3}, sizes=SIZES, num_classes=2)
TOLD = ["--num-heads", "4", "--time-steps", "2", "--alpha", "0.7"]


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint whose tensors that never act are not the plain ones."""
    torch.manual_seed(0)
    model = SCMRL(dim=16, heads=4, time_steps=2, alpha=0.7, arithmetic="reference").model(SPEC)
    tensors = reference.to_state_dict(model)
    tensors |= {name: torch.randn_like(value) for name, value in tensors.items() if name.startswith("av_attention")}
    path = tmp_path / "model_best.pth.tar"
    torch.save({"epoch": 1, "state_dict": tensors}, path)
    return path


def test_there_and_back_is_identical(checkpoint, tmp_path, capsys) -> None:
    run, out = tmp_path / "run", tmp_path / "back.pth.tar"
    assert main(["import-reference", str(checkpoint), str(run), *TOLD]) == 0
    assert "av_attention" in capsys.readouterr().out
    assert main(["export", str(run), "--to", "reference", "--out", str(out)]) == 0
    before, after = (torch.load(path, weights_only=True)["state_dict"] for path in (checkpoint, out))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_the_run_is_loaded_evaluated_and_predicts(checkpoint, tmp_path, capsys) -> None:
    run, data = tmp_path / "run", tmp_path / "data"
    sizes = ["--sizes", "audio", "16", "16", "visual", "16", "16"]
    assert main(["import-reference", str(checkpoint), str(run), *TOLD, *sizes]) == 0
    tensors = torch.load(checkpoint, weights_only=True)["state_dict"]
    told = {"time_steps": 2, "cross_attention": "SpatialTemporal", "interaction": "Add", "alpha": 0.7, "num_heads": 4}
    direct = reference.from_state_dict(tensors, reference.ReferenceSettings(**told)).eval()
    rng = np.random.default_rng(0)
    arrays = {"audio": rng.normal(size=(4, 1, 16, 16)), "visual": rng.normal(size=(4, 3, 16, 16))}
    for part in ("train", "test"):
        (data / part).mkdir(parents=True)
        for name, values in {**arrays, "label": np.array([0, 1, 0, 1])}.items():
            np.save(data / part / f"{name}.npy", values)
    inputs = {m: torch.from_numpy(values).float() for m, values in arrays.items()}
    expected = direct(inputs).logits
    assert torch.equal(colliculus.load(run, "cpu").model(inputs).logits, expected)
    capsys.readouterr()
    assert main(["evaluate", str(run), "--data.root", str(data), "--data.validation-fraction", "0.5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["correct"] == (expected.argmax(1).numpy() == [0, 1, 0, 1]).sum()
    files = [str(data / "test" / f"{m}.npy") for m in arrays]
    assert main(["predict", str(run), *files, "--json"]) == 0
    predicted = [p["predicted"] for p in json.loads(capsys.readouterr().out)["predictions"]]
    assert predicted == [str(k) for k in expected.argmax(1).tolist()]


def test_compare_says_what_it_is(checkpoint, tmp_path, capsys) -> None:
    run = tmp_path / "run"
    assert main(["import-reference", str(checkpoint), str(run), *TOLD]) == 0
    assert main(["compare", str(run)]) == 2
    said = capsys.readouterr().err
    assert "was imported, not trained here" in said
    assert f"`colliculus evaluate {run}`" in said
    assert "--resume" not in said


def test_without_a_size_predict_tells_the_mend(checkpoint, tmp_path, capsys) -> None:
    run = tmp_path / "run"
    assert main(["import-reference", str(checkpoint), str(run), *TOLD]) == 0
    np.save(tmp_path / "audio.npy", np.zeros((1, 16, 16)))
    assert main(["predict", str(run), str(tmp_path / "audio.npy")]) == 2
    assert "sizes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.pth", "RUN"], "nowhere.pth cannot be read"),
        (["FILE", "FOLDER"], "is not empty"),
        (["FILE", "RUN", "--cross-attention", "SCA"], "has no block.0.attn.q_conv.weight"),
        (["FILE", "RUN", "--num-heads", "3"], "`heads` is 3"),
    ],
)
def test_mistakes_leave_nothing_behind(arguments, sentence, checkpoint, tmp_path, capsys) -> None:
    places = {"FILE": str(checkpoint), "RUN": str(tmp_path / "run"), "FOLDER": str(tmp_path)}
    assert main(["import-reference", *(places.get(a, a) for a in arguments)]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_without_a_counterpart_is_refused(tmp_path, tiny_data, capsys) -> None:
    run, data = str(tmp_path / "run"), tiny_data("synthetic")
    small = ["--method.dim", "16", "--method.heads", "4", "--train.epochs", "1", "--train.device", "cpu"]
    assert main(["train", "s-cmrl-synthetic", "--out", run, *small, *data.overrides]) == 0
    assert main(["export", run, "--to", "reference"]) == 2
    assert "no counterpart" in capsys.readouterr().err
