"""The function that writes the page."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from colliculus.report.report import MOST_BYTES, Report, report
from colliculus.runs.coordination import Coordination
from colliculus.runs.names import RESULT_FILE
from colliculus.runs.result import BestOnTest, PartDecision, read_result
from colliculus.runs.run import read_run
from colliculus.types import ColliculusError


def test_it_returns_what_it_wrote(made, tmp_path):
    folder = made("run")
    (folder / "spike_health.json").write_text("{")
    found = report(folder, tmp_path / "page.html", title="<T>")
    text = (tmp_path / "page.html").read_bytes()
    assert found.num_bytes == len(text)
    assert b"<h1>&lt;T&gt;</h1>" in text
    assert found.left_out == ("run: spike_health.json is damaged or was written by another version",)
    assert found.left_out[0] in str(found.table())
    assert Report.from_dict(found.to_dict()) == found


def test_the_same_run_given_twice_is_shown_once(made, tmp_path):
    folder = made("run")
    assert report([folder, str(folder)], tmp_path / "page.html").runs == (str(folder),)
    assert "<title>s-cmrl-synthetic</title>" in (tmp_path / "page.html").read_text()


def test_the_same_runs_give_the_same_page(made, tmp_path):
    folder = made("run", measured={"contribution": {}})
    report(folder, tmp_path / "one.html")
    report(folder, tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_page_has_convergence_and_both_figures_of_a_refit(made, tmp_path):
    folder = made("run")
    report(folder, tmp_path / "plain.html")
    result = read_result(folder)
    coordination = Coordination(reached={"audio": 2, "visual": 5}, area=1.25)
    best = BestOnTest(epoch=4, accuracy=0.875)
    replace(result, coordination=coordination, test_before_refit=result.test, best_on_test=best).save(
        folder / RESULT_FILE
    )
    report(folder, tmp_path / "page.html")
    before, text = ((tmp_path / f"{name}.html").read_text() for name in ("plain", "page"))
    for part in (
        "90% of its best: audio in epoch 2, visual in epoch 5; area between the curves 1.25 epochs",
        "test accuracy before the refit",
        "87.50% in epoch 4, chosen on the test part itself: not a result",
    ):
        assert part in text
        assert part not in before


def test_a_page_has_the_decisions_on_optional_parts_and_the_epochs_of_a_refit(made, tmp_path):
    folder = made("run")
    result = read_result(folder)
    kept = PartDecision(name="fusion.one", kept=True, correct_with=9, correct_without=3, total=12, p=0.0156)
    decisions = (kept, PartDecision.without_evidence("fusion.other"))
    replace(result, decisions=decisions, test_before_refit=result.test, epochs=2).save(folder / RESULT_FILE)
    report(folder, tmp_path / "page.html")
    text = " ".join(re.sub("<[^>]*>", " ", (tmp_path / "page.html").read_text()).split())
    assert "optional part fusion.one kept (9 with it, 3 without, of 12; p = 0.0156)" in text
    assert "optional part fusion.other left out (no validation part)" in text
    planned = read_run(folder).experiment.train.epochs
    assert f"epochs 2 of {planned} (refit up to the epoch that the first training kept)" in text


def test_a_large_page_gets_a_note():
    large = Report(path="a", num_bytes=MOST_BYTES + 1, runs=("r",), left_out=())
    assert "larger than 5 MB" in str(large.table())


@pytest.mark.parametrize(("runs", "sentence"), [([], "no run is given"), (["nowhere"], "is not a run folder")])
def test_mistakes_are_one_sentence(tmp_path, monkeypatch, runs, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ColliculusError, match=sentence):
        report(runs, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
