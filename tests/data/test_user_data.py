from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset, TensorDataset

from colliculus.data.collate import collate
from colliculus.data.synthetic import Synthetic
from colliculus.data.user_data import as_dataset, as_split
from colliculus.presets import preset
from colliculus.types import ColliculusError, DataSpec

SPEC = DataSpec(
    channels={"imu": 6, "camera": 3}, sizes={"imu": (1, 1), "camera": (4, 4)}, num_classes=3, steps={"imu": 5}
)


class Sensors(Dataset):
    """A sequence and a static image, both numbered; it counts how often it is read."""

    def __init__(self, count=12, first=0):
        self.count, self.first, self.reads = count, first, 0

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        self.reads += 1
        if not 0 <= i < self.count:
            raise IndexError(i)
        number = float(self.first + i)
        return {"camera": torch.full((3, 4, 4), number), "imu": np.full((5, 6, 1, 1), number)}, i % 3


def whole(split):
    return split.batch(np.arange(len(split)), epoch=0)


def numbers(split):
    return whole(split).inputs["camera"][:, 0, 0, 0].tolist()


def test_a_map_style_dataset_is_a_split():
    split = as_split(Sensors(), SPEC)
    assert split.labels.tolist() == [0, 1, 2] * 4
    batch = split.batch(np.array([7, 2]), epoch=4)
    assert list(batch.inputs) == ["imu", "camera"]  # the order of the spec
    assert batch.inputs["imu"].shape == (5, 2, 6, 1, 1)
    assert batch.inputs["imu"].dtype == torch.float32
    assert batch.inputs["camera"][:, 0, 0, 0].tolist() == [7, 2]
    assert batch.labels.tolist() == [1, 2]
    assert split[7][0]["imu"].shape == (5, 6, 1, 1)
    assert as_split(split) is split


def test_labels_that_the_dataset_states_are_not_read_from_samples():
    data = Sensors()
    data.targets = [i % 3 for i in range(12)]
    assert as_split(data).labels.tolist() == [0, 1, 2] * 4
    assert data.reads < 12


def test_samples_are_fetched_together_where_the_dataset_can():
    class Together(Sensors):
        def __getitems__(self, indices):
            self.asked = indices
            return [self[i] for i in indices]

    data = Together()
    as_split(data).batch(np.array([3, 1]), epoch=0)
    assert data.asked == [3, 1]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_of_the_user_is_a_split(workers):
    for options in ({}, {"collate_fn": collate}):  # batch first, or time first in a `Batch`
        split = as_split(DataLoader(Sensors(), batch_size=5, num_workers=workers, **options), SPEC)
        assert numbers(split) == list(range(12))
        assert whole(split).inputs["imu"].shape == (5, 12, 6, 1, 1)
        assert (whole(split).inputs["imu"][3, :, 2, 0, 0] == torch.arange(12)).all()


def test_batches_may_come_once_from_a_generator_or_lie_in_a_list():
    batches = list(DataLoader(Sensors(), batch_size=5))
    for data in (batches, (batch for batch in batches), [collate([Sensors()[i]]) for i in range(12)]):
        split = as_split(data)
        assert numbers(split) == numbers(split) == list(range(12))


def test_soft_labels_count_as_their_likeliest_class():
    split = as_split([({"a": torch.zeros(2, 1, 1, 1)}, torch.tensor([[0.1, 0.9], [0.7, 0.3]]))])
    assert split.labels.tolist() == [1, 0]
    assert whole(split).labels.shape == (2, 2)


@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 5),
    steps=st.none() | st.integers(1, 5),
    frame=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)),
)
def test_the_shapes_of_the_samples_are_the_spec(batch, steps, frame):
    shape = frame if steps is None else (steps, *frame)
    samples = [({"x": torch.rand(shape)}, i % 2) for i in range(20)]
    loader = DataLoader(samples, batch_size=batch)
    for data in (samples, loader):
        dataset = as_dataset(data)
        assert dataset.spec.input_shape("x", 7) == ((7, *frame) if steps is None else (steps, 7, *frame))
        inputs, _ = dataset.train[0]
        assert inputs["x"].shape == shape
        assert dataset.train.batch(np.arange(3), epoch=0).inputs["x"].shape == dataset.spec.input_shape("x", 3)


def test_parts_that_are_not_given_are_drawn_from_each_class():
    data = as_dataset(Sensors(60))
    sizes = {part: np.bincount(getattr(data, part).labels).tolist() for part in ("train", "validation", "test")}
    assert sizes == {"train": [14] * 3, "validation": [2] * 3, "test": [4] * 3}
    assert sorted(numbers(data.train) + numbers(data.validation) + numbers(data.test)) == list(range(60))
    again, other = as_dataset(Sensors(60)), as_dataset(Sensors(60), seed=1)
    assert numbers(again.test) == numbers(data.test) != numbers(other.test)
    assert again.fingerprint == data.fingerprint != other.fingerprint
    assert data.protocol == "test and validation of each class from training, seed 0"


def test_no_validation_part_is_drawn_with_a_share_of_0():
    samples = [({"imu": torch.full((2, 1, 4), float(k))}, k % 2) for k in range(20)]
    data = as_dataset(samples, validation_fraction=0)
    assert (len(data.train), len(data.validation), len(data.test)) == (16, 0, 4)
    assert data.protocol == "test of each class from training, seed 0, no validation part"
    assert as_dataset(samples, None, samples[:4], validation_fraction=0).protocol == "given, no validation part"


def test_parts_that_are_given_stay_whole():
    data = as_dataset(Sensors(9), Sensors(3, first=9), Sensors(6, first=12), class_names=("a", "b", "c"))
    assert [numbers(part) for part in (data.train, data.validation, data.test)] == [
        list(range(9)), list(range(9, 12)), list(range(12, 18))
    ]  # fmt: skip
    assert data.protocol == "given"
    assert data.spec.names == ("a", "b", "c")
    changed = as_dataset(Sensors(9), Sensors(3, first=9), Sensors(6, first=13), class_names=("a", "b", "c"))
    assert changed.fingerprint != data.fingerprint
    assert as_dataset(Sensors(9), Sensors(3), Sensors(3), fingerprint="mine").fingerprint == "mine"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "no samples"),
        (3, "int holds no samples"),
        (TensorDataset(torch.zeros(4, 3, 4, 4), torch.zeros(4)), "give .inputs, label., with the inputs"),
        ([({"imu": torch.zeros(5, 6, 1, 1)}, 0)], "the samples hold imu and not camera: add it"),
        ([({"imu": torch.zeros(4, 6, 1, 1), "camera": torch.zeros(3, 4, 4)}, 0)], r"imu has shape \(4, 6, 1, 1\)"),
        ([({"imu": torch.zeros(5, 6, 1, 1), "camera": torch.zeros(1, 4, 4)}, 0)], r"\(3, 4, 4\) is needed"),
        ([({"imu": torch.zeros(5, 2, 6, 1, 1)}, torch.zeros(2, dtype=torch.int64))], "give the batch axis first"),
    ],
)
def test_what_does_not_fit_is_one_clear_sentence(data, message):
    with pytest.raises(ColliculusError, match=message) as caught:
        as_split(data, SPEC)
    assert "\n" not in str(caught.value)


def test_every_sample_has_the_modalities_of_the_first():
    data = [({"a": torch.zeros(1, 1, 1), "b": torch.zeros(1, 1, 1)}, 0), ({"a": torch.zeros(1, 1, 1)}, 1)]
    with pytest.raises(ColliculusError, match="a sample lacks b"):
        whole(as_split(data))


def test_classes_must_all_be_named():
    with pytest.raises(ColliculusError, match="a label is 2 and 2 classes are named"):
        as_dataset(Sensors(), class_names=("a", "b"))


def test_a_network_trains_on_it():
    made = Synthetic(num_classes=2, num_train=8, num_validation=4, num_test=4, size=16, steps=2).load()
    data = as_dataset(*(list(part) for part in (made.train, made.validation, made.test)))
    assert data.spec == replace(made.spec, class_names=("0", "1"))
    method = preset("late-fusion-synthetic").method
    batch = whole(data.train)
    output = method.model(data.spec)(batch.inputs)
    assert output.logits.shape == (8, 2)
    sum(method.objective()(output, batch.labels).values()).backward()
