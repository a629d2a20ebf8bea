from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from colliculus.data.noise import GaussianNoise
from colliculus.data.synthetic import Synthetic
from colliculus.evaluation.evaluate import Evaluation, evaluate, predictions_of
from colliculus.evaluation.inference import classify
from colliculus.evaluation.trained_run import open_run
from colliculus.runs.kept_predictions import Condition
from colliculus.runs.metrics import Metrics
from colliculus.runs.predictions import Predictions
from colliculus.types import ColliculusError


def test_a_run_is_evaluated_on_its_own_test_part_and_keeps_the_predictions(trained_folder):
    run = open_run(trained_folder, "cpu")
    found = evaluate(trained_folder, device="cpu")
    expected = classify(run.model, run.data.test, batch_size=3)
    assert found.predictions.predicted.tolist() == expected.predicted.tolist()
    assert found.metrics == Metrics.of(expected)
    assert (found.preset, found.method, found.dataset, found.split) == (
        "late-fusion-synthetic",
        "late-fusion",
        "synthetic",
        "test",
    )
    assert found.fingerprint == found.trained_on == run.run.fingerprint
    kept = Predictions.from_csv((trained_folder / "predictions.csv").read_text())
    assert np.array_equal(kept.probabilities, found.predictions.probabilities)


def test_kept_predictions_are_read_and_others_measured(trained_folder, monkeypatch):
    condition = Condition({"audio": -5.0}, ("visual",))
    first = predictions_of(trained_folder, condition, device="cpu")
    own = predictions_of(trained_folder, device="cpu")
    assert not np.array_equal(first.probabilities, own.probabilities)
    monkeypatch.setattr("colliculus.evaluation.evaluate.classify", None)
    assert np.array_equal(predictions_of(trained_folder, condition).probabilities, first.probabilities)
    with pytest.raises(ColliculusError, match="did you mean 'audio'"):
        predictions_of(trained_folder, Condition({"adio": 0.0}))


def test_the_noise_of_the_training_stays_unless_other_noise_is_given(noisy_folder):
    run = open_run(noisy_folder, "cpu")

    def probabilities(**settings):
        return evaluate(run, **settings).predictions.probabilities

    learned = classify(run.model, run.data.test, batch_size=5, corruption=GaussianNoise({"audio": -5.0}))
    assert np.array_equal(probabilities(), learned.probabilities)
    clean = classify(run.model, run.data.test, batch_size=5)
    assert np.array_equal(probabilities(snr_db={}), clean.probabilities)
    other = classify(run.model, run.data.test, batch_size=5, corruption=GaussianNoise({"visual": 0.0}, 3))
    assert np.array_equal(probabilities(snr_db={"visual": 0.0}, noise_seed=3), other.probabilities)


def test_noise_refers_to_the_raw_input_where_that_is_asked_for(raw_noisy_folder):
    run = open_run(raw_noisy_folder, "cpu")

    def by(noise):
        return classify(run.model, run.data.test, batch_size=5, corruption=noise).probabilities

    known = run.run.normalisation
    learned = evaluate(run)
    assert np.array_equal(learned.predictions.probabilities, by(GaussianNoise({"audio": -5.0}, raw=known)))
    assert not np.array_equal(learned.predictions.probabilities, by(GaussianNoise({"audio": -5.0})))
    assert (learned.snr_db, learned.snr_of) == ({"audio": -5.0}, "raw")
    assert "-5 dB on raw audio" in str(learned.table())
    other = evaluate(run, snr_db={"audio": -5.0})
    assert np.array_equal(other.predictions.probabilities, by(GaussianNoise({"audio": -5.0})))
    assert other.snr_of == "standardised"
    raw = evaluate(run, snr_db={"visual": 0.0}, snr_of="raw")
    assert np.array_equal(raw.predictions.probabilities, by(GaussianNoise({"visual": 0.0}, raw=known)))
    found = predictions_of(run, Condition({"visual": 0.0}, snr_of="raw"))
    assert np.array_equal(found.probabilities, raw.predictions.probabilities)
    assert (raw_noisy_folder / "predictions_noise_of_0_dB_on_raw_visual.csv").exists()
    assert (evaluate(run, snr_db={}).snr_db, evaluate(run, snr_db={}).snr_of) == ({}, "standardised")
    with pytest.raises(ColliculusError, match="`snr_of` is raw, which has no effect without `snr_db`"):
        evaluate(run, snr_of="raw")


def test_the_raw_power_of_data_that_came_standardised_is_not_known(model, split):
    with pytest.raises(ColliculusError, match="mean and deviation of audio"):
        evaluate(model, split, snr_db={"audio": 0.0}, snr_of="raw")


def test_other_data_are_taken_as_settings_as_a_dataset_and_as_a_split(trained_folder):
    run = open_run(trained_folder, "cpu")
    settings = replace(run.experiment.data, num_test=7)
    given = [settings, settings.load(run.run.normalisation), settings.load(run.run.normalisation).test]
    found = [evaluate(run, data) for data in given]
    assert [one.metrics for one in found] == [found[0].metrics] * 3
    assert [one.metrics.total for one in found] == [7] * 3
    assert [one.dataset for one in found] == ["synthetic", "", ""]
    assert not (trained_folder / "predictions.csv").exists()
    with pytest.raises(ColliculusError, match="trained on the classes"):
        evaluate(run, Synthetic(num_classes=3, size=8, steps=2, num_train=9, num_validation=3, num_test=3))


def test_a_model_is_evaluated_where_it_is_and_needs_data(model, split):
    found = evaluate(model, split, batch_size=4)
    assert found.metrics == Metrics.of(classify(model, split, batch_size=11))
    assert (found.run, found.preset, found.trained_on) == ("", "", "")
    with pytest.raises(ColliculusError, match="give `data`"):
        evaluate(model)


def test_own_batches_of_inputs_and_labels_are_evaluated(model, split):
    whole = split.batch(np.arange(len(split)), epoch=0)
    inputs = {"audio": whole.inputs["audio"], "visual": whole.inputs["visual"].transpose(0, 1)}  # batch first
    parts = [({m: x[rows] for m, x in inputs.items()}, whole.labels[rows]) for rows in (slice(0, 6), slice(6, None))]
    found = evaluate(model, parts)
    assert np.array_equal(found.predictions.probabilities, evaluate(model, split).predictions.probabilities)
    strange = [(inputs, whole.labels + 1)]
    with pytest.raises(ColliculusError, match="a label is 3 and the model has 3 classes"):
        evaluate(model, strange)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"snr_db": {"adio": 0.0}}, "did you mean 'audio'"),
        ({"missing": ("audio", "visual")}, "at least one"),
        ({"device": "gpu"}, "unknown device"),
    ],
)
def test_mistakes_are_one_sentence(model, split, settings, sentence):
    with pytest.raises(ColliculusError, match=sentence):
        evaluate(model, split, **settings)


def test_the_record_comes_back_from_its_file(model, split, tmp_path):
    found = evaluate(model, split, snr_db={"audio": 0.0}, missing=("visual",))
    back = Evaluation.read(found.save(tmp_path / "evaluation.json"))
    assert back.to_dict() == found.to_dict()
    assert back.metrics == found.metrics
    assert back.predictions.probabilities.dtype == np.float32
    assert np.array_equal(back.predictions.probabilities, found.predictions.probabilities)


def predicted(confusion, names):
    """An evaluation with these counts."""
    pairs = [(i, j) for i, row in enumerate(confusion) for j, count in enumerate(row) for _ in range(count)]
    labels, classes = np.array(pairs).T
    predictions = Predictions(labels, classes, np.eye(len(names), dtype=np.float32)[classes], names)
    return Evaluation(
        run="runs/a",
        preset="tiny",
        method="late-fusion",
        dataset="synthetic",
        protocol="standard",
        split="validation",
        snr_db={"audio": -10.0},
        noise_seed=0,
        missing=("visual",),
        fingerprint="f",
        trained_on="f",
        metrics=Metrics.of(predictions),
        predictions=predictions,
    )


def test_the_tables_show_what_was_evaluated_and_the_mistakes():
    found = predicted([[3, 1], [0, 2]], ("cat", "dog"))
    text = " ".join(str(found.table()).split())
    for part in ("runs/a (tiny)", "synthetic, standard, validation split", "noise -10 dB on audio", "missing visual"):
        assert part in text
    assert "83.3 % (95 % interval 43.6 to 97.0; 5 of 6)" in text
    assert "Most frequent mistakes" in text
    assert "cat dog 1" in text
    assert "Most frequent mistakes" not in str(predicted([[3, 0], [0, 2]], ("cat", "dog")).table())
    assert found.figure().get_size_inches().min() > 1


def test_a_class_without_a_sample_has_no_metrics_and_is_named():
    text = " ".join(str(predicted([[3, 1], [0, 0]], ("cat", "dog")).table()).split())
    assert "dog 0 - - - -" in text
    assert "macro-F1 85.7 %" in text  # of the cats alone: 3 of 4 are correct
    assert "no sample of 1 class(es), so no figure covers them: dog" in text
