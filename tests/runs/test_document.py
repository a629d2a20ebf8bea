from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from colliculus.data.arrays import Arrays
from colliculus.files.documents import flat, from_plain, to_plain
from colliculus.methods import METHODS, SCMRL
from colliculus.presets import PRESETS
from colliculus.runs.document import experiment_from_plain, experiment_to_plain
from colliculus.runs.experiment import Experiment, TrainSettings
from colliculus.types import ColliculusError, DataSpec


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_comes_back_through_yaml(name):
    experiment = PRESETS[name].experiment
    text = yaml.safe_dump(experiment_to_plain(experiment))
    assert experiment_from_plain(yaml.safe_load(text)) == experiment


@given(
    st.builds(
        TrainSettings,
        epochs=st.integers(1, 1000),
        learning_rate=st.floats(1e-9, 1),
        clip_norm=st.none() | st.floats(1e-6, 1e6),
        precision=st.sampled_from(["fp32", "bf16", "fp16"]),
        device=st.text(max_size=5),
    )
)
def test_settings_come_back_through_yaml(settings):
    assert from_plain(yaml.safe_load(yaml.safe_dump(to_plain(settings))), TrainSettings) == settings


def test_a_path_becomes_text_and_a_path_again():
    plain = experiment_to_plain(Experiment(method=SCMRL(), data=Arrays(root=Path("some/where"))))
    assert plain["data"]["root"] == str(Path("some/where").absolute())  # a run is used from anywhere
    assert experiment_from_plain(plain).data.root == Path("some/where").absolute()


def test_modalities_keep_their_order():
    spec = DataSpec(channels={"z": 1, "a": 2}, sizes={"z": (4, 4), "a": (8, 8)}, num_classes=3, steps={"a": 5})
    assert from_plain(to_plain(spec), DataSpec) == spec
    assert from_plain(to_plain(spec), DataSpec).modalities == ("z", "a")


@pytest.mark.parametrize(
    ("plain", "told"),
    [
        ({"epochz": 3}, "epochz"),
        ({"epochs": "3"}, "epochs"),
        ({"epochs": 3.5}, "epochs"),
        ({"epochs": True}, "epochs"),
        ({"clip_norm": "much"}, "clip_norm"),
        ({"precision": "fp8"}, "precision"),
        ({"drop_incomplete": 1}, "drop_incomplete"),
        ({"epochs": 0}, "give a positive number"),
        ([1], "TrainSettings"),
        (None, "TrainSettings"),
    ],
)
def test_an_unknown_key_and_a_wrong_value_are_named(plain, told):
    with pytest.raises(ColliculusError, match=told):
        from_plain(plain, TrainSettings)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"method": {"name": "scmlr"}}, "did you mean 's-cmrl'"),
        ({"data": {"name": "av-digit"}}, "did you mean 'av-digits'"),
        ({"method": "s-cmrl"}, "found 's-cmrl'"),
        ({"method": {}}, "method"),
        ({"more": 1}, "method, data and train"),
    ],
)
def test_an_unknown_method_or_dataset_is_named(change, told):
    plain = experiment_to_plain(PRESETS["s-cmrl-synthetic"].experiment) | change
    with pytest.raises(ColliculusError, match=told):
        experiment_from_plain(plain)


def test_nested_keys_are_dotted():
    assert flat({"a": {"b": 1, "c": {"d": [2]}}, "e": {}}) == {"a.b": 1, "a.c.d": [2], "e": {}}


def test_every_method_has_a_preset_that_the_first_test_reads():
    assert {preset.experiment.method.name for preset in PRESETS.values()} == set(METHODS)
