from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch

from colliculus.cli import main
from colliculus.data.synthetic import Synthetic
from colliculus.runs.run import load_model, read_run

CPU = ("--device", "cpu")


@pytest.fixture
def clips(run, tmp_path):
    """The first two test clips as files."""
    return read_run(Path(run)).experiment.data.export(tmp_path / "clips", count=2)


def test_files_are_classified_as_the_same_samples_are(answer_json, run, clips):
    trained = read_run(Path(run))
    data = trained.experiment.data
    assert isinstance(data, Synthetic)
    with torch.no_grad():
        batch = data.load(trained.normalisation).test.batch(np.arange(2), epoch=0)
        logits = load_model(Path(run))(batch.inputs).logits
    predictions = answer_json("predict", run, str(clips[0].parent), *CPU)["predictions"]
    assert [list(p["probabilities"].values()) for p in predictions] == [
        pytest.approx(row, abs=1e-5) for row in logits.softmax(1).tolist()
    ]
    for p in predictions:
        assert p["missing"] == []
        assert set(p["evidence"]) == {"audio", "visual"}
        assert p["step_probabilities"][-1] == pytest.approx(p["probability"])
        assert len(p["step_probabilities"]) == 2


@pytest.mark.parametrize("verb", ["predict", "evaluate", "stream"])
def test_a_run_that_is_not_finished_says_so(answer, run, clips, tmp_path, verb):
    files = [] if verb == "evaluate" else [str(clips[0])]
    assert "not finished" not in answer(verb, run, *files, *CPU)[1]
    half = Path(copytree(run, tmp_path / "half"))
    (half / "result.json").unlink()
    (half / "last").mkdir(exist_ok=True)
    (half / "last" / "state.pt").touch()
    out, told = answer(verb, str(half), *files, *CPU)
    assert out
    assert f"{half} is not finished: these are predictions of its best epoch so far; --resume goes on" in told


def test_a_folder_may_hold_other_files(answer_json, run, clips):
    (clips[0].parent / "Thumbs.db").touch()
    assert len(answer_json("predict", run, str(clips[0].parent), *CPU)["predictions"]) == 2


def test_one_modality_may_be_missing_and_it_is_said(answer, answer_json, run, clips):
    sounds = [str(clip) for clip in clips if clip.suffix == ".wav"]
    assert [p["missing"] for p in answer_json("predict", run, *sounds, *CPU)["predictions"]] == [["visual"]] * 2
    assert answer("predict", run, *sounds, *CPU)[0].count("missing") == 2


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("nowhere.wav", "does not exist"), ("notes.txt", "notes.txt"), ("empty", "no file that can be classified")],
)
def test_mistakes_are_told_in_a_sentence(answer, run, tmp_path, name, sentence):
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    assert sentence in answer("predict", run, str(tmp_path / name), *CPU, code=2)[1]


def test_a_damaged_file_does_not_keep_the_others_from_a_prediction(answer, answer_json, run, clips):
    folder = clips[0].parent
    whole = answer_json("predict", run, str(folder), *CPU)["predictions"]
    (folder / "aaa.wav").write_bytes(b"no sound")
    out, err = answer("predict", run, str(folder), *CPU, "--json", code=1)
    found = json.loads(out)
    assert found["predictions"] == whole
    assert list(found["unread"]) == ["aaa"]
    assert "no prediction for 'aaa'" in err
    assert "aaa.wav" in err
    assert clips[0].stem in answer("predict", run, str(folder), *CPU, code=1)[0]


def test_where_no_file_can_be_read_it_is_a_mistake(answer, run, tmp_path):
    for name in ("one.wav", "two.wav"):
        (tmp_path / name).write_bytes(b"no sound")
    out, err = answer("predict", run, str(tmp_path), *CPU, "--json", code=2)
    assert out == ""
    assert "none of the 2 clips" in err
    assert "one.wav" in err
    assert "two.wav" in err


def test_files_must_be_given(answer, run):
    assert "no file was given" in answer("predict", run, *CPU, code=2)[1]


def test_a_clip_is_shown_by_its_name_whatever_it_is(answer, run, clips):
    odd = clips[0].rename(clips[0].with_name("[bold]odd.wav"))
    assert "[bold]odd" in answer("predict", run, str(odd), *CPU)[0]


def test_a_table_of_values_for_other_programs(run, clips, capsys):
    (clips[0].parent / "aaa.wav").write_bytes(b"no sound")
    assert main(["predict", run, str(clips[0].parent), *CPU, "--csv"]) == 1
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["clip"] for row in rows] == [clips[0].stem, clips[-1].stem, "aaa"]
    assert main(["predict", run, *map(str, clips), *CPU, "--json", "--batch-size", "1"]) == 0
    predictions = json.loads(capsys.readouterr().out)["predictions"]
    assert [row["predicted"] for row in rows[:2]] == [p["predicted"] for p in predictions]
    assert [float(row["probability"]) for row in rows[:2]] == pytest.approx([p["probability"] for p in predictions])


def test_two_kinds_of_output_at_once_are_refused(answer, run, clips):
    sentence = "--json and --csv contradict each other: give one of them"
    assert sentence in answer("predict", run, str(clips[0]), *CPU, "--json", "--csv", code=2)[1]
