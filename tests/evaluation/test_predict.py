from __future__ import annotations

import csv
import io

import numpy as np
import pytest
import torch
from dying_decoder import DyingDecoder

from colliculus.corpus.storage_reader import StorageReader
from colliculus.evaluation import clip_files, predict
from colliculus.evaluation.clip_predictions import ClipPredictions
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
        clip_files._read(reader, clips["crash"])
    assert clip_files._read(reader, clips["a"])["value"].tolist() == [[[3.0]]]


@pytest.fixture
def many(run, tmp_path):
    """Five clips, of which the second has no picture and the third no sound, and one that is damaged."""
    folder = tmp_path / "many"
    for file in run.experiment.data.export(folder, count=5):
        file.rename(file.with_stem(str(int(file.stem[:3]))))
    next(file for file in folder.glob("1.*") if file.suffix != ".wav").unlink()
    (folder / "2.wav").unlink()
    (folder / "3a.wav").write_bytes(b"no sound")
    return folder


def test_batches_give_the_predictions_of_one_by_one_in_the_same_order(run, many):
    one_by_one = run.predict(many, batch_size=1)
    assert [p.clip for p in one_by_one.predictions] == ["0", "1", "2", "3", "4"]
    assert [p.missing for p in one_by_one.predictions] == [(), ("visual",), ("audio",), (), ()]
    assert len({p.probability for p in one_by_one.predictions}) == 5
    for size in (None, 2, 3):
        found = run.predict(many, batch_size=size)
        assert (found.unread, list(found.unread)) == (one_by_one.unread, ["3a"])
        for ours, theirs in zip(found.predictions, one_by_one.predictions, strict=True):
            assert (ours.clip, ours.predicted, ours.missing) == (theirs.clip, theirs.predicted, theirs.missing)
            assert list(ours.probabilities.values()) == pytest.approx(list(theirs.probabilities.values()), abs=1e-6)
            assert list(ours.evidence.values()) == pytest.approx(list(theirs.evidence.values()), abs=1e-6)
            assert ours.step_probabilities == pytest.approx(theirs.step_probabilities, abs=1e-6)


@pytest.mark.parametrize(("size", "passes"), [(1, [1, 1, 1, 1, 1]), (2, [2, 1, 1, 1]), (None, [3, 1, 1])])
def test_clips_of_one_shape_share_a_forward_pass(run, many, monkeypatch, size, passes):
    seen, tensors = [], predict.predict_tensors

    def watched(model, inputs, steps, names):
        seen.append(len(names))
        return tensors(model, inputs, steps, names)

    monkeypatch.setattr(predict, "predict_tensors", watched)
    run.predict(many, batch_size=size)
    assert seen == passes


def test_a_batch_that_the_model_refuses_is_reported_clip_by_clip(run, many, monkeypatch):
    tensors = predict.predict_tensors

    def refusing(model, inputs, steps, names):
        if "visual" not in inputs:
            raise ColliculusError("it needs a picture")
        return tensors(model, inputs, steps, names)

    monkeypatch.setattr(predict, "predict_tensors", refusing)
    found = run.predict(many)
    assert found.unread["1"] == "it needs a picture"
    assert [p.clip for p in found.predictions] == ["0", "2", "3", "4"]
    with pytest.raises(ColliculusError, match=r"^it needs a picture$"):
        run.predict(many / "1.wav")


def test_a_batch_has_at_least_one_clip(run, many):
    with pytest.raises(ColliculusError, match="`batch_size` is 0: choose at least 1"):
        run.predict(many, batch_size=0)


def test_the_table_of_values_has_a_line_per_clip(run, many):
    found = run.predict(many)
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [row["clip"] for row in rows] == ["0", "1", "2", "3", "4", "3a"]
    for row, one in zip(rows, found.predictions, strict=False):
        assert (row["predicted"], row["missing"], row["problem"]) == (one.predicted, " ".join(one.missing), "")
        assert np.float32(row["probability"]) == np.float32(one.probability)
        for name, probability in one.probabilities.items():
            assert np.float32(row[f"probability of {name}"]) == np.float32(probability)
        for m in ("audio", "visual"):
            assert row[f"evidence of {m}"] == ("" if m in one.missing else f"{one.evidence[m]:.9g}")
    assert "3a.wav" in rows[-1]["problem"]
    assert {rows[-1][name] for name in ("predicted", "probability", "evidence of audio", "missing")} == {""}
