from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from colliculus.cli import main

SMALL = {
    "method.dim": "16", "method.time-steps": "2", "data.num-classes": "2", "data.num-train": "8",
    "data.num-validation": "4", "data.num-test": "12", "data.size": "16", "data.steps": "2", "train.epochs": "1",
    "train.device": "cpu",
}  # fmt: skip


def train(out, method, *extra):
    flags = [part for name, value in SMALL.items() for part in (f"--{name}", value)]
    assert main(["train", f"{method}-synthetic", "--out", str(out), *flags, *extra]) == 0
    return out


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two methods with two seeds each, one of them also with another threshold."""
    root = tmp_path_factory.mktemp("study")
    for seed in "01":
        for method in ("late-fusion", "weighted-attention"):
            train(root / f"{method}-{seed}", method, "--train.seed", seed)
    train(root / "late-fusion-t", "late-fusion", "--method.neuron.threshold", "0.5")
    return root


def right(folder):
    with (folder / "predictions.csv").open() as file:
        return np.array([row["label"] == row["predicted"] for row in csv.DictReader(file)])


def test_runs_that_differ_in_the_seed_alone_are_one_method(answer_json, study):
    found = answer_json("compare", str(study))
    methods = {m["name"]: m for m in found["methods"]}
    assert list(methods) == [
        "late-fusion-synthetic method.neuron.threshold=1.0",
        "late-fusion-synthetic method.neuron.threshold=0.5",
        "weighted-attention-synthetic",
    ]
    accuracies = [
        json.loads((study / f"weighted-attention-{s}/result.json").read_text())["test"]["accuracy"] for s in "01"
    ]
    score = methods["weighted-attention-synthetic"]
    assert score["trainings"] == [["", 0], ["", 1]]
    score = score["score"]
    assert score["accuracies"] == accuracies
    assert score["accuracy"] == pytest.approx(np.mean(accuracies))
    assert score["deviation"] == pytest.approx(np.std(accuracies, ddof=1))
    low, high = (
        stats.t.interval(0.95, 1, np.mean(accuracies), stats.sem(accuracies)) if score["deviation"] else accuracies
    )
    assert score["interval"] == pytest.approx([max(low, 0), min(high, 1)])


def test_two_methods_are_paired_by_seed_and_clip(answer_json, study):
    names = [str(study / f"{m}-{s}") for m in ("late-fusion", "weighted-attention") for s in "01"]
    record = answer_json("compare", *names)
    (found,) = record["tests"]
    assert (found["first"], found["second"]) == ("weighted-attention-synthetic", "late-fusion-synthetic")
    for seed, (ours, theirs, p) in zip("01", found["mcnemar"], strict=True):
        a, b = right(study / f"weighted-attention-{seed}"), right(study / f"late-fusion-{seed}")
        assert (ours, theirs) == ((a & ~b).sum(), (b & ~a).sum())
        assert p == pytest.approx(stats.binomtest(ours, ours + theirs).pvalue if ours + theirs else 1)
    assert record["verdicts"][0].startswith(
        "weighted-attention-synthetic is not shown to differ from late-fusion-synthetic"
    )


def test_the_page_has_tables_and_sentences(answer, study, tmp_path):
    table = tmp_path / "tables" / "compare.csv"
    asked = ("--baseline", "weighted-attention-synthetic", "--csv", str(table))
    out, _ = answer("compare", str(study), *asked)
    assert "12 clips, clean" in out
    assert "Difference to weighted-attention-synthetic, paired" in out
    assert out.count("is not shown to differ from weighted-attention-synthetic") == 1
    assert "With 2 seeds p cannot be below 0.5." in out
    assert "With one pair of trainings, " in out
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["trainings"] for row in rows] == ["2", "1", "2"]
    assert [row["baseline"] for row in rows] == ["weighted-attention-synthetic"] * 2 + [""]
    assert rows[1]["p_seeds"] == ""
    assert float(rows[0]["difference"]) == pytest.approx(float(rows[0]["accuracy"]) - float(rows[2]["accuracy"]))


def test_one_method_has_no_tests(answer, study):
    out, _ = answer("compare", str(study / "late-fusion-0"))
    assert "(clips)" in out
    assert "Difference" not in out


def test_predictions_that_were_not_kept_are_measured_and_kept(answer_json, study, tmp_path):
    folder = Path(shutil.copytree(study / "late-fusion-0", tmp_path / "run"))
    before = (folder / "predictions.csv").read_text()
    (folder / "predictions.csv").unlink()
    found = answer_json("compare", str(folder))
    assert (folder / "predictions.csv").read_text() == before
    assert found["methods"][0]["score"]["accuracy"] == right(folder).mean()


def test_all_can_be_tested_under_noise(answer_json, study, tmp_path):
    runs = [str(shutil.copytree(study / name, tmp_path / name)) for name in ("late-fusion-0", "weighted-attention-0")]
    noise = ("--snr-db", "audio", "-20", "visual", "-20")
    found = answer_json("compare", *runs, *noise)
    assert found["condition"] == {
        "snr_db": {"audio": -20, "visual": -20},
        "missing": [],
        "snr_of": "standardised",
    }
    for run, method in zip(runs, found["methods"], strict=True):
        alone = answer_json("evaluate", run, "--device", "cpu", *noise)
        assert method["score"]["accuracy"] == alone["accuracy"]


def test_noise_may_refer_to_the_raw_input_and_kept_predictions_are_read(answer, answer_json, study, tmp_path):
    runs = [str(shutil.copytree(study / name, tmp_path / name)) for name in ("late-fusion-0", "weighted-attention-0")]
    noise = ("--snr-db", "visual", "-20", "--snr-of", "raw")
    alone = [answer_json("evaluate", run, "--device", "cpu", *noise)["accuracy"] for run in runs]
    kept = [Path(run) / "predictions_noise_of_-20_dB_on_raw_visual.csv" for run in runs]
    before = [path.stat().st_mtime_ns for path in kept]
    found = answer_json("compare", *runs, *noise)
    assert found["condition"] == {"snr_db": {"visual": -20}, "missing": [], "snr_of": "raw"}
    assert [method["score"]["accuracy"] for method in found["methods"]] == alone
    assert [path.stat().st_mtime_ns for path in kept] == before
    assert "-20 dB on raw visual" in answer("compare", *runs, *noise)[0]
    assert "no effect without `snr_db`" in answer("compare", *runs, "--snr-of", "raw", code=2)[1]


@pytest.mark.parametrize(
    ("method", "flags", "message"),
    [
        (
            "late-fusion",
            ["--data.num-classes", "3"],
            "their classes differ: disc-tone, disc-rise, square-rise and disc-tone, disc-rise",
        ),
        ("late-fusion", ["--data.tactile"], "their modalities differ"),
        ("late-fusion", ["--data.seed", "7"], "their data (fingerprint) differ"),
        ("late-fusion", ["--train.snr-db", "audio", "0"], "their noise at test differ: 0 dB on audio and none"),
        (
            "late-fusion",
            ["--train.snr-db", "audio", "0", "--train.snr-of", "raw"],
            "differ: 0 dB on raw audio and none",
        ),
        ("late-fusion", [], "are the same training"),
    ],
    ids=str,
)
def test_runs_that_cannot_be_compared_are_refused(answer, study, tmp_path, method, flags, message):
    other = train(tmp_path / "other", method, *flags)
    _, err = answer("compare", str(study / "late-fusion-0"), str(other), code=2)
    assert message in err
    assert str(other) in err


def test_folds_may_be_taken_together(answer, answer_json, study, tmp_path):
    other = [str(train(tmp_path / m, m, "--data.seed", "7")) for m in ("late-fusion", "weighted-attention")]
    runs = [str(study / f"{m}-0") for m in ("late-fusion", "weighted-attention")]
    assert "by data.seed" in answer("compare", *runs, *other, code=2)[1]
    found = answer_json("compare", *runs, *other, "--over", "data.seed")
    assert [m["trainings"] for m in found["methods"]] == [[["data.seed=0", 0], ["data.seed=7", 0]]] * 2
    assert found["tests"][0]["num_clips"] == 24
    assert len(found["fingerprints"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--baseline", "weighted-atention"], "did you mean 'weighted-attention-synthetic'"),
        (["--baseline", "late-fusion-synthetic"], "occurs in 2 settings"),
        (["--over", "data.sed"], "did you mean 'data.seed'?"),
        (["--snr-db", "adio", "0"], "did you mean 'audio'?"),
        (["--missing", "adio"], "did you mean 'audio'?"),
    ],
    ids=str,
)
def test_a_wrong_name_offers_the_right_one(answer, study, arguments, message):
    assert message in answer("compare", str(study), *arguments, code=2)[1]


def test_folders_without_finished_runs_are_refused(answer, study, tmp_path):
    assert "nothing to compare" in answer("compare", code=2)[1]
    assert "is not a run folder" in answer("compare", str(tmp_path), code=2)[1]
    folder = Path(shutil.copytree(study / "late-fusion-0", tmp_path / "runs" / "a"))
    (folder / "result.json").unlink()
    assert "is not finished" in answer("compare", str(folder), code=2)[1]
    assert "none of the 1 runs" in answer("compare", str(tmp_path / "runs"), code=2)[1]
