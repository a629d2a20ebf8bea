from __future__ import annotations

import json

import numpy as np
import pytest

from colliculus.runs.kept_predictions import Condition, read_predictions, write_predictions
from colliculus.runs.run import read_run
from colliculus.runs.weights import save_weights


@pytest.fixture
def trained(train, tmp_path):
    return train(tmp_path), tmp_path, read_run(tmp_path)


def test_a_training_keeps_the_predictions_its_result_counts(trained):
    result, folder, run = trained
    found = read_predictions(folder, run, Condition.of(run))
    counts = np.zeros_like(result.test.confusion)
    np.add.at(counts, (found.labels, found.predicted), 1)
    assert counts.tolist() == [list(row) for row in result.test.confusion]
    record = json.loads((folder / "predictions.json").read_text())
    assert (record["correct"], record["total"]) == (result.test.correct, result.test.total)
    assert record["fingerprint"] == result.fingerprint
    assert record["experiment"]["train"]["seed"] == 0


def test_predictions_are_kept_for_each_condition(trained):
    _, folder, run = trained
    own, noisy = Condition.of(run), Condition({"visual": -10.0}, ("audio",))
    assert read_predictions(folder, run, noisy) is None
    write_predictions(folder, run, noisy, read_predictions(folder, run, own))
    assert (folder / "predictions_noise_of_-10_dB_on_visual_no_audio.csv").exists()
    assert read_predictions(folder, run, noisy) is not None
    assert read_predictions(folder, run, Condition({"visual": -10.0})) is None


def cut_off(folder, run):
    path = folder / "predictions.csv"
    path.write_text(path.read_text()[:-9])


def trained_anew(folder, run):
    save_weights(run.experiment.method.model(run.spec), folder / "model.safetensors")


def without_record(folder, run):
    (folder / "predictions.json").unlink()


def with_another_record(folder, run):
    (folder / "predictions.json").write_text('{"fingerprint": 3}')


def of_other_data(folder, run):
    path = folder / "predictions.json"
    path.write_text(path.read_text().replace(run.fingerprint, "0123"))


@pytest.mark.parametrize("change", [cut_off, trained_anew, without_record, with_another_record, of_other_data])
def test_predictions_of_another_model_count_as_absent(trained, change):
    _, folder, run = trained
    change(folder, run)
    assert read_predictions(folder, run, Condition.of(run)) is None
