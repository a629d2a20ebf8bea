from __future__ import annotations

import numpy as np
import pytest

from colliculus.evaluation.paired import Score, paired_test, paired_tests
from colliculus.evaluation.significance import smallest_p
from colliculus.presets import PRESETS
from colliculus.runs.history import read_metrics
from colliculus.sweeps.published import PublishedAccuracy
from colliculus.sweeps.published_tables import TABLES
from colliculus.sweeps.reproduce import plan_reproduction, reproduce
from colliculus.sweeps.reproduction import Reproduction, reproduction
from colliculus.types import ColliculusError

SCALED = ("synthetic", "av-digits")
"""Data that everybody has, for a small version of any table."""


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_consistent(name):
    table = TABLES[name]
    titles = [row.title for row in table.rows]
    assert len(set(titles)) == len(titles)
    assert table.against in titles
    assert {data for row in table.rows for data in row.published} <= set(table.datasets)
    assert {f"{row.method}-{data}" for row in table.rows for data in SCALED} <= set(PRESETS)


@pytest.mark.parametrize("data", SCALED)
@pytest.mark.parametrize("name", TABLES)
def test_every_row_is_a_training(tmp_path, name, data):
    jobs = plan_reproduction(name, data=data, seeds=2, out=tmp_path)
    rows = {(row.method, *row.settings.items()) for row in TABLES[name].rows}
    assert len(jobs) == 2 * len(rows)
    assert [job.experiment.train.seed for job in jobs] == [0] * len(rows) + [1] * len(rows)


def test_reference_arithmetic_unless_ours_is_asked_for(tmp_path):
    jobs = plan_reproduction("s-cmrl/alpha", seeds=1, out=tmp_path)
    assert {job.preset for job in jobs} == {"s-cmrl-reference-synthetic"}
    assert [job.experiment.method.alpha for job in jobs] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert {job.preset for job in plan_reproduction("s-cmrl/alpha", ours=True, out=tmp_path)} == {"s-cmrl-synthetic"}


@pytest.mark.parametrize(
    ("table", "asked", "message"),
    [
        ("s-cmrl/tabel-1", {}, "did you mean 's-cmrl/table-1'"),
        ("s-cmrl/alpha", {"data": "av-digit"}, "av-digits"),
        ("s-cmrl/alpha", {"seeds": 0}, "at least 1"),
        ("s-cmrl/alpha", {"overrides": {"train.epohcs": 1}}, "train.epochs"),
    ],
    ids=str,
)
def test_a_mistake_is_refused(table, asked, message):
    with pytest.raises(ColliculusError, match=message):
        plan_reproduction(table, **asked)


def test_a_scaled_version_is_tested_under_the_noise_of_each_row(small, run_here, tmp_path):
    overrides = {
        **small,
        "train.epochs": 1,
        "train.snr_db": {"audio": -20},
    }  # the clean row is tested clean all the same
    asked = {"table": "s-cmrl/noise", "seeds": 2, "overrides": overrides, "out": tmp_path}
    jobs = plan_reproduction(**asked)
    assert len(jobs) == 10  # five methods with two seeds: the noise is added in the test
    run_here(jobs)
    found = reproduce(**asked)
    assert Reproduction.read(found.save(tmp_path / "reproduction.json")) == found
    rows = {row.title: row for row in found.rows}
    assert len({row.preset for row in found.rows}) == 5
    assert not any(row.best_on_test for row in found.rows)
    clean, noisy = rows["no exchange, clean"].ours, rows["no exchange, 0 dB"].ours
    files = sorted(path.name for path in (tmp_path / "late-fusion-synthetic_seed1").glob("predictions*.csv"))
    assert files == ["predictions.csv", "predictions_clean.csv"] + [
        f"predictions_noise_of_{db}_dB_on_visual.csv" for db in (0, 10, 20, 30)
    ]
    assert all(len(score.accuracies) == 2 for score in (clean, noisy))
    assert found.scaled
    assert all(row.published is row.difference is None for row in found.rows)
    text = str(found.table())
    assert text.count("not at hand") == 25
    assert "this is a scaled version of its table" in " ".join(text.split())


def test_trainings_are_tested_in_every_epoch_and_the_best_stands_beside_ours(small, run_here, tmp_path):
    overrides = {**small, "train.epochs": 2}
    asked = {"table": "s-cmrl/parts", "seeds": 2, "overrides": overrides, "out": tmp_path}
    run_here(plan_reproduction(**asked))
    found = reproduce(**asked)
    assert found.paper_selection == TABLES["s-cmrl/parts"].selection
    for row in found.rows:
        histories = [read_metrics(folder) for folder in sorted(tmp_path.glob(f"{row.preset}*"))]
        best = {max(one["test_accuracy"] for one in history) for history in histories}
        assert len(row.best_on_test) == 2
        assert set(row.best_on_test) <= best
        assert all(a >= b for a, b in zip(row.best_on_test, row.ours.accuracies, strict=True))
    assert Reproduction.read(found.save(tmp_path / "reproduction.json")) == found
    former = found.to_dict()
    del former["paper_selection"], former["notes"]
    for row in former["rows"]:
        del row["best_on_test"]
    assert Reproduction.from_dict(former).rows[0].best_on_test == ()


def test_what_a_table_sets_for_all_rows_a_user_may_change(tmp_path):
    jobs = plan_reproduction("iemf/table-1", seeds=1, overrides={"train.epochs": 80}, out=tmp_path)
    assert [job.experiment.method.balance.kind for job in jobs] == ["none", "ogm-ge", "lfm", "iemf"]
    assert [job.experiment.method.unimodal_loss for job in jobs] == [0.0, 0.0, 1.0, 1.0]
    for job in jobs:
        train, method = job.experiment.train, job.experiment.method
        assert (train.optimizer, train.learning_rate, train.batch_size, train.epochs) == ("sgd", 5e-3, 32, 80)
        assert (method.encoder, method.fusion) == ("resnet18", "concat")
    assert jobs[3].experiment.method.balance.iemf.first_epoch == 61


def test_balances_beside_s_cmrl_are_trained_as_their_authors_did(tmp_path):
    jobs = plan_reproduction("s-cmrl/balance", seeds=1, overrides={"train.epochs": 60}, out=tmp_path)
    assert len({job.folder for job in jobs}) == len(jobs) == 7
    found = [(job.experiment.method.balance.kind, job.experiment.train) for job in jobs]
    assert [(kind, train.optimizer, train.learning_rate) for kind, train in found[1:6]] == [
        ("none", "sgd", 1e-3),
        ("ogm-ge", "sgd", 1e-3),
        ("mslr", "sgd", 1e-3),
        ("pmr", "sgd", 1e-4),
        ("agm", "sgd", 1e-4),
    ]
    assert {found[i][1].optimizer for i in (0, 6)} == {"adamw"}  # that of their presets
    assert {train.epochs for _, train in found} == {60}
    assert jobs[2].experiment.method.balance.ogm_ge.last_epoch == 51


def alpha_table(data, num_seeds=3, without=()):
    """The table of alpha with made-up predictions: each row recognises two clips of a hundred more than the last."""
    correct = {
        row.title: {("", s): np.arange(100) < 60 + 2 * k + s for s in range(num_seeds)}
        for k, row in enumerate(TABLES["s-cmrl/alpha"].rows)
    }
    correct |= {title: {} for title in without}
    best = {title: tuple(0.01 + found.mean() for found in of.values()) for title, of in correct.items()}
    return correct, reproduction("s-cmrl/alpha", data, dict.fromkeys(correct, f"s-cmrl-{data}"), correct, best, None)


def test_on_the_papers_data_ours_is_compared_with_it():
    correct, found = alpha_table("crema-d")
    row = found.rows[3]
    assert row.published == PublishedAccuracy(72.31, 0.94)
    assert row.ours == Score.of(correct["alpha 1.5"])
    assert row.difference == pytest.approx(67 - 72.31)
    assert row.distance.difference == pytest.approx(0.06)
    assert row.distance.p_clips == paired_test("alpha 1.5", "alpha 0.0", correct).p_clips
    text = " ".join(str(found.table()).split())
    assert "72.31 ± 0.94" in text
    assert row.best_on_test == pytest.approx((0.67, 0.68, 0.69))
    assert "68.0 (65.5..70.5)" in text  # Student: 0.01 * 4.303 / sqrt(3)
    assert "epoch: mean over three seeds of the best epoch on the test part" in text
    assert "chosen on the test part itself" in text


def test_distances_are_adjusted_for_all_rows_at_once():
    correct, found = alpha_table("crema-d", num_seeds=6)
    assert found.rows[0].distance is None
    assert tuple(row.distance for row in found.rows[1:]) == paired_tests(correct, "alpha 0.0")
    assert all(row.distance.p == 4 * smallest_p(6) for row in found.rows[1:])


def test_on_other_data_only_distances_compare():
    _, found = alpha_table("av-digits")
    row = found.rows[3]
    assert row.published.accuracy == 72.31
    assert row.difference is None
    assert row.published_distance == pytest.approx(72.31 - 70.74)


def test_the_figure_puts_ours_beside_the_papers(tmp_path):
    for data, paper, ours in (("crema-d", 72.31, 67.0), ("av-digits", 72.31 - 70.74, 6.0)):
        drawn = alpha_table(data)[1].figure()
        (axes,) = (part.axes[0] for part in drawn.subfigs)
        widths = [bar.get_width() for bar in axes.patches]
        assert (widths[3], widths[5 + 3]) == pytest.approx((paper, ours))
        drawn.savefig(tmp_path / f"{data}.png")


@pytest.mark.parametrize("data", ["crema-d", "av-digits"])
@pytest.mark.parametrize("without", [["alpha 1.5"], ["alpha 0.0"]], ids=str)
def test_a_row_without_trainings_is_empty(data, without):
    _, found = alpha_table(data, without=without)
    (row,) = [row for row in found.rows if row.title in without]
    assert row.ours is row.difference is row.distance is None
    assert without[0] in str(found.table())
    assert found.figure().subfigs
