from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.depth_frames import DepthFrames, reduced_clips
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.corpus.recipes.utd_mhad import ACTIONS, REDUCED_DEPTH, UTDMHAD
from colliculus.corpus.storage_reader import StorageReader
from colliculus.data.prepared import Prepared
from colliculus.types import ColliculusError

ALL = ("inertial", "skeleton", "depth")
REAL = Path(__file__).parents[4] / "shared" / "data" / "utd_mhad"
needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason="the real recordings are not here")


@pytest.fixture
def raw(raw_tree):
    return raw_tree("utd-mhad")


def test_a_recording_is_reported_by_its_name(raw):
    samples = {sample.name: sample for sample in UTDMHAD(modalities=ALL).samples(raw)}
    assert len(samples) == 32
    sample = samples["a27_s4_t2"]
    assert (sample.label, sample.group, sample.split, sample.stratum) == ("27 squat", "4", "test", None)
    assert sample.files == {m: f"{m.title()}/a27_s4_t2_{m}.mat" for m in ALL}
    assert {s.split for s in samples.values() if s.group in "1357"} == {"train"}
    assert len(set(ACTIONS)) == 27


def test_any_of_the_modalities_in_the_order_of_the_setting(raw, tmp_path):
    for chosen in (("depth",), ("skeleton", "inertial"), ALL):
        recipe = UTDMHAD(modalities=chosen)
        prepare(recipe, raw, tmp_path / chosen[0], jobs=0)
        shapes = {m: storage.shape for m, storage in read_prepared(tmp_path / chosen[0]).storages.items()}
        expected = {"inertial": (6, 1, 128), "skeleton": (60, 1, 64), "depth": (8, 1, 32, 32)}
        assert list(shapes.items()) == [(m, expected[m]) for m in chosen]


def test_the_skeleton_stands_on_the_hips_of_its_first_frame(raw):
    path = raw / "Skeleton" / "a1_s2_t1_skeleton.mat"
    recipe = UTDMHAD()
    stored = recipe.skeleton.read(path, recipe.samples(raw)[0]).reshape(20, 3, 64)
    joints = loadmat(path)["d_skel"]
    np.testing.assert_allclose(stored[3, :, 0], 0, atol=1e-6)
    np.testing.assert_allclose(stored[:, :, -1], joints[:, :, -1] - joints[3, :, 0], atol=1e-5)


def test_validation_by_people_and_other_protocols(raw, tmp_path):
    prepare(UTDMHAD(), raw, tmp_path / "p", jobs=0)
    samples = read_prepared(tmp_path / "p").samples

    def people(**settings):
        data = Prepared(root=tmp_path / "p", **settings).load()
        return [{samples[row].group for row in part.rows} for part in (data.train, data.validation, data.test)]

    train, validation, test = people(protocol="given", validation_fraction=0.25)
    assert (train | validation, test, len(validation)) == ({"1", "3", "5", "7"}, {"2", "4", "6", "8"}, 1)
    assert not train & validation
    assert people(protocol="paper")[2] == test
    assert all(len(part) == 1 for part in people(protocol="group-disjoint", folds=8, validation_fraction=0.1)[1:])


def test_reduced_depth_stands_in_for_missing_files(raw, tmp_path):
    kept = raw / "Depth" / "a1_s1_t1_depth.mat"
    names = [f"a{a}_s{s}_t{t}" for a in (1, 27) for s in range(1, 9) for t in (1, 2)]
    clips = np.random.default_rng(0).integers(1, 255, (32, 8, 1, 32, 32), dtype=np.uint8)
    for place in (raw, raw / "Depth"):
        for path in (raw / "Depth").glob("*.mat"):
            if path != kept:
                path.unlink()
        np.savez(place / REDUCED_DEPTH, names=names, depth=clips)
        out = tmp_path / f"from {place.name}"
        prepare(UTDMHAD(modalities=("depth",)), raw, out, jobs=0)
        stored = dict(zip((s.name for s in read_prepared(out).samples), np.load(out / "depth.npy"), strict=True))
        np.testing.assert_array_equal(stored["a27_s8_t2"], clips[names.index("a27_s8_t2")])
        assert (stored["a1_s1_t1"] != clips[0]).any()
    kept.unlink()
    (raw / "Depth" / REDUCED_DEPTH).unlink()
    (raw / "Depth").rmdir()
    assert len(UTDMHAD(modalities=("depth",)).samples(raw)) == 32


def test_missing_and_damaged_files_are_named(raw, tmp_path):
    (raw / "Inertial" / "a1_s1_t1_inertial.mat").unlink()
    (raw / "Skeleton" / "a1_s1_t2_skeleton.mat").write_bytes(b"MATLAB 5.0 MAT-file, cut short")
    result = prepare(UTDMHAD(), raw, tmp_path / "p", jobs=0)
    assert (result.samples, result.usable, sum(result.problems.values())) == (32, 31, 1)
    assert "a1_s1_t2_skeleton.mat" in next(iter(result.example.values()))
    folder = read_prepared(tmp_path / "p")
    rows = {sample.name: row for sample, row in zip(folder.samples, folder.results, strict=True)}
    assert rows["a1_s1_t1"].missing == ("inertial",)


def test_another_layout_is_refused(raw, tmp_path):
    with pytest.raises(ColliculusError, match="has no folder 'Inertial'"):
        UTDMHAD().samples(tmp_path)
    for path in (raw / "Depth").iterdir():
        path.rename(path.with_name(f"b{path.name}"))
    with pytest.raises(ColliculusError, match=r"has no recordings named like Inertial/a1_s1_t1_inertial\.mat"):
        UTDMHAD(modalities=("depth",)).samples(raw)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"modalities": ()}, "at least one modality"),
        ({"modalities": ("depth", "depth")}, "none twice"),
        ({"depth": DepthFrames(variable="d_depth", steps=4)}, "`depth.steps` is 4, which has no effect with"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, told):
    with pytest.raises(ColliculusError, match=told):
        UTDMHAD(**settings)


def test_raw_files_of_a_recording_are_one_clip(raw):
    reader = StorageReader(UTDMHAD(modalities=ALL).storages)
    files = [path for m in ALL for path in sorted((raw / m.title()).glob("a1_s1_t?_*.mat"))]
    clips = reader.group(files)
    assert set(clips) == {"a1_s1_t1", "a1_s1_t2"}
    assert {m: x.shape for m, x in reader.read(clips["a1_s1_t2"]).items()} == {
        "inertial": (6, 1, 128),
        "skeleton": (60, 1, 64),
        "depth": (8, 1, 32, 32),
    }


@needs_real_data
def test_the_real_recordings(tmp_path):
    result = prepare(UTDMHAD(modalities=ALL), REAL, tmp_path / "p", jobs=0)
    assert (result.samples, result.usable) == (861, 861)
    folder = read_prepared(tmp_path / "p")
    assert [sum(s.split == part for s in folder.samples) for part in ("train", "test")] == [431, 430]
    arrays = {m: array.memory_map() for m, array in folder.arrays.items()}
    assert {m: a.shape[1:] for m, a in arrays.items()} == {
        "inertial": (6, 1, 128),
        "skeleton": (60, 1, 64),
        "depth": (8, 1, 32, 32),
    }
    assert all(a.reshape(861, -1).std(axis=1).min() > 0 for a in arrays.values())


@needs_real_data
def test_our_depth_is_the_published_reduction_to_a_level():
    places, depth = reduced_clips(REAL / REDUCED_DEPTH)
    files = sorted((REAL / "Depth").glob("*.mat"))
    assert files
    for path in files:
        ours = DepthFrames(variable="d_depth").read(path, UTDMHAD().samples(REAL)[0]).astype(int)
        difference = np.abs(ours - depth[places[path.name.removesuffix("_depth.mat")]])
        assert difference.max() <= 1
        assert difference.mean() < 0.1
