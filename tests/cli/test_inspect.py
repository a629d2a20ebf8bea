from __future__ import annotations

import csv
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colliculus.cli import main
from colliculus.evaluation.time_alignment import alignment_matrices
from colliculus.runs.run import load_model

CPU = ("--device", "cpu")


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Train a small run of a preset; its folder."""

    def trained(preset, *flags):
        folder = tmp_path_factory.mktemp("trained") / "run"
        sizes = {"num-classes": 3, "num-train": 12, "num-validation": 9, "num-test": 6, "size": 16, "steps": 2}
        data = [part for name, value in sizes.items() for part in (f"--data.{name}", str(value))]
        small = ["--method.dim", "16", "--method.time-steps", "2", "--train.device", "cpu"]
        assert main(["train", preset, "--out", str(folder), *small, *data, *flags]) == 0
        return str(folder)

    return trained


@pytest.fixture(scope="module")
def taaf_run(train):
    """TAAF with a warp, and steps of its own for the picture."""
    warp = ("--method.alignment", "warp", "--method.modality-steps", "visual", "3")
    return train("taaf-synthetic", "--train.epochs", "2", *warp)


@pytest.fixture(scope="module")
def lone_run(train):
    """Sound alone."""
    return train("audio-synthetic", "--train.epochs", "1", "--method.heads", "4")


def test_every_layer_and_every_parameter_is_counted(answer_json, run):
    found = answer_json("inspect", run, *CPU)
    model = load_model(Path(run))
    modules = dict(model.named_modules())
    assert all(layer["name"] in modules and len(layer["step_rates"]) == 2 for layer in found["layers"])
    total = sum(p.numel() for p in model.parameters())
    assert sum(found["parts"].values()) == found["num_parameters"] == total
    assert found["parts"]["encoders.audio"] == sum(p.numel() for p in model.encoders["audio"].parameters())


def test_the_steps_of_the_training_are_told(answer_json, run, tmp_path):
    assert answer_json("inspect", run, *CPU)["trained_steps"] == 1  # an epoch of one batch
    earlier = Path(shutil.copytree(run, tmp_path / "run"))
    (earlier / "spike_health.json").unlink()
    assert answer_json("inspect", str(earlier), *CPU)["trained_steps"] is None


def test_it_prints_a_table_and_draws_a_picture(answer, run):
    picture = Path(run, "inspect.png")
    picture.unlink(missing_ok=True)
    out, _ = answer("inspect", run, *CPU)
    assert "encoders.visual stages.0" in out
    assert "Parameters" in out
    with Image.open(picture) as image:
        assert image.width > 1000
        assert len(image.convert("RGB").getcolors(maxcolors=2**20)) > 20


def test_without_matplotlib_the_table_remains(answer, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    out, err = answer("inspect", run, *CPU)
    assert "Parameters" in out
    assert "Drawn" not in out
    assert "colliculus[report]" in err


def test_nothing_cannot_be_measured(answer, run):
    assert "--samples" in answer("inspect", run, *CPU, "--samples", "0", code=2)[1]


def columns(run):
    """The curves that `metrics.csv` holds."""
    with Path(run, "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in rows[0]}


def test_the_balance_of_a_run_is_told_in_json(answer_json, taaf_run):
    found = answer_json("inspect", taaf_run, *CPU)
    recorded = columns(taaf_run)
    assert found["modalities"] == ["audio", "visual"]
    assert found["epochs"] == [1, 2]
    assert found["accuracy"] == recorded["validation_accuracy"]
    assert found["best_epoch"] == (2 if found["accuracy"][1] >= found["accuracy"][0] else 1)
    assert found["own_heads"] is True
    for m in ("audio", "visual"):
        assert found["accuracy_alone"][m] == recorded[f"validation_accuracy_{m}"]
        assert found["balance"][f"coefficient_{m}"] == recorded[f"modulation_coefficient_{m}"]
    assert [*found["time_weights"]] == ["audio", "visual", "fused"]
    for weights in found["time_weights"].values():
        assert np.shape(weights["by_class"]) == (len(found["classes"]), 2) == (3, 2)
        assert np.sum([*weights["by_class"], weights["mean"]], axis=1) == pytest.approx(np.ones(4), abs=1e-6)
    learned = alignment_matrices(load_model(Path(taaf_run)))
    for m, steps in (("audio", 2), ("visual", 3)):
        assert np.shape(found["alignments"][m]["matrix"]) == (2, steps)
        assert found["alignments"][m]["positions"] == pytest.approx(learned[m].positions)


def test_the_balance_of_a_run_is_printed_and_drawn(answer, taaf_run):
    picture = Path(taaf_run, "balance.png")
    picture.unlink(missing_ok=True)
    out, _ = answer("inspect", taaf_run, *CPU)
    recorded = columns(taaf_run)
    for part in ("Validation accuracy (alone: by its own head) and balance", "Temporal attention scores", "3 to 2"):
        assert part in out
    assert f"{100 * recorded['validation_accuracy_visual'][0]:.1f} %" in out
    assert f"{recorded['modulation_coefficient_audio'][0]:.3f}" in out
    assert out.endswith("balance.png")
    with Image.open(picture) as image:
        assert image.width > 1000
        assert image.height > 1000  # three rows
        assert len(image.convert("RGB").getcolors(maxcolors=2**20)) > 20


def test_a_class_without_a_sample_is_left_out(answer, answer_json, taaf_run):
    found = answer_json("inspect", taaf_run, *CPU, "--samples", "1")
    assert sum(row is None for row in found["time_weights"]["fused"]["by_class"]) == 2
    out, _ = answer("inspect", taaf_run, *CPU, "--samples", "1")
    assert re.search(r"fused [\d.]+ [\d.]+ 0\.0 ", out)  # one class does not differ from itself


def test_where_nothing_is_balanced_only_the_accuracies_are_shown(answer, answer_json, run):
    found = answer_json("inspect", run, *CPU)
    assert [*found["accuracy_alone"]] == ["audio", "visual"]
    assert (found["balance"], found["time_weights"], found["alignments"]) == ({}, {}, {})
    assert found["own_heads"] is False
    out, _ = answer("inspect", run, *CPU)
    assert "Validation accuracy (alone: by its share of the joint logits)" in out
    assert "Temporal" not in out
    assert "alignment" not in out


def test_a_lone_modality_has_no_balance(answer, answer_json, lone_run):
    assert answer_json("inspect", lone_run, *CPU)["balance_picture"] is None
    assert not Path(lone_run, "balance.png").exists()
    assert "Validation accuracy" not in answer("inspect", lone_run, *CPU)[0]


def test_a_run_without_a_history_shows_what_its_model_knows(answer, answer_json, taaf_run, tmp_path):
    shutil.copytree(taaf_run, tmp_path / "run")
    (tmp_path / "run" / "metrics.csv").unlink()
    found = answer_json("inspect", str(tmp_path / "run"), *CPU)
    assert (found["epochs"], found["best_epoch"], found["accuracy_alone"]) == ([], None, {})
    assert [*found["time_weights"]] == ["audio", "visual", "fused"]
    assert "Validation accuracy" not in answer("inspect", str(tmp_path / "run"), *CPU)[0]
    assert Path(found["balance_picture"]).exists()
