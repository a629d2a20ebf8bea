from __future__ import annotations

import numpy as np
import pytest
import torch
from dying_decoder import DyingDecoder

from colliculus.corpus.storage_reader import StorageReader
from colliculus.evaluation import predict
from colliculus.evaluation.predict import ClipPredictions
from colliculus.evaluation.trained_run import open_run
from colliculus.types import ColliculusError


@pytest.fixture
def run(trained_folder):
    return open_run(trained_folder, "cpu")


@pytest.fixture
def clips(run, tmp_path):
    """The first two test clips as files."""
    return run.experiment.data.export(tmp_path / "clips", count=2)


def test_files_and_tensors_are_classified_as_the_same_samples_are(run, clips):
    batch = run.data.test.batch(np.arange(2), epoch=0)
    with torch.no_grad():
        expected = run.model(batch.inputs).logits.softmax(1).tolist()
    for given in (clips[0].parent, [str(clip) for clip in clips], batch.inputs):
        found = run.predict(given)
        assert [list(p.probabilities.values()) for p in found.predictions] == [
            pytest.approx(row, abs=1e-5) for row in expected
        ]
        assert all(p.missing == () and len(p.step_probabilities) == 2 for p in found.predictions)
    assert [p.clip for p in found.predictions] == ["0", "1"]


def test_a_missing_modality_is_reported(run):
    found = run.predict({"visual": run.data.test.batch(np.arange(3), epoch=0).inputs["visual"]})
    assert [p.missing for p in found.predictions] == [("audio",)] * 3
    assert str(found.table()).count("missing") == 3
    with pytest.raises(ColliculusError, match="the tensors have no modality of the model: give audio or visual"):
        run.predict({"touch": torch.zeros(1, 1, 8, 8)})


def test_the_record_comes_back_from_its_file(run, clips, tmp_path):
    found = run.predict(clips)
    assert ClipPredictions.read(found.save(tmp_path / "predictions.json")) == found


def test_a_damaged_file_is_reported_with_its_name_and_the_others_are_classified(run, clips):
    whole = run.predict(clips[0].parent)
    (clips[0].parent / "aaa.wav").write_bytes(b"no sound")
    found = run.predict(clips[0].parent)
    assert found.predictions == whole.predictions
    assert "aaa.wav" in found.unread["aaa"]


def test_what_is_skipped_and_what_is_odd_is_reported(run, clips):
    whole = run.predict(clips[0].parent)
    (clips[0].parent / "Thumbs.db").touch()
    (sound,) = (clip for clip in clips[:2] if clip.suffix == ".wav")
    content = sound.read_bytes()
    sound.write_bytes(content[: len(content) // 2])
    found = run.predict(clips[0].parent)
    assert (whole.skipped, whole.notes) == ({}, ())
    assert found.skipped == {".db": (str(clips[0].parent / "Thumbs.db"),)}
    (note,) = found.notes
    assert note.startswith(f"{sound} states ")
    assert len(found.predictions) == len(whole.predictions)


def test_a_decoder_that_crashes_costs_its_clip(tmp_path):
    """The storage kills the process that reads: it is another one."""
    reader = StorageReader({"value": DyingDecoder()})
    for name, text in (("a", "3"), ("crash", "0")):
        (tmp_path / f"{name}.txt").write_text(text)
    clips = reader.group([tmp_path / "a.txt", tmp_path / "crash.txt"])
    with pytest.raises(ColliculusError, match=r"crash\.txt crashed its decoder \(signal 11\): leave it out"):
        predict._read(reader, clips["crash"])
    assert predict._read(reader, clips["a"])["value"].tolist() == [[[3.0]]]
