from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_arrays import save, write_root

from colliculus.data.arrays import Arrays
from colliculus.data.augment import SMALL_DATA
from colliculus.media.numpy_files import open_array
from colliculus.types import ColliculusError, DataSpec


@pytest.fixture
def root(tmp_path):
    write_root(tmp_path)
    return tmp_path


def test_shapes_and_classes_are_read_off_the_files(root):
    dataset = Arrays(root=root).load()
    assert dataset.spec == DataSpec(
        channels={"sound": 1, "touch": 2},
        sizes={"sound": (5, 4), "touch": (6, 7)},
        steps={"touch": 3},
        num_classes=2,
        class_names=("0", "1"),
    )
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (36, 4, 6)
    assert np.bincount(dataset.validation.labels).tolist() == [2, 2]
    batch = dataset.test.batch(np.array([5, 0]), epoch=0)
    assert batch.labels.tolist() == [1, 0]
    assert {m: tuple(x.shape) for m, x in batch.inputs.items()} == {"sound": (2, 1, 5, 4), "touch": (3, 2, 2, 6, 7)}


def test_the_training_part_alone_is_standardised_by_its_own_statistics(root):
    dataset = Arrays(root=root).load()
    for values in dataset.train.batch(np.arange(36), epoch=0).inputs.values():
        assert values.mean().item() == pytest.approx(0, abs=1e-5)
        assert values.std(correction=0).item() == pytest.approx(1, abs=1e-2)
    assert dataset.validation.batch(np.arange(4), epoch=0).inputs["sound"].mean().abs() > 1e-4


def test_each_row_is_read_once(root, monkeypatch):
    """To check its values, for the fingerprint, and for the statistics of the training part."""
    read: list[int] = []

    class Counted(np.ndarray):
        def __getitem__(self, key):
            found = super().__getitem__(key)
            read.append(len(found))
            return found

    def counted(path):
        array = open_array(path)
        return array if array.ndim == 1 else array.view(Counted)

    monkeypatch.setattr("colliculus.data.arrays.open_array", counted)
    dataset = Arrays(root=root).load()
    assert len(dataset.normalisation.mean["touch"]) == 2
    assert sum(read) == 2 * (40 + 6)


def test_raw_values_stay_when_nothing_is_standardised(root):
    dataset = Arrays(root=root, standardise=False).load()
    expected = np.load(root / "test" / "touch.npy").swapaxes(0, 1)
    np.testing.assert_array_equal(dataset.test.batch(np.arange(6), epoch=0).inputs["touch"].numpy(), expected)


def test_a_given_normalisation_is_used(root):
    normalisation = Arrays(root=root, seed=1).load().normalisation
    assert Arrays(root=root, seed=2).load().normalisation != normalisation
    assert Arrays(root=root, seed=2).load(normalisation).normalisation == normalisation


def test_fingerprint_follows_contents_and_split(root):
    first = Arrays(root=root).load().fingerprint
    assert Arrays(root=root).load().fingerprint == first
    assert Arrays(root=root, seed=1).load().fingerprint != first
    touch = np.load(root / "test" / "touch.npy")
    touch[0, 0, 0, 0, 0] += 1
    np.save(root / "test" / "touch.npy", touch)
    assert Arrays(root=root).load().fingerprint != first


def test_groups_stay_together(root):
    groups = np.array([f"speaker {i // 4}" for i in range(40)])
    save(root, "train", group=groups, row=np.arange(40).reshape(40, 1, 1, 1))
    save(root, "test", row=np.arange(6).reshape(6, 1, 1, 1))
    dataset = Arrays(root=root, standardise=False, validation_fraction=0.2).load()
    held = {groups[int(row)] for row in dataset.validation.batch(np.arange(8), epoch=0).inputs["row"].flatten()}
    assert len(dataset.validation) == 8
    assert len(held) == 2
    assert dataset.protocol == "given test, validation from train by group"


def test_a_share_of_0_leaves_all_of_train_to_training(root):
    dataset = Arrays(root=root, validation_fraction=0).load()
    assert (len(dataset.train), len(dataset.validation)) == (40, 0)
    assert dataset.protocol == "given test, no validation part"
    assert dataset.fingerprint != Arrays(root=root).load().fingerprint
    save(root, "validation", sound=np.zeros((3, 1, 5, 4)), touch=np.zeros((3, 3, 2, 6, 7)), label=[0, 1, 1])
    assert len(Arrays(root=root, validation_fraction=0).load().validation) == 3


def test_modalities_without_a_kind_are_series_or_maps_by_their_height(root):
    for split, count in (("train", 40), ("test", 6)):
        imu = np.random.default_rng(0).normal(size=(count, 6, 1, 16))
        save(root, split, imu=imu, touch=np.ones((count, 3, 2, 6, 7)))
    kinds = {"touch": "events"}
    train = Arrays(root=root, kinds=kinds, augment=SMALL_DATA).load().train
    assert train.kinds == {"imu": "series", "sound": "maps", "touch": "events"}
    plain = Arrays(root=root, kinds=kinds).load().train
    varied, before = (split.batch(np.arange(30), epoch=0).inputs for split in (train, plain))
    assert {m for m, x in varied.items() if not torch.equal(x, before[m])} == {"imu", "sound"}
    with pytest.raises(ColliculusError, match=r"sound has the height 5 and is called a series: .* or call it maps"):
        Arrays(root=root, kinds={"sound": "series"}).load()


def test_series_of_two_long_axes_are_read_with_a_word_on_images(root):
    for split, count in (("train", 40), ("test", 6)):
        random = np.random.default_rng(0)
        save(root, split, imu=random.normal(size=(count, 6, 64)), grid=random.normal(size=(count, 16, 40)))
    sources = Arrays(root=root).load().sources
    assert sources["imu"] == "imu.npy, series of 6 channels over 64 moments (axis 2 is time)"
    grid = "grid.npy, series of 16 channels over 40 moments (axis 2 is time)"
    assert sources["grid"] == f"{grid}, images would be (n, 1, 16, 40)"
    for split, count in (("train", 40), ("test", 6)):
        save(root, split, imu=np.zeros((count, 6, 64)), grid=np.ones((count, 16, 40)))
    assert Arrays(root=root, time_axis="last").load().sources["grid"] == grid


def test_groups_that_are_the_classes_are_refused(root):
    save(root, "train", group=np.arange(40) % 2)
    with pytest.raises(ColliculusError, match=r"holds all samples of a class: .*`group\.npy`"):
        Arrays(root=root).load()


def test_a_validation_folder_is_used(root):
    save(root, "validation", sound=np.zeros((3, 1, 5, 4)), touch=np.zeros((3, 3, 2, 6, 7)), label=[0, 1, 1])
    dataset = Arrays(root=root).load()
    assert (len(dataset.train), dataset.validation.labels.tolist(), dataset.protocol) == (40, [0, 1, 1], "given")


def test_classes_are_the_labels_of_train_in_order(root):
    save(root, "train", label=np.where(np.arange(40) % 2, -3, 70))
    save(root, "test", label=[70.0, -3.0, 70.0, 70.0, 70.0, 70.0])
    dataset = Arrays(root=root).load()
    assert dataset.spec.names == ("-3", "70")
    assert dataset.test.labels.tolist() == [1, 0, 1, 1, 1, 1]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["?", "i1", "u2", ">i4", "f2", "f4", ">f8"]),
    steps=st.none() | st.integers(1, 3),
    frame=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
    order=st.sampled_from("CF"),
)
def test_every_numeric_type_and_shape_arrives_unchanged(tmp_path, kind, steps, frame, order):
    shape = (4, *frame) if steps is None else (4, steps, *frame)
    values = np.random.default_rng(0).integers(0, 2, shape).astype(kind, order=order)
    for split in ("train", "test"):
        save(tmp_path, split, sensor=values, label=[0, 1, 0, 1])
    dataset = Arrays(root=tmp_path, standardise=False).load()
    got = dataset.test.batch(np.arange(4), epoch=0).inputs["sensor"].numpy()
    assert dataset.spec.input_shape("sensor", 4) == got.shape
    np.testing.assert_array_equal(got if steps is None else got.swapaxes(0, 1), values.astype(np.float32))


def _break(message, split="test", **arrays):
    return pytest.param(split, arrays, message, id=message.split("|")[0])


@pytest.mark.parametrize(
    ("split", "arrays", "message"),
    [
        _break(r"sound\.npy holds 5 samples and label\.npy 6", sound=np.zeros((5, 1, 5, 4))),
        _break(r"group\.npy holds 2 samples", group=[1, 2]),
        _break(r"sound\.npy has the shape \(6, 20\)", sound=np.zeros((6, 20))),
        _break(r"sound\.npy has the shape \(\)", sound=3.0),
        _break(r"sound\.npy has the shape \(6, 0, 5, 4\)", sound=np.zeros((6, 0, 5, 4))),
        _break(r"\(3, 5, 4\), and in train \(1, 5, 4\)", sound=np.zeros((6, 3, 5, 4))),
        _break(r"sound\.npy holds values not finite", sound=np.full((6, 1, 5, 4), np.nan)),
        _break(r"sound\.npy holds values not finite in float32", sound=np.full((6, 1, 5, 4), 1e39)),
        _break(r"sound\.npy holds complex128 values", sound=np.zeros((6, 1, 5, 4), complex)),
        _break(r"smell\.npy in both or in neither", smell=np.zeros((6, 1, 5, 4))),
        _break(r"label\.npy holds labels that are not whole", label=[0, 1, np.nan, 1, 0, 0]),
        _break(r"label\.npy holds labels that are not whole numbers", label=[0, 1, 0.5, 1, 0, 0]),
        _break(r"label\.npy holds <U1 values", label=list("abcdef")),
        _break(r"label\.npy has the shape \(6, 1\)", label=np.zeros((6, 1), int)),
        _break(r"label\.npy holds the label 7, which train lacks", label=[0, 1, 7, 1, 0, 0]),
        _break(r"all labels in .*label\.npy are 1", "train", label=np.ones(40, int)),
        _break(r"touch\.x\.npy has a dot in the name of its modality", **{"touch.x": np.zeros((6, 1, 5, 4))}),
    ],
)
def test_contradictions_are_one_clear_sentence(root, split, arrays, message):
    save(root, split, **arrays)
    with pytest.raises(ColliculusError, match=message) as caught:
        Arrays(root=root).load()
    assert "\n" not in str(caught.value)


def test_missing_things_are_named(root, tmp_path_factory):
    with pytest.raises(ColliculusError, match=r"--data\.root ROOT"):
        Arrays().load()
    with pytest.raises(ColliculusError, match="is not a folder"):
        Arrays(root=root / "nowhere").load()
    (root / "val").mkdir()
    with pytest.raises(ColliculusError, match="val is not a split: rename it to one of train, validation, test"):
        Arrays(root=root).load()
    (root / "val").rmdir()
    (root / "test" / "label.npy").unlink()
    with pytest.raises(ColliculusError, match=r"label\.npy is missing"):
        Arrays(root=root).load()
    only_labels = tmp_path_factory.mktemp("only_labels")
    save(only_labels, "train", label=[0, 1])
    with pytest.raises(ColliculusError, match="no folder 'test'"):
        Arrays(root=only_labels).load()
    save(only_labels, "test", label=[0, 1])
    with pytest.raises(ColliculusError, match="holds no modality"):
        Arrays(root=only_labels).load()


def test_archives_are_refused_by_name(root):
    np.savez(root / "train" / "smell.npz", smell=np.zeros((40, 1, 5, 4)))
    with pytest.raises(ColliculusError, match=r"smell\.npz is an archive: .*<modality>\.npy"):
        Arrays(root=root).load()


def test_links_that_leave_the_root_are_refused(root, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret.npy"
    np.save(outside, np.zeros((6, 1, 5, 4)))
    (root / "test" / "secret.npy").symlink_to(outside)
    with pytest.raises(ColliculusError, match=r"secret\.npy is a link that leaves"):
        Arrays(root=root).load()


@pytest.mark.parametrize("wrong", [{"validation_fraction": -0.1}, {"validation_fraction": 1.0}, {"seed": -1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ColliculusError, match="`validation_fraction` must"):
        Arrays(**wrong)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((16, 12, 3), "(0, 3, 1, 2)"),
        ((16, 12, 1), "(0, 3, 1, 2)"),
        ((32, 48, 4), "(0, 3, 1, 2)"),
        ((5, 16, 12, 3), "(0, 1, 4, 2, 3)"),
    ],
)
def test_channels_last_are_refused_with_the_mend(tmp_path, shape, axes):
    for split in ("train", "test"):
        save(tmp_path, split, visual=np.ones((4, *shape), np.uint8), label=np.arange(4) % 2)
    with pytest.raises(ColliculusError, match=rf"channel\(s\) last: .*array\.transpose{re.escape(axes)}") as caught:
        Arrays(root=tmp_path).load()
    mended = np.ones((4, *shape)).transpose(eval(axes))  # noqa: S307 - the mend of the message
    assert mended.shape[-3] == shape[-1]
    assert mended.shape[-2:] == shape[-3:-1]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shape", [(3, 16, 12), (1, 16, 4), (64, 1, 4), (6, 1, 128), (4, 3, 16, 16), (2, 9, 3)])
def test_channels_first_are_taken(tmp_path, shape):
    for split in ("train", "test"):
        save(tmp_path, split, visual=np.random.default_rng(0).random((8, *shape)), label=np.arange(8) % 2)
    assert Arrays(root=tmp_path, validation_fraction=0.5).load().spec.channels == {"visual": shape[-3]}
