from __future__ import annotations

import pytest

from colliculus.data import DATASETS
from colliculus.methods import METHODS
from colliculus.presets import PRESETS, preset
from colliculus.training.document import experiment_from_plain, experiment_to_plain
from colliculus.types import ColliculusError

COMPARED = (
    "s-cmrl",
    "spatial",
    "temporal",
    "taaf",
    "sca",
    "cmci",
    "cmci-reference",
    "weighted-attention",
    "late-fusion",
    "late-fusion-concat",
    "audio",
    "visual",
)
PROMISED = {
    *(f"{method}-synthetic" for method in COMPARED),
    *(f"{method}-av-digits" for method in COMPARED),
    *(f"{method}-folder" for method in COMPARED),
    *(f"{method}-arrays" for method in COMPARED[:-2]),
    *(f"{method}-reference-{data}" for method in ("s-cmrl", "sca") for data in DATASETS),
}


def test_the_promised_presets_are_there():
    assert set(PRESETS) >= PROMISED


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_what_its_name_says(name):
    experiment = preset(name)
    assert METHODS[experiment.method.name] is type(experiment.method)
    assert DATASETS[experiment.data.name] is type(experiment.data)
    assert name.endswith(experiment.data.name)
    is_reference = getattr(experiment.method, "reference", False) or experiment.method.name == "cmci-reference"
    assert is_reference == ("reference" in name)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_being_written_down(name):
    assert experiment_from_plain(experiment_to_plain(preset(name))) == preset(name)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_described_in_one_line(name):
    assert len(PRESETS[name].description) <= 80
    assert not PRESETS[name].description.endswith(".")


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_preset(method):
    assert any(p.experiment.method.name == method for p in PRESETS.values())


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_has_a_preset(dataset):
    assert any(p.experiment.data.name == dataset for p in PRESETS.values())


def test_the_comparison_on_one_dataset_differs_in_the_method_alone():
    for data in ("synthetic", "av-digits"):
        experiments = [preset(f"{method}-{data}") for method in COMPARED]
        assert len({repr((e.data, e.train, e.method.dim, e.method.time_steps)) for e in experiments}) == 1


def test_an_unknown_preset_offers_the_nearest():
    with pytest.raises(ColliculusError, match="did you mean 's-cmrl-av-digits'"):
        preset("scmrl-av-digit")
