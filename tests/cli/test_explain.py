from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colliculus.cli import clip_pictures
from colliculus.evaluation import maps
from colliculus.files.cache import Cache

CPU = ("--device", "cpu")


@pytest.fixture
def copy(run, tmp_path):
    return str(shutil.copytree(run, tmp_path / "run"))


def test_clips_are_explained_as_predicted(answer_json, copy):
    found = answer_json("explain", copy, *CPU, "--clips", "4")
    answers = {p["index"]: p for p in found["clips"]}
    assert len(answers) == 4
    sure = answer_json("contribution", copy, *CPU)
    assert found["model"] == sure["model"]
    rows = Path(copy, "contribution", "clips.csv").read_text().splitlines()[1:]
    for index, clip in answers.items():
        cells = rows[index].split(",")
        assert clip["label"] == found["classes"][int(cells[1])]
        assert clip["predicted"] == found["classes"][int(cells[2])]
        assert clip["probabilities"][clip["label"]] == pytest.approx(float(cells[3]), abs=1e-5)
        assert len(clip["step_probabilities"]) == 2


def test_every_picture_it_names_can_be_seen(answer_json, copy):
    found = answer_json("explain", copy, *CPU, "--index", "5", "--points", "5")
    (clip,) = found["clips"]
    assert clip["index"] == 5
    kinds = {(p["modality"], p["title"].split(",")[0].split(" at ")[0]) for p in clip["pictures"]}
    for m in ("audio", "visual"):
        assert {(m, "input"), (m, "Grad-CAM"), (m, "gradient"), (m, "attention received")} <= kinds
    for picture in clip["pictures"]:
        with Image.open(Path(copy, "explain", picture["file"])) as image:
            image.load()
            assert image.width >= 2
    assert len(found["features"]["pca"]) == len(found["features"]["tsne"]) == 5
    assert found["time_weights"] == {}
    assert {"run": copy} | json.loads(Path(copy, "explain", "explain.json").read_text()) == found


def test_a_kill_costs_no_more_than_a_clip(answer, copy, monkeypatch):
    answer("explain", copy, *CPU, "--index", "0", "1")
    seen = []
    measure = maps.gradient_maps
    monkeypatch.setattr(maps, "gradient_maps", lambda *a: seen.append(1) or measure(*a))
    Path(copy, "explain", "pieces", "clip-1.json").unlink()
    answer("explain", copy, *CPU, "--index", "0", "1")
    assert seen == [1]


def pictures(found):
    """What is seen of every picture that a record names."""
    folder = Path(found["run"], "explain")
    shown = [picture for clip in found["clips"] for picture in clip["pictures"]]
    return [(picture["modality"], picture["title"], (folder / picture["file"]).read_bytes()) for picture in shown]


def test_a_kill_leaves_no_picture_of_another_clip(answer, answer_json, copy, monkeypatch):
    asked = ("explain", copy, *CPU, "--index", "0", "--points", "4")
    before = pictures(answer_json(*asked))
    keep = Cache.keep

    def killed(self, name, piece):
        if name.startswith("clip-"):
            raise KeyboardInterrupt
        keep(self, name, piece)

    with monkeypatch.context() as patch:
        patch.setattr(Cache, "keep", killed)
        answer(*asked, "--split", "train", code=130)
    again = answer_json(*asked)
    assert pictures(again) == before
    named = {picture["file"] for clip in again["clips"] for picture in clip["pictures"]}
    assert named == {path.name for path in Path(copy, "explain").glob("*.png")}


def test_pictures_that_are_gone_are_drawn_again(answer, answer_json, copy):
    asked = ("explain", copy, *CPU, "--points", "4", "--index")
    before = pictures(answer_json(*asked, "0", "1"))
    answer(*asked, "0", "--split", "train")  # takes the pictures of both away, and what was told of the first
    assert pictures(answer_json(*asked, "0", "1")) == before


def test_the_scores_of_the_steps_are_told(answer, answer_json, tmp_path, tiny_flags):
    folder = str(tmp_path / "run")
    flags = [*tiny_flags[: tiny_flags.index("--method.heads")], *tiny_flags[tiny_flags.index("--method.heads") + 2 :]]
    answer("train", "taaf-synthetic", "--out", folder, *flags)
    found = answer_json("explain", folder, *CPU, "--clips", "1")
    assert [*found["time_weights"]] == [*found["clips"][0]["time_weights"]] == ["audio", "visual", "fused"]
    assert sum(found["clips"][0]["time_weights"]["fused"]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("flags", "sentence"), [(("--index", "6"), "there is no clip 6"), (("--clips", "0"), "at least 1")]
)
def test_mistakes_are_told_in_a_sentence(answer, copy, flags, sentence):
    assert sentence in answer("explain", copy, *CPU, *flags, code=2)[1]


def test_heat_lies_where_it_is_in_the_map():
    frames = clip_pictures.frames_of(torch.rand(3, 4, 4))
    heat = torch.zeros(2, 2, 2)
    heat[:, 0, 1] = 1  # above, to the right
    over = clip_pictures.over_frames(heat, frames)[0]
    assert np.allclose(
        over[:2, 2:], 0.15 * 0.75 * frames[0, :2, 2:].mean(-1, keepdims=True) + 0.85 * clip_pictures.HEAT / 255
    )
    assert np.allclose(over[2:], 0.75 * frames[0, 2:].mean(-1, keepdims=True))


def test_frames_stand_beside_each_other_and_low_frequencies_below(tmp_path):
    x = torch.zeros(2, 1, 3, 4)
    x[0, :, 0] = 1  # the lowest frequency of the first frame
    path = tmp_path / "a.png"
    path.write_bytes(clip_pictures.png(clip_pictures.frames_of(x), upside_down=True))
    with Image.open(path) as image:
        assert image.size == (4 + 1 + 4, 3)
        assert np.asarray(image)[:, 0, 0].tolist() == [0, 0, 255]


def test_a_raster_has_time_to_the_right(tmp_path):
    fired = torch.zeros(4, 2, dtype=torch.bool)
    fired[3, 1] = True  # the second neuron at the last step
    path = tmp_path / "a.png"
    path.write_bytes(clip_pictures.raster_png(fired))
    with Image.open(path) as image:
        pixels = np.asarray(image)
    assert pixels.shape == (2, 4, 4)
    assert np.argwhere(pixels[..., 3]).tolist() == [[1, 3]]
