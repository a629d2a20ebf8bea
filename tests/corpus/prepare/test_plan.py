"""Folders of earlier versions go on with the settings that did the same then."""

from __future__ import annotations

from dataclasses import replace
from shutil import copy

import pytest
import yaml

from colliculus.corpus.prepare import build
from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.prepare.plan import PLAN_FILE
from colliculus.corpus.prepare.prepared_folder import PREPARE_FILE, WORK_FOLDER
from colliculus.corpus.prepare.storage import Frames
from colliculus.files.documents import to_plain
from colliculus.types import ColliculusError

SEQUENCES = Frames(size=(8, 8), steps=8)


def rewrite(path, *, without=(), add=None):
    """The plan as another version wrote it."""
    document = yaml.safe_load(path.read_text())
    document["recipe"] = {k: v for k, v in document["recipe"].items() if k not in without} | (add or {})
    path.write_text(yaml.safe_dump(document, sort_keys=False))


@pytest.fixture
def videos(tmp_path, shared_video):
    """Two classes of one video with sound each."""
    for label in ("cat", "dog"):
        (tmp_path / "videos" / label).mkdir(parents=True)
        copy(shared_video("clip.mp4"), tmp_path / "videos" / label / f"{label}.mp4")
    return tmp_path / "videos"


@pytest.mark.parametrize("changes", [{}, {"modalities": ("audio",)}, {"visual": SEQUENCES}], ids=str)
def test_a_folder_of_version_0_1_goes_on_where_its_settings_do_the_same(raw, small, tmp_path, changes):
    recipe, out = replace(small, **changes), tmp_path / "out"
    prepare(recipe, raw, out, jobs=0)
    rewrite(out / PREPARE_FILE, without=("video_frames", "events"))
    assert prepare(recipe, raw, out, jobs=0).kept == 12
    with pytest.raises(
        ColliculusError, match=r"prepared differently, its recipe\.audio\.duration_s is 0\.2 and not 0\.1"
    ):
        prepare(replace(recipe, audio=replace(small.audio, duration_s=0.1)), raw, out, jobs=0)


def test_an_unfinished_folder_of_version_0_1_is_resumed(raw, small, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(build._Job, "finalise", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            prepare(small, raw, out, jobs=0)
    rewrite(out / WORK_FOLDER / PLAN_FILE, without=("video_frames", "events"))
    assert prepare(small, raw, out, jobs=0).kept == 12


def test_a_folder_that_names_a_setting_without_effect_goes_on(raw, small, tmp_path):
    prepare(small, raw, tmp_path / "out", jobs=0)
    events = to_plain(EventFrames(bins=3))
    rewrite(tmp_path / "out" / PREPARE_FILE, add={"video_frames": 7, "events": events})
    assert prepare(small, raw, tmp_path / "out", jobs=0).kept == 12


def test_a_plan_names_video_frames_where_they_decided_something(raw, small, videos, tmp_path):
    prepare(small, raw, tmp_path / "images", jobs=0)
    prepare(replace(small, visual=SEQUENCES), videos, tmp_path / "set", jobs=0)
    prepare(small, videos, tmp_path / "videos prepared", jobs=0)
    folders = ("images", "set", "videos prepared")
    plans = [yaml.safe_load((tmp_path / name / PREPARE_FILE).read_text()) for name in folders]
    assert [plan["recipe"].get("video_frames") for plan in plans] == [None, None, 4]
    with pytest.raises(ColliculusError, match=r"its recipe\.video_frames is 4 and not 7"):
        prepare(replace(small, video_frames=7), videos, tmp_path / "videos prepared", jobs=0)


def test_middle_frames_of_version_0_1_are_video_frames_0(small, videos, tmp_path):
    still = replace(small, video_frames=0)
    prepare(still, videos, tmp_path / "out", jobs=0)
    rewrite(tmp_path / "out" / PREPARE_FILE, without=("video_frames", "events"))
    with pytest.raises(ColliculusError, match=r"its recipe\.video_frames is 0 and not 4: use the same settings"):
        prepare(small, videos, tmp_path / "out", jobs=0)
    assert prepare(still, videos, tmp_path / "out", jobs=0).kept == 2
