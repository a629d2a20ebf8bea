from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colliculus.cli import main
from colliculus.evaluation.inspection import Inspection, inspect
from colliculus.evaluation.time_alignment import alignment_matrices
from colliculus.runs.run import load_model
from colliculus.types import ColliculusError


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Train a small run of a preset; its folder."""

    def trained(preset, *flags):
        folder = tmp_path_factory.mktemp("trained") / "run"
        sizes = {"num-classes": 3, "num-train": 12, "num-validation": 9, "num-test": 6, "size": 16, "steps": 2}
        data = [part for name, value in sizes.items() for part in (f"--data.{name}", str(value))]
        small = ["--method.dim", "16", "--method.time-steps", "2", "--train.device", "cpu"]
        assert main(["train", preset, "--out", str(folder), *small, *data, *flags]) == 0
        return folder

    return trained


@pytest.fixture(scope="module")
def taaf_run(train):
    """TAAF with a warp, and three steps of its own for the images."""
    warp = ("--method.alignment", "warp", "--method.modality-steps", "visual", "3")
    return train("taaf-synthetic", "--train.epochs", "2", *warp)


def test_every_layer_and_every_parameter_is_counted(scmrl_folder):
    found = inspect(scmrl_folder)
    model = load_model(scmrl_folder)
    modules = dict(model.named_modules())
    assert all(layer.name in modules and len(layer.step_rates) == 2 for layer in found.health.layers)
    assert any(layer.rate > 0 for layer in found.health.layers)
    total = sum(p.numel() for p in model.parameters())
    assert sum(found.parts.values()) == found.health.num_parameters == total
    assert found.parts["encoders.audio"] == sum(p.numel() for p in model.encoders["audio"].parameters())
    assert found.warnings == tuple(found.health.warnings())


def test_the_steps_of_the_training_are_known_where_they_are_recorded(folder):
    assert inspect(folder).health.trained_steps == 1  # an epoch of one batch
    (folder / "spike_health.json").unlink()
    assert inspect(folder).health.trained_steps is None


def test_no_sample_is_a_mistake(scmrl_folder):
    with pytest.raises(ColliculusError, match="samples is 0: give at least 1"):
        inspect(scmrl_folder, samples=0)


def columns(folder):
    """The curves that `metrics.csv` holds."""
    with Path(folder, "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {name: tuple(float(row[name]) for row in rows) for name in rows[0]}


def test_curves_scores_and_alignments_are_those_of_the_run(taaf_run, tmp_path):
    found = inspect(taaf_run)
    recorded, curves = columns(taaf_run), found.curves
    assert found.modalities == ("audio", "visual")
    assert curves.epochs == (1, 2)
    assert curves.accuracy == recorded["validation_accuracy"]
    assert curves.best_epoch == (2 if curves.accuracy[1] >= curves.accuracy[0] else 1)
    assert curves.own_heads
    for m in ("audio", "visual"):
        assert curves.accuracy_alone[m] == recorded[f"validation_accuracy_{m}"]
        assert curves.balance[f"coefficient_{m}"] == recorded[f"modulation_coefficient_{m}"]
    assert [*found.time_weights] == ["audio", "visual", "fused"]
    for weights in found.time_weights.values():
        assert np.shape(weights.by_class) == (len(found.classes), 2) == (3, 2)
        assert np.sum([*weights.by_class, weights.mean], axis=1) == pytest.approx(np.ones(4), abs=1e-6)
    learned = alignment_matrices(load_model(taaf_run))
    for m, steps in (("audio", 2), ("visual", 3)):
        assert np.shape(found.alignments[m].matrix) == (2, steps)
        assert found.alignments[m].positions == pytest.approx(learned[m].positions)
    assert Inspection.read(found.save(tmp_path / "inspection.json")) == found


def test_tables_and_figures_show_the_balance(taaf_run, tmp_path):
    found = inspect(taaf_run)
    recorded, text = columns(taaf_run), str(found.table())
    for part in ("Validation accuracy (alone: by its own head) and balance", "Temporal attention scores", "3 to 2"):
        assert part in text
    assert f"{100 * recorded['validation_accuracy_visual'][0]:.1f} %" in text
    assert f"{recorded['modulation_coefficient_audio'][0]:.3f}" in text
    curves, scores, alignments, *_ = found.balance_figure().subfigs
    accuracy = {line.get_label(): line for line in curves.axes[0].lines}["visual alone"]
    assert accuracy.get_ydata() == pytest.approx([100 * x for x in found.curves.accuracy_alone["visual"]])
    first = found.time_weights["audio"].by_class[0]
    assert [text.get_text() for text in scores.axes[0].texts][:2] == [f"{100 * x:.1f}" for x in first]
    assert [axes.get_title(loc="left") for axes in alignments.axes[:2]] == [
        f"time alignment: {m} (warp)" for m in ("audio", "visual")
    ]
    assert [path.name for path in found.draw(tmp_path)] == ["inspect.png", "balance.png"]
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            assert image.width > 1000
            assert len(image.convert("RGB").getcolors(maxcolors=2**20)) > 20


def test_a_class_without_a_sample_is_left_out(taaf_run):
    found = inspect(taaf_run, samples=1)
    assert sum(row is None for row in found.time_weights["fused"].by_class) == 2
    assert re.search(r"fused +[\d.]+ [\d.]+ +0\.0", str(found.table()))  # one class does not differ from itself
    assert found.balance_figure() is not None


def test_a_run_without_a_balance_has_accuracies_alone(scmrl_folder):
    found = inspect(scmrl_folder)
    assert [*found.curves.accuracy_alone] == ["audio", "visual"]
    assert (found.curves.balance, found.time_weights, found.alignments) == ({}, {}, {})
    assert not found.curves.own_heads
    text = str(found.table())
    assert "Validation accuracy (after the exchange: by its part of the joint logits)" in text
    assert "audio alone" not in text
    assert "Temporal" not in text
    assert "alignment" not in text


def test_a_single_modality_has_no_balance(train, tmp_path):
    found = inspect(train("audio-synthetic", "--train.epochs", "1", "--method.heads", "4"))
    assert found.balance_figure() is None
    assert [path.name for path in found.draw(tmp_path)] == ["inspect.png"]
    assert "Validation accuracy" not in str(found.table())


def test_a_run_without_a_history_shows_what_its_model_knows(taaf_run, tmp_path):
    folder = Path(shutil.copytree(taaf_run, tmp_path / "run"))
    (folder / "metrics.csv").unlink()
    found = inspect(folder)
    assert (found.curves.epochs, found.curves.best_epoch, found.curves.accuracy_alone) == ((), None, {})
    assert [*found.time_weights] == ["audio", "visual", "fused"]
    assert "Validation accuracy" not in str(found.table())
    assert found.balance_figure() is not None
