from __future__ import annotations

import json
from dataclasses import replace

import pytest

from colliculus.runs.history import read_metrics
from colliculus.runs.result import BestOnTest, TrainingResult, kept_epoch, read_result


@pytest.mark.parametrize(
    ("accuracies", "best"), [([0.5], 1), ([0.5, 0.9, 0.8], 2), ([0.9, 0.5, 0.9, 0.1], 3), ([0.0, 0.0], 2)]
)
def test_the_last_of_the_most_accurate_epochs_is_kept(accuracies, best):
    history = [{"validation_accuracy": accuracy} for accuracy in accuracies]
    assert kept_epoch(history, "best") == best
    assert kept_epoch(history, "last") == len(history)
    assert kept_epoch([{"train_loss": 1.0} for _ in history], "best") == len(history)


def test_a_result_comes_back_and_is_absent_before(train, tmp_path):
    assert read_result(tmp_path) is None
    result = train(tmp_path / "run")
    assert read_result(tmp_path / "run") == result
    assert TrainingResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_a_result_of_an_earlier_version_comes_back(train, tmp_path):
    result = train(tmp_path)
    document = result.to_dict()
    assert result.coordination is not None
    for added in ("test_before_refit", "best_on_test", "coordination"):
        del document[added]
    (tmp_path / "result.json").write_text(json.dumps(document))
    assert read_result(tmp_path) == replace(result, coordination=None)


def test_a_training_says_when_each_modality_converges(train, tmp_path):
    result, history = train(tmp_path), read_metrics(tmp_path)
    for modality, epoch in result.coordination.reached.items():
        curve = [row[f"validation_accuracy_{modality}"] for row in history]
        assert curve[epoch - 1] >= 0.9 * max(curve)
        assert all(value < 0.9 * max(curve) for value in curve[: epoch - 1])
    assert list(result.coordination.reached) == ["audio", "visual"]
    assert f"audio in epoch {result.coordination.reached['audio']}" in str(result.table())


def test_the_best_epoch_on_the_test_part_is_only_reported(train, tmp_path):
    plain, watched = train(tmp_path / "plain"), train(tmp_path / "watched", test_each_epoch=True)
    accuracies = [row["test_accuracy"] for row in read_metrics(tmp_path / "watched")]
    assert accuracies[watched.best_epoch - 1] == watched.test.accuracy
    best = max(accuracies)
    assert watched.best_on_test == BestOnTest(epoch=accuracies.index(best) + 1, accuracy=best)
    assert replace(watched, best_on_test=None, samples_per_second=plain.samples_per_second) == plain
    models = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("plain", "watched")]
    assert models[0] == models[1]
    assert "chosen on the test part itself: not a result" in str(watched.table())
    assert read_result(tmp_path / "watched") == watched


def test_what_a_later_version_adds_is_left_out(train, tmp_path):
    result = train(tmp_path)
    document = result.to_dict()
    document["test"]["later"] = document["later"] = 1
    (tmp_path / "result.json").write_text(json.dumps(document))
    assert read_result(tmp_path) == result


def test_the_table_names_classes_without_a_test_sample(train, tmp_path):
    result = train(tmp_path)
    assert f"{result.test.correct} of 5)" in str(result.table())
    assert "no sample" not in str(result.table())
    cat, dog = result.test.per_class
    without = replace(result, test=replace(result.test, per_class=(cat, replace(dog, name="dog", total=0))))
    assert "The test part has no sample of 1 class(es), so no figure covers them: dog" in str(without.table())


@pytest.mark.parametrize("text", ["{", "{}", "[]", "null"])
def test_a_damaged_result_is_measured_anew(text, tmp_path):
    (tmp_path / "result.json").write_text(text)
    assert read_result(tmp_path) is None


def test_a_result_names_everything_that_made_it(train, tmp_path):
    result = train(tmp_path).to_dict()
    assert set(result) == {
        "preset", "method", "dataset", "protocol", "fingerprint", "seed", "epochs", "best_epoch", "selection",
        "parameters", "validation", "test", "samples_per_second", "world_size", "device", "versions", "decisions",
            "start",
        "test_before_refit", "best_on_test", "coordination",
    }  # fmt: skip
    assert result["device"] == "cpu"
    for part in ("validation", "test"):
        assert set(result[part]) == {
            "accuracy", "interval", "correct", "total", "macro_f1", "per_class", "confusion", "modality_accuracy"
        }  # fmt: skip
