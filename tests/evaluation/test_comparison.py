from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from colliculus.evaluation.comparison import Comparison, compare
from colliculus.evaluation.trained_run import open_run
from colliculus.presets import preset
from colliculus.runs.experiment import replaced
from colliculus.runs.kept_predictions import Condition, read_predictions, write_predictions
from colliculus.runs.run import read_run
from colliculus.training.fit import fit
from colliculus.types import ColliculusError

SMALL = {"data.num_classes": 2, "data.num_train": 8, "data.num_validation": 4, "data.num_test": 12, "data.size": 16,
         "data.steps": 2, "method.dim": 16, "method.time_steps": 2, "train.epochs": 1,
         "train.device": "cpu"}  # fmt: skip


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two methods with two seeds each; their kept predictions are made up, right for a share of the clips."""
    root, random = tmp_path_factory.mktemp("study"), np.random.default_rng(0)
    for name, share in (("late-fusion-synthetic", 0.5), ("weighted-attention-synthetic", 0.9)):
        for seed in (0, 1):
            folder, experiment = root / f"{name}-{seed}", replaced(preset(name), {**SMALL, "train.seed": seed})
            fit(experiment, out=folder, progress=False)
            run = read_run(folder)
            kept = read_predictions(folder, run, Condition.of(run))
            predicted = np.where(random.random(len(kept)) < share, kept.labels, 1 - kept.labels)
            write_predictions(folder, run, Condition.of(run), replace(kept, predicted=predicted))
    return root


@pytest.fixture(scope="module")
def found(study):
    return compare(study)


def test_the_numbers_are_those_of_the_kept_predictions(study, found):
    for method in found.methods:
        right = [
            read_predictions(Path(run), read_run(Path(run)), found.condition).correct.mean() for run in method.runs
        ]
        assert method.score.accuracies == pytest.approx(right)
        assert method.trainings == (("", 0), ("", 1))
    first, second = (method.score.accuracy for method in found.methods)
    assert found.tests[0].difference == pytest.approx(second - first)
    assert second != first


def test_a_comparison_is_read_as_it_was_written(found, tmp_path):
    assert Comparison.read(found.save(tmp_path / "comparison.json")) == found


def test_runs_may_be_paths_names_or_opened(study, found):
    folders = sorted(study.iterdir())
    for runs in (str(study), folders, map(str, folders), [open_run(folder, "cpu") for folder in folders]):
        assert compare(runs) == found
    assert compare(open_run(folders[0], "cpu")).tests == ()


def test_the_table_holds_methods_tests_and_verdicts(found):
    text = " ".join(str(found.table()).split())
    assert "12 clips, clean" in text
    assert "Difference to late-fusion-synthetic, paired" in text
    assert " ".join(found.verdicts[0].split()) in text
    assert found.verdicts[0] in found.table().html()


def test_the_baseline_is_chosen_by_preset(study, found):
    turned = compare(study, baseline="weighted-attention-synthetic")
    assert (turned.baseline, turned.tests[0].first) == ("weighted-attention-synthetic", "late-fusion-synthetic")
    assert turned.tests[0].difference == -found.tests[0].difference
    assert turned.methods == found.methods


def test_without_a_device_nothing_is_measured(study, found):
    assert compare(study, device=None) == found
    with pytest.raises(ColliculusError, match=r"does not keep its predictions \(no visual\): run `colliculus compare`"):
        compare(study, missing=["visual"], device=None)
    measured = compare(study, missing=["visual"], device="cpu")
    assert measured.condition == replace(found.condition, missing=("visual",))
    assert compare(study, missing=["visual"], device=None) == measured


def test_nothing_to_compare_is_refused():
    with pytest.raises(ColliculusError, match="nothing to compare"):
        compare([])
    with pytest.raises(ColliculusError, match="nowhere is not a run folder"):
        compare(Path("nowhere"))


def test_the_figure_has_a_bar_with_an_interval_for_each_method_and_test(found, tmp_path):
    drawn = found.figure()
    methods, tests = (part.axes[0] for part in drawn.subfigs)
    assert [bar.get_width() for bar in methods.patches] == [100 * score.accuracy for score in found.scores.values()]
    assert [bar.get_width() for bar in tests.patches] == [100 * found.tests[0].difference]
    low, high = found.methods[1].score.interval
    assert any(line.get_xdata() == pytest.approx([100 * low, 100 * high]) for line in methods.lines)
    drawn.savefig(tmp_path / "comparison.png")
