from __future__ import annotations

import pytest

from colliculus.runs.result import best_epoch, read_result, write_result


@pytest.mark.parametrize(
    ("accuracies", "best"), [([0.5], 1), ([0.5, 0.9, 0.8], 2), ([0.9, 0.5, 0.9, 0.1], 3), ([0.0, 0.0], 2)]
)
def test_the_last_of_the_most_accurate_epochs_is_kept(accuracies, best):
    assert best_epoch([{"validation_accuracy": accuracy} for accuracy in accuracies]) == best


def test_a_result_comes_back_and_is_absent_before(tmp_path):
    assert read_result(tmp_path) is None
    result = {"validation": {"accuracy": 0.2}, "test": {"accuracy": 0.1}}
    write_result(tmp_path, result)
    assert read_result(tmp_path) == result


@pytest.mark.parametrize("text", ["{", "{}", "[]", "null"])
def test_a_damaged_result_is_measured_anew(text, tmp_path):
    (tmp_path / "result.json").write_text(text)
    assert read_result(tmp_path) is None


def test_a_result_names_everything_that_made_it(train, tmp_path):
    result = train(tmp_path)
    assert set(result) == {
        "preset", "method", "dataset", "protocol", "fingerprint", "seed", "epochs", "best_epoch", "selection",
        "parameters", "validation", "test", "samples_per_second", "world_size", "device", "versions",
    }  # fmt: skip
    assert result["device"] == "cpu"
    for part in ("validation", "test"):
        assert set(result[part]) == {
            "accuracy", "interval", "correct", "total", "macro_f1", "per_class", "confusion", "modality_accuracy"
        }  # fmt: skip
