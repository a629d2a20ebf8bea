from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from colliculus.data import DATASETS
from colliculus.fusion import CrossModalSettings
from colliculus.methods import METHODS, FirstTectum, Tectum
from colliculus.neurons import NeuronKind
from colliculus.presets import PRESETS, preset
from colliculus.types import ColliculusError

COMPARED = (
    "s-cmrl",
    "spatial",
    "temporal",
    "taaf",
    "s-cmrl-fed",
    "s-cmrl-mask",
    "tectum-first",
    "sca",
    "cmci",
    "cmci-reference",
    "weighted-attention",
    "late-fusion",
    "late-fusion-concat",
    "audio",
    "visual",
)
PAPERS = (
    "crema-d",
    "urbansound8k-av",
    "ave",
    "mnistdvs-ntidigits",
    "nmnist-shd",
    "kinetics-sounds",
    "cifar10-av",
)
PEOPLE = ("utd-mhad", "utd-mhad-3")
PROMISED = {
    *(f"{method}-synthetic" for method in COMPARED),
    *(f"{method}-av-digits" for method in COMPARED),
    *(f"{method}-folder" for method in COMPARED),
    *(f"{method}-arrays" for method in COMPARED[:-2]),
    *(f"{method}-{data}" for method in COMPARED for data in PAPERS),
    *(f"{method}-{data}" for method in COMPARED[:-2] for data in PEOPLE),
    *(f"tectum-{data}" for data in (*DATASETS, *PAPERS, *PEOPLE)),
    *(f"{method}-reference-{data}" for method in ("s-cmrl", "sca") for data in (*DATASETS, *PAPERS)),
}


def test_the_promised_presets_are_there():
    assert set(PRESETS) >= PROMISED


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_what_its_name_says(name):
    experiment = preset(name)
    assert METHODS[experiment.method.name] is type(experiment.method)
    assert DATASETS[experiment.data.name] is type(experiment.data)
    assert name.endswith(f"-{PRESETS[name].data}")
    assert experiment.data.name == ("prepared" if PRESETS[name].data in PAPERS + PEOPLE else PRESETS[name].data)
    assert getattr(experiment.method, "arithmetic", "ours") == ("reference" if "reference" in name else "ours")
    assert len(PRESETS[name].description) <= 80, "shorten the title of the method or the phrase of the data"
    assert not PRESETS[name].description.endswith(".")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_takes_every_kind_of_neuron(name):
    before = preset(name)
    for kind in get_args(NeuronKind):
        changed = preset(name, **{"method.neuron.kind": kind})
        assert changed.method.neuron.kind == kind
        assert replace(changed, method=replace(changed.method, neuron=before.method.neuron)) == before


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


@pytest.mark.parametrize(
    ("name", "dim", "heads", "steps", "temperature"),
    [
        ("s-cmrl-crema-d", 256, 16, 4, 0.07),
        ("s-cmrl-urbansound8k-av", 64, 16, 4, 0.08),
        ("s-cmrl-mnistdvs-ntidigits", 256, 16, 16, 0.1),
    ],
)
def test_the_published_settings_of_s_cmrl(name, dim, heads, steps, temperature):
    for chosen in (name, name.replace("s-cmrl", "s-cmrl-reference")):
        method, train = preset(chosen).method, preset(chosen).train
        assert (method.dim, method.heads, method.time_steps, method.temperature) == (dim, heads, steps, temperature)
        assert method.alpha == (1.5 if "reference" in chosen else 0.25)
        assert method.encoder == ("shallow" if "mnistdvs" in name else "deep")
        assert (train.epochs, train.batch_size, train.learning_rate, train.weight_decay) == (100, 128, 6.25e-4, 1e-4)
        assert (train.warmup_epochs, train.final_learning_rate, train.seed) == (5, 1e-5, 42)
        assert train.drop_incomplete
        pictures = preset(chosen).data.augment.pictures
        crop_and_flip = (0.0, 0.0) if "mnistdvs" in name else (1.0, 0.5)
        assert (pictures.crop.probability, pictures.flip.probability) == crop_and_flip


ALL_DATA = [*dict.fromkeys(p.data for p in PRESETS.values())]


@pytest.mark.parametrize("data", ALL_DATA)
def test_tectum_has_its_defaults_and_takes_steps_and_encoders_from_the_data(data):
    tectum, late = preset(f"tectum-{data}"), preset(f"late-fusion-{data}")
    assert tectum.method == Tectum(dim=late.method.dim)
    assert (tectum.method.time_steps, tectum.method.encoder, tectum.method.neuron.kind) == (0, "auto", "graded")
    assert (tectum.data, tectum.train) == (late.data, late.train)


@pytest.mark.parametrize("data", ALL_DATA)
def test_the_fed_s_cmrl_differs_from_the_published_one_in_what_feeds_its_exchange(data):
    fed, published = preset(f"s-cmrl-fed-{data}"), preset(f"s-cmrl-{data}")
    feeding = CrossModalSettings(dropout=0.0, scaled=True, capped=True)
    assert fed.method == replace(published.method, alpha=0.5, normalise="positives", cross_modal=feeding)
    assert (published.method.alpha, published.method.normalise) == (0.25, "pairs")
    assert (fed.data, fed.train) == (published.data, published.train)


@pytest.mark.parametrize("data", ALL_DATA)
def test_the_first_edition_of_tectum_is_as_it_was(data):
    first, scmrl = preset(f"tectum-first-{data}").method, preset(f"s-cmrl-{data}").method
    sizes = {"dim": scmrl.dim, "heads": scmrl.heads, "time_steps": scmrl.time_steps, "encoder": scmrl.encoder}
    assert first == FirstTectum(**sizes)


@pytest.mark.parametrize("data", ["crema-d", "ave"])
def test_taaf_has_its_own_encoder_where_it_was_published(data):
    method, train = preset(f"taaf-{data}").method, preset(f"taaf-{data}").train
    assert (method.encoder, method.dim, method.time_steps) == ("resnet18", 512, 4)
    assert (train.optimizer, train.learning_rate, train.weight_decay) == ("adamw", 1e-3, 1e-4)


@pytest.mark.parametrize("data", [name for name in PAPERS if name != "nmnist-shd"])
def test_the_protocol_is_group_disjoint_unless_asked(data):
    assert {p.experiment.data.protocol for p in PRESETS.values() if p.data == data} == {"group-disjoint"}


def test_two_of_ten_speakers_are_the_validation_part_of_nmnist_shd():
    settings = {p.experiment.data for p in PRESETS.values() if p.data == "nmnist-shd"}
    assert {(s.protocol, s.validation_fraction) for s in settings} == {("given", 0.2)}


@pytest.mark.parametrize("data", PEOPLE)
def test_people_are_apart_in_validation_too(data):
    settings = {p.experiment.data for p in PRESETS.values() if p.data == data}
    assert {(s.protocol, s.validation_fraction) for s in settings} == {("given", 0.25)}


def test_an_unknown_preset_offers_the_nearest():
    with pytest.raises(ColliculusError, match="did you mean 's-cmrl-av-digits'"):
        preset("scmrl-av-digit")
