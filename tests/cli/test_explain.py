from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

CPU = ("--device", "cpu")


@pytest.fixture
def copy(run, tmp_path):
    return str(shutil.copytree(run, tmp_path / "run"))


def test_clips_are_explained_and_printed(answer, answer_json, copy):
    asked = ("explain", copy, *CPU, "--split", "train", "--points", "4")
    found = answer_json(*asked, "--index", "5", "1")
    assert {"run": copy} | json.loads(Path(copy, "explain", "explain.json").read_text()) == found
    assert ([clip["index"] for clip in found["clips"]], found["split"]) == ([5, 1], "train")
    assert len(found["features"]["pca"]) == 4
    out, _ = answer(*asked, "--clips", "3")
    assert "Explained clips" in out
    assert f"Written into {Path(copy, 'explain')}" in out
    assert len(json.loads(Path(copy, "explain", "explain.json").read_text())["clips"]) == 3


@pytest.mark.parametrize(
    ("flags", "sentence"), [(("--index", "6"), "clip 6 does not exist"), (("--clips", "0"), "at least 1")]
)
def test_mistakes_are_told_in_a_sentence(answer, copy, flags, sentence):
    assert sentence in answer("explain", copy, *CPU, *flags, code=2)[1]
