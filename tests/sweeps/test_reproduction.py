from __future__ import annotations

from dataclasses import replace
from io import StringIO
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from colliculus.evaluation.paired import Score, paired_test, paired_tests
from colliculus.evaluation.significance import smallest_p
from colliculus.runs.history import read_metrics
from colliculus.runs.kept_predictions import Condition, read_predictions
from colliculus.runs.metrics import wilson_interval
from colliculus.runs.run import read_run
from colliculus.sweeps.published import PublishedAccuracy
from colliculus.sweeps.published_tables import TABLES
from colliculus.sweeps.reproduce import plan_reproduction, reproduce, row_variants
from colliculus.sweeps.reproduction import Reproduction, reproduction
from colliculus.types import ColliculusError


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
    assert {row.snr_of for row in found.rows} == {"raw", "standardised"}
    assert all((row.snr_of == "raw") == bool(row.snr_db) for row in found.rows)
    clean, noisy = rows["no exchange, clean"].ours, rows["no exchange, 0 dB"].ours
    files = sorted(path.name for path in (tmp_path / "late-fusion-synthetic_seed1").glob("predictions*.csv"))
    assert files == ["predictions.csv", "predictions_clean.csv"] + [
        f"predictions_noise_of_{db}_dB_on_raw_visual.csv" for db in (0, 10, 20, 30)
    ]
    assert all(len(score.accuracies) == 2 for score in (clean, noisy))
    assert found.scaled
    assert all(row.published is row.difference is None for row in found.rows)
    assert [row[1] for row in found.table().rows] == ["not at\nhand"] * 25
    text = str(found.table())
    assert "this is a scaled version of its table" in " ".join(text.split())


def test_the_noise_of_the_paper_is_that_of_the_raw_image_and_the_clean_rows_have_a_best_on_test(
    small, run_here, tmp_path
):
    asked = {"table": "s-cmrl/noise", "seeds": 1, "overrides": {**small, "train.epochs": 1}, "out": tmp_path}
    run_here(plan_reproduction(**asked))
    found = reproduce(**asked)
    for row in found.rows:
        condition = Condition(row.snr_db, snr_of="raw") if row.snr_db else Condition()
        folder = tmp_path / f"{row.preset}_seed0"
        kept = read_predictions(folder, read_run(folder), condition)
        assert row.ours.accuracies == (kept.correct.mean(),)
    assert [len(row.best_on_test) for row in found.rows] == [0 if row.snr_db else 1 for row in found.rows]
    assert "Rows under noise have no best on test" in str(found.table())


def test_trainings_are_tested_in_every_epoch_and_the_best_stands_beside_ours(small, run_here, tmp_path):
    overrides = {**small, "train.epochs": 2}
    asked = {"table": "s-cmrl/parts", "seeds": 2, "overrides": overrides, "out": tmp_path}
    run_here(plan_reproduction(**asked))
    found = reproduce(**asked)
    assert (found.paper_selection, found.num_clips) == (TABLES["s-cmrl/parts"].selection, 6)
    for row in found.rows:
        histories = [read_metrics(folder) for folder in sorted(tmp_path.glob(f"{row.preset}*"))]
        best = {max(one["test_accuracy"] for one in history) for history in histories}
        assert len(row.best_on_test) == 2
        assert set(row.best_on_test) <= best
        assert all(a >= b for a, b in zip(row.best_on_test, row.ours.accuracies, strict=True))
    assert Reproduction.read(found.save(tmp_path / "reproduction.json")) == found
    former = found.to_dict()
    del former["paper_selection"], former["notes"], former["num_clips"]
    for row in former["rows"]:
        del row["best_on_test"], row["snr_of"], row["epochs"]
    first = Reproduction.from_dict({**former, "epochs": 2}).rows[0]
    assert (first.best_on_test, first.epochs) == ((), 2)


def run_with(protocol):
    """As much of a run as a reproduction reads."""
    return SimpleNamespace(
        run=SimpleNamespace(protocol=protocol, fingerprint="0"),
        result=SimpleNamespace(selection="highest validation accuracy"),
    )


PAPER, HONEST = "paper, validation from training", "group-disjoint by group, fold 0 of 5"


def test_balances_beside_s_cmrl_are_trained_as_their_authors_did(tmp_path):
    jobs = plan_reproduction("s-cmrl/balance", seeds=1, overrides={"train.epochs": 60}, out=tmp_path)
    assert len({job.folder for job in jobs}) == len(jobs) == 9
    found = [(job.experiment.method.balance.kind, job.experiment.train) for job in jobs]
    assert [(kind, train.optimizer, train.learning_rate) for kind, train in found[1:8]] == [
        ("none", "sgd", 1e-3),
        ("ogm-ge", "sgd", 1e-3),
        ("mslr", "sgd", 1e-3),
        ("none", "sgd", 1e-4),
        ("pmr", "sgd", 1e-4),
        ("none", "sgd", 1e-4),
        ("agm", "sgd", 1e-4),
    ]
    assert {found[i][1].optimizer for i in (0, 8)} == {"adamw"}  # that of their presets
    assert {train.epochs for _, train in found} == {60}
    assert jobs[2].experiment.method.balance.ogm_ge.last_epoch == 51


def made_up(name, data, num_seeds=3, without=(), protocol=PAPER):
    """A table with made-up predictions: each row recognises two clips of a hundred more than the last."""
    correct = {
        row.title: {("", s): np.arange(100) < 60 + 2 * k + s for s in range(num_seeds)}
        for k, row in enumerate(TABLES[name].rows)
    }
    correct |= {title: {} for title in without}
    best = {title: tuple(0.01 + found.mean() for found in of.values()) for title, of in correct.items()}
    return correct, reproduction(name, data, row_variants(name, data), correct, best, run_with(protocol))


def alpha_table(data, **changes):
    """The table of alpha with made-up predictions."""
    return made_up("s-cmrl/alpha", data, **changes)


def cells(record, title):
    """Cells of a row, by column."""
    table = record.table()
    row = next(row for row in table.rows if row[0] == title)
    return dict(zip((column.heading for column in table.columns), row, strict=True))


def test_on_the_papers_data_and_lists_ours_is_compared_with_it():
    correct, found = alpha_table("crema-d")
    row = found.rows[3]
    assert row.published == PublishedAccuracy(72.31, 0.94)
    assert row.ours == Score.of(correct["alpha 1.5"])
    assert row.difference == pytest.approx(67 - 72.31)
    assert row.distance.difference == pytest.approx(0.06)
    assert row.distance.p_clips == paired_test("alpha 1.5", "alpha 0.0", correct).p_clips
    assert row.best_on_test == pytest.approx((0.67, 0.68, 0.69))
    shown = cells(found, "alpha 1.5")
    assert (shown["paper"], shown["ours"]) == ("72.31\n± 0.94", "67.0\n64.5..69.5")
    assert shown["best\non test"] == "68.0\n65.5..70.5"  # Student: 0.01 * 4.303 / sqrt(3)
    assert shown["difference"] == "-5.3"
    text = " ".join(str(found.table()).split())
    assert "epoch: mean over three seeds of the best epoch on the test part" in text
    assert "chosen on the test part itself" in text


def test_accuracies_of_another_split_are_not_subtracted_from_the_papers():
    _, found = alpha_table("crema-d", protocol=HONEST)
    assert (found.scaled, found.comparable) == (False, False)
    assert [row.difference for row in found.rows] == [None] * 5
    shown = cells(found, "alpha 1.5")
    assert "difference" not in shown
    assert (shown["distance,\npaper"], shown["distance,\nours"].splitlines()[0]) == ("+1.6", "+6.0")
    text = " ".join(str(found.table()).split())
    assert "-- --data.protocol paper" in text
    assert "scaled version" not in text


@pytest.mark.parametrize("data", ["urbansound8k-av", "mnistdvs-ntidigits"])
@pytest.mark.parametrize("protocol", [PAPER, HONEST])
def test_where_the_papers_samples_are_not_known_nothing_is_subtracted(data, protocol):
    _, found = made_up("s-cmrl/table-1", data, protocol=protocol)
    assert (found.scaled, found.comparable) == (False, False)
    assert [row.difference for row in found.rows] == [None] * 4
    assert all(row.published for row in found.rows)
    assert "difference" not in cells(found, "S-CMRL")
    text = " ".join(str(found.table()).split())
    assert f"samples of {data} cannot be repeated" in text
    assert "--data.protocol" not in text  # the other split is no better


def test_the_record_names_the_training_of_each_row_and_the_notes_say_that_they_differ(tmp_path):
    _, found = made_up("s-cmrl/balance", "crema-d")
    assert Reproduction.read(found.save(tmp_path / "reproduction.json")) == found
    rows = {row.title: row for row in found.rows}
    assert [rows[title].epochs for title in ("none", "OGM-GE", "none, trained as PMR", "PMR", "AGM")] == [
        100, 100, 150, 150, 100
    ]  # fmt: skip
    pmr = rows["PMR"].settings
    assert (pmr["train.optimizer"], pmr["train.learning_rate"], pmr["method.label_smoothing"]) == ("sgd", 1e-4, 0.0)
    assert pmr["method.balance.pmr.last_epoch"] == 101
    assert "train.learning_rate" not in rows["none"].settings  # that of its preset
    text = " ".join(str(found.table()).split())
    assert "; 100 to 150 epochs, selected by" in text
    assert set(found.differing) == {
        "method.label_smoothing", "train.epochs", "train.batch_size", "train.learning_rate", "train.optimizer",
        "train.schedule", "train.warmup_epochs",
    }  # fmt: skip
    assert "differ in their training (label smoothing, epochs, batch size" in text
    for name in ("s-cmrl/alpha", "taaf/table-1"):  # presets of the second differ, its rows do not
        _, found = made_up(name, "crema-d")
        assert found.differing == ()
        text = " ".join(str(found.table()).split())
        assert "; 100 epochs, selected by" in text
        assert "differ in their training" not in text


def test_what_a_user_sets_is_in_the_record():
    changes = row_variants("iemf/table-1", "crema-d", overrides={"train.epochs": 7})["none"].changes
    assert (changes["train.epochs"], changes["method.encoder"], changes["train.optimizer"]) == (7, "resnet18", "sgd")


def test_one_training_has_the_interval_of_its_clips_by_either_rule():
    _, found = alpha_table("crema-d", num_seeds=1)
    low, high = wilson_interval(67, 100)
    shown = cells(found, "alpha 1.5")
    assert shown["best\non test"] == f"67.0\n{100 * low:.1f}..{100 * high:.1f}"
    assert found.num_clips == 100
    assert cells(replace(found, num_clips=0), "alpha 1.5")["best\non test"] == "67.0\none seed"


@pytest.mark.parametrize("protocol", [PAPER, HONEST])
@pytest.mark.parametrize("num_seeds", [1, 2, 3])
def test_no_figure_is_cut_in_a_terminal_of_80_characters(num_seeds, protocol):
    _, found = alpha_table("crema-d", num_seeds=num_seeds, protocol=protocol)
    text = StringIO()
    Console(file=text, width=80, color_system=None).print(replace(found.table(), notes=()).renderable())
    assert "…" not in text.getvalue()
    for row in found.table().rows:
        for line in (line for cell in row[1:] for line in cell.splitlines()):
            assert line in text.getvalue()


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
    for data, protocol, paper, ours in (
        ("crema-d", PAPER, 72.31, 67.0),
        ("crema-d", HONEST, 72.31 - 70.74, 6.0),
        ("av-digits", "standard", 72.31 - 70.74, 6.0),
    ):
        drawn = alpha_table(data, protocol=protocol)[1].figure()
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
