"""Run folders from others: no verb follows a link in them, and damaged files are one sentence."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from colliculus.cli import main
from colliculus.files.lock import LOCK_FILE

VERBS = {
    "evaluate": ["evaluate", "RUN"],
    "compare": ["compare", "RUN", "RUN2"],
    "train": ["train", "--resume", "--out", "RUN"],
    "predict": ["predict", "RUN", "RUN/run.yaml"],
    "serve": ["serve", "RUN", "--port", "0"],
    "robustness": ["robustness", "RUN"],
    "energy": ["energy", "RUN"],
    "contribution": ["contribution", "RUN"],
    "explain": ["explain", "RUN"],
    "inspect": ["inspect", "RUN"],
    "report": ["report", "RUN", "--out", "RUN/../page.html"],
    "export": ["export", "RUN", "--to", "reference", "--out", "RUN/../x.onnx"],
}


@pytest.fixture
def foreign(run, tmp_path):
    """A copy of a run and a file of the user's beside it."""
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    (tmp_path / "precious").write_text("precious")
    return folder


def called(verb: str, folder: Path, flags: list[str]) -> list[str]:
    words = [part.replace("RUN2", str(folder)).replace("RUN", str(folder)) for part in VERBS[verb]]
    return [words[0], "s-cmrl-synthetic", *words[1:], *flags] if verb == "train" else words


@pytest.mark.parametrize("verb", VERBS)
def test_no_verb_follows_a_link_in_a_run_folder(foreign, answer, verb, tiny_flags):
    precious = foreign.parent / "precious"
    (foreign / "robustness.json.tmp").symlink_to(precious)
    _, err = answer(*called(verb, foreign, tiny_flags), code=2)
    assert "is a symbolic link" in err
    assert precious.read_text() == "precious"
    assert sorted(path.name for path in foreign.parent.iterdir()) == ["precious", "run"]


@pytest.mark.parametrize("name", ["robustness.json", LOCK_FILE, "metrics.csv", "new/deep"])
def test_training_in_a_folder_of_links_changes_no_other_file(tmp_path, answer, tiny_flags, name):
    precious, out = tmp_path / "precious", tmp_path / "run"
    precious.write_text("precious")
    (out / name).parent.mkdir(parents=True)
    (out / name).symlink_to(precious)
    _, err = answer("train", "s-cmrl-synthetic", "--out", str(out), *tiny_flags, code=2)
    assert "is a symbolic link" in err
    assert precious.read_text() == "precious"


def test_a_link_to_a_folder_is_refused_too(foreign, answer):
    elsewhere = foreign.parent / "elsewhere"
    (foreign / "last").rename(elsewhere)
    (foreign / "last").symlink_to(elsewhere)
    assert "last is a symbolic link" in answer("evaluate", str(foreign), code=2)[1]


def test_a_run_folder_may_be_reached_by_a_link(foreign, answer):
    (foreign.parent / "alias").symlink_to(foreign)
    answer("evaluate", str(foreign.parent / "alias"), "--device", "cpu")


@pytest.mark.parametrize("content", ["[]", "[" * 100_000, '{"test": {"accuracy": 1}}'])
@pytest.mark.parametrize("name", ["result.json", "spike_health.json", "predictions.json", "robustness.json"])
def test_a_record_that_is_none_is_a_sentence_or_absent(foreign, capsys, name, content):
    (foreign / name).write_text(content)
    assert main(["report", str(foreign), "--out", f"{foreign}.html"]) in (0, 2)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("format: 3\nmade: &a [*a]", "anchor"),
        ("format: 2024-13-45", "expected int"),
        ("[" * 100_000, "nested deeper"),
        ("format: 3\n1: 2", "not text"),
        ("a", "expected names with values"),
    ],
)
def test_a_run_file_that_is_none_is_one_sentence(foreign, answer, content, told):
    (foreign / "run.yaml").write_text(content)
    _, err = answer("evaluate", str(foreign), code=2)
    assert told in err
    assert len(err) < 600


def test_names_of_classes_reach_neither_terminal_nor_page_raw(foreign, answer):
    document = yaml.safe_load((foreign / "run.yaml").read_text())
    document["spec"]["class_names"][0] = "\x1b[2Jdisc\u202e"
    (foreign / "run.yaml").write_text(yaml.safe_dump(document))
    out, err = answer("evaluate", str(foreign), "--device", "cpu", code=2)
    page = foreign.parent / "page.html"
    answer("report", str(foreign), "--out", str(page))
    for shown in (out, err, page.read_text()):
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert r"classes \x1b[2Jdisc\u202e" in err
    assert r"\x1b[2Jdisc\u202e" in page.read_text()
