"""Wrong clips on the page: the most certain ones first, with their files."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from raw_trees import grey, tone, write_video

from colliculus.corpus.sample import Sample
from colliculus.report.material import read_material
from colliculus.report.report import report
from colliculus.report.wrong import MOST, wrong_clips
from colliculus.runs.kept_predictions import Condition, write_predictions
from colliculus.runs.predictions import Predictions
from colliculus.runs.run import read_run


@pytest.fixture
def kept(train, tmp_path):
    """Make a run folder that keeps these probabilities, with names of clips."""

    def make(probabilities, labels, named=True, alone=None):
        folder = tmp_path / "run"
        train(folder)
        run = read_run(folder)
        shares = np.asarray(probabilities, dtype=np.float32)
        samples = [
            Sample(name=f"c/{i}", label="c", files={"audio": f"c/{i}.mp4", "visual": f"c/{i}.mp4"})
            for i in range(len(shares))
        ]
        found = Predictions(np.asarray(labels), shares.argmax(1), shares, run.spec.names, alone or {})
        write_predictions(folder, run, Condition(), found, samples if named else ())
        return folder

    return make


def test_the_most_certain_mistake_comes_first(kept):
    folder = kept([[0.6, 0.4], [0.1, 0.9], [0.8, 0.2]], [1, 0, 0], alone={"audio": np.array([1, 0, 0])})
    names = read_run(folder).spec.names
    found = wrong_clips(read_material(folder, "run"), 10**6)
    assert found.number == 2
    assert [clip.title for clip in found.clips] == ["c/1", "c/0"]
    assert found.clips[0].lines == (
        f"{names[0]}, predicted as {names[1]} (90.0 %; {names[0]} 10.0 %)",
        f"evidence: audio speaks for {names[0]}",
        "files: c/1.mp4",
    )
    assert "colliculus report RUN --clips ROOT" in found.remark


def test_the_clips_are_seen_and_heard_where_their_folder_is_known(kept, tmp_path):
    folder = kept([[0.1, 0.9], [0.2, 0.8]], [0, 0])
    (tmp_path / "raw" / "c").mkdir(parents=True)
    for i in range(2):
        frames, sound = grey([100] * 5, (32, 48)), tone(400, rate_hz=48_000, duration_s=0.5)
        write_video(tmp_path / "raw" / "c" / f"{i}.mp4", frames, sound)
    report(folder, tmp_path / "page.html", clips=tmp_path / "raw")
    page = (tmp_path / "page.html").read_text()
    assert page.count("<audio") == page.count("data:image/jpeg") == 2
    assert "2 test clips are wrong" in page
    assert "--clips ROOT" not in page
    material = replace(read_material(folder, "run"), clips=tmp_path / "raw")
    assert [bool(clip.picture) for clip in wrong_clips(material, 1).clips] == [True, False]  # one fills the room


def test_many_mistakes_and_clips_without_names(kept):
    shares = np.stack([np.linspace(0.1, 0.4, 20), 1 - np.linspace(0.1, 0.4, 20)], axis=1)
    found = wrong_clips(read_material(kept(shares, [0] * 20, named=False), "run"), 10**6)
    assert [clip.title for clip in found.clips] == [f"Clip {i}" for i in range(MOST)]
    assert found.remark == f"{20 - MOST} more wrong clips are in predictions.csv."


def test_predictions_of_another_model_are_not_shown(kept, tmp_path):
    folder = kept([[0.1, 0.9]], [0])
    origin = json.loads((folder / "predictions.json").read_text())
    (folder / "predictions.json").write_text(json.dumps({**origin, "fingerprint": "other"}))
    assert wrong_clips(read_material(folder, "run"), 10**6) is None
    report(folder, tmp_path / "page.html")
    assert re.search(
        r"Wrong clips</h3>\s*<p class=\"note\">No predictions of this model are kept",
        (tmp_path / "page.html").read_text(),
    )


def test_a_run_without_mistakes_says_so(kept, tmp_path):
    report(kept([[0.9, 0.1]], [0]), tmp_path / "page.html")
    assert "Every clip was recognised." in (tmp_path / "page.html").read_text()


def test_a_file_outside_the_data_is_not_shown(kept, tmp_path):
    folder = kept([[0.1, 0.9]], [0])
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    write_video(tmp_path / "elsewhere" / "0.mp4", grey([100] * 5, (32, 48)), tone(400, rate_hz=48_000, duration_s=0.5))
    report(folder, tmp_path / "page.html", clips=tmp_path / "raw")
    assert "data:image/jpeg" not in (tmp_path / "page.html").read_text()
