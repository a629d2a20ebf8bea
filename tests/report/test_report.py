"""The function that writes the page."""

from __future__ import annotations

import pytest

from colliculus.report.report import MOST_BYTES, Report, report
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


def test_a_large_page_gets_a_note():
    large = Report(path="a", num_bytes=MOST_BYTES + 1, runs=("r",), left_out=())
    assert "larger than 5 MB" in str(large.table())


@pytest.mark.parametrize(("runs", "sentence"), [([], "no run is given"), (["nowhere"], "is not a run folder")])
def test_mistakes_are_one_sentence(tmp_path, monkeypatch, runs, sentence):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ColliculusError, match=sentence):
        report(runs, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
