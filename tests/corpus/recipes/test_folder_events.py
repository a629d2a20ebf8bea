from __future__ import annotations

import numpy as np
import pytest
from event_bytes import aedat3
from raw_trees import tone, write_wav

from colliculus.corpus.audit import audit
from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.event_frames import EventFrames
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.data.folder import Folder
from colliculus.types import ColliculusError

ROWS = [(0, 1, 2, 1), (300, 16, 2, 0), (600, 1, 29, 1), (1000, 29, 29, 1)]
EVENTS = EventFrames(sensor=(30, 30), size=(2, 2), bins=4)


@pytest.fixture
def raw(tmp_path):
    """Recordings in three formats, with an ending of another format and with notes beside them."""
    text = "".join(f"{t},{x},{y},{p}\n" for t, x, y, p in ROWS)
    files = {"x/a.dat": aedat3(ROWS), "x/b.csv": text.encode(), "y/a.aedat": aedat3(ROWS), "y/b.txt": text.encode()}
    files |= {"x/notes.txt": b"recorded at noon\n", "y/plan.csv": b"day,place\n1,lab\n"}
    for name, content in files.items():
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "raw"


def test_recordings_of_a_class_are_stored_as_counts_in_bins_of_time(raw, tmp_path):
    recipe = FolderRecipe(modalities=("events",), events=EVENTS)
    made = prepare(recipe, raw, tmp_path / "out", jobs=0)
    assert made.usable == 4
    assert recipe.skipped(raw) == {".txt": ("x/notes.txt",), ".csv": ("y/plan.csv",)}
    expected = np.zeros((4, 2, 2, 2))
    expected[0, 1, 0, 0] = expected[1, 0, 0, 1] = expected[2, 1, 1, 0] = expected[3, 1, 1, 1] = 1
    for row in np.load(tmp_path / "out" / "events.npy"):
        np.testing.assert_array_equal(row, expected)


def test_a_recording_belongs_to_the_sound_of_its_stem(raw):
    write_wav(raw / "x" / "a.wav", tone(440, rate_hz=16_000, duration_s=0.2))
    found = {s.name: s.files for s in FolderRecipe(modalities=("audio", "events"), events=EVENTS).samples(raw)}
    assert found["x/a"] == {"audio": "x/a.wav", "events": "x/a.dat"}
    assert found["y/a"] == {"events": "y/a.aedat"}


def test_two_recordings_of_one_clip_are_refused(raw):
    np.savez(raw / "x" / "b.npz", t=[0, 1], x=[0, 1], y=[0, 1], p=[0, 1])
    with pytest.raises(ColliculusError, match=r"b\.csv and .*b\.npz would both be the events of one clip"):
        FolderRecipe(modalities=("events",)).samples(raw)


def test_a_folder_of_events_alone_is_told_the_modality_to_name(raw):
    with pytest.raises(ColliculusError, match=r"x holds recordings of events alone: add events to `modalities`"):
        FolderRecipe().samples(raw)


def test_an_audit_reads_recordings(raw):
    found = audit(raw, jobs=0)
    assert (found.samples, found.modalities) == (4, ("events",))
    assert "unreadable" not in [finding.kind for finding in found.findings]
    (raw / "x" / "a.dat").write_bytes(aedat3(ROWS)[:-3])
    (unreadable,) = [finding for finding in audit(raw, jobs=0).findings if finding.kind == "unreadable"]
    assert "a.dat" in unreadable.cases[0]


def test_a_folder_of_recordings_can_be_trained_on(raw, tmp_path):
    clips = FolderRecipe(modalities=("events",), events=EVENTS)
    for at in range(4):  # of other content, so that no two parts share any
        for label in "xy":
            moved = [(t, (x + at) % 30, (y + ord(label)) % 30, p) for t, x, y, p in ROWS]
            (raw / label / f"n{at}.aedat").write_bytes(aedat3(moved))
    for name in ("x/a.dat", "x/b.csv", "y/a.aedat", "y/b.txt"):
        (raw / name).unlink()
    data = Folder(root=raw, cache=tmp_path / "cache", clips=clips, folds=2, validation_fraction=0).load()
    assert data.spec.steps == {"events": 4}
    assert data.spec.channels == {"events": 2}
    assert len(data.train) == 4
