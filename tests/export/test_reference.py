"""The way to and from reference checkpoints for models of our own; recorded ones are in tests/fidelity."""

from __future__ import annotations

import subprocess
import sys
from argparse import Namespace
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from active import awake

from colliculus import (
    CMCI,
    SCA,
    SCMRL,
    ColliculusError,
    DataSpec,
    FirstTectum,
    LateFusion,
    NeuronSettings,
    Tectum,
    Unimodal,
    WeightedAttention,
    reference,
)
from colliculus.export.reference_files import checkpoint_bytes, read_checkpoint
from colliculus.fusion import REFERENCE, CrossModalSettings

SPEC = DataSpec(channels={"audio": 1, "visual": 3}, sizes={"audio": (32, 32), "visual": (32, 32)}, num_classes=4)
SIZE = {"dim": 16, "time_steps": 3}
HEADS = {**SIZE, "heads": 4}
MASK = CrossModalSettings(threshold=1.0, normalise=False)
SCMRL_REFERENCE = SCMRL(**HEADS, arithmetic="reference", alpha=0.7)
SETTINGS = {"time_steps": 3, "interaction": "Add", "alpha": 0.7, "num_heads": 4}
METHODS = {
    "none, Add": (LateFusion(**SIZE), {"cross_attention": "none"}),
    "none, concat": (LateFusion(**SIZE, fusion="concat"), {"cross_attention": "none", "interaction": "concat"}),
    "Spatial": (replace(SCMRL_REFERENCE, cross_attention="spatial"), {"cross_attention": "Spatial"}),
    "Temporal": (
        replace(SCMRL_REFERENCE, cross_attention="temporal", alignment=False),
        {"cross_attention": "Temporal"},
    ),
    "SpatialTemporal": (SCMRL_REFERENCE, {"cross_attention": "SpatialTemporal"}),
    "shallow": (replace(SCMRL_REFERENCE, encoder="shallow"), {"cross_attention": "spatialtemporal"}),
    "WeightAttention": (WeightedAttention(**SIZE), {"cross_attention": "WeightAttention"}),
    "SCA": (SCA(**HEADS, arithmetic="reference"), {"cross_attention": "SCA"}),
    "CMCI": (
        CMCI(**SIZE, arithmetic="reference", unimodal_loss=1.0, modality_dropout=0.0),
        {"cross_attention": "CMCI"},
    ),
    "alone": (
        Unimodal(**HEADS, modality="visual", arithmetic="reference"),
        {"cross_attention": "none", "modality": "visual"},
    ),
}


def imported(tensors, sizes=None, **told):
    return reference.from_state_dict(tensors, reference.ReferenceSettings(**{**SETTINGS, **told}), sizes=sizes)


def inputs_of(model, batch=2):
    generator = torch.Generator().manual_seed(0)
    return {m: torch.randn(SPEC.input_shape(m, batch), generator=generator) for m in model.modalities}


@pytest.mark.parametrize("name", METHODS)
def test_there_and_back_computes_the_same(name) -> None:
    method, told = METHODS[name]
    torch.manual_seed(0)
    ours = method.model(SPEC)
    ours = awake(ours, inputs_of(ours), current=4.0)
    tensors = reference.to_state_dict(ours)
    again = imported(tensors, **told).eval()
    outputs = []
    for model in (ours, again):
        torch.manual_seed(1)
        outputs.append(model(inputs_of(model)))
    assert torch.equal(outputs[0].logits, outputs[1].logits)
    for model in (again, deepcopy(again)):
        assert all((tensors[key] == value).all() for key, value in reference.to_state_dict(model).items())
    assert not any("unused_parameters" in key for key in again.state_dict())


def test_random_numbers_of_the_caller_stay() -> None:
    tensors = reference.to_state_dict(SCMRL_REFERENCE.model(SPEC))
    drawn = []
    for build in (False, True):
        torch.manual_seed(3)
        if build:
            imported(tensors, cross_attention="SpatialTemporal")
        drawn.append(torch.rand(3))
    assert torch.equal(*drawn)


def test_every_name_is_used_once() -> None:
    for method, _ in METHODS.values():
        names = reference.parameter_names(method.model(SPEC))
        assert set(names) == set(method.model(SPEC).state_dict())
        assert len(set(names.values())) == len(names)


def test_inputs_may_have_any_size_unless_told() -> None:
    tensors = reference.to_state_dict(SCMRL_REFERENCE.model(SPEC))
    settings = {"cross_attention": "SpatialTemporal"}
    free = imported(tensors, **settings)
    frames = {"audio": torch.zeros(2, 1, 48, 32), "visual": torch.zeros(3, 2, 3, 48, 32)}
    assert free(frames).logits.shape == (2, 4)
    with pytest.raises(ColliculusError, match="different numbers of tokens"):
        free({"audio": torch.zeros(2, 1, 48, 32), "visual": torch.zeros(2, 3, 32, 32)})
    with pytest.raises(ColliculusError, match="expected"):
        imported(tensors, **settings, sizes=SPEC.sizes)(frames)


@pytest.mark.parametrize(
    "method",
    [
        SCMRL(**HEADS),
        SCMRL(**HEADS, cross_modal=CrossModalSettings(normalise=False, dropout=0.0)),
        SCMRL(**HEADS, cross_modal=CrossModalSettings(normalise=False, dropout=0.0, combination="product")),
        SCA(**HEADS),
        CMCI(**SIZE),
        Unimodal(**HEADS),
        LateFusion(**SIZE, neuron=NeuronSettings(tau=3.0, temporal_gradient=False)),
        LateFusion(**SIZE, neuron=NeuronSettings(kind="plif", temporal_gradient=False)),
        LateFusion(**SIZE, neuron=NeuronSettings(surrogate="atan", temporal_gradient=False)),
        LateFusion(**SIZE, neuron=NeuronSettings(threshold=0.5, temporal_gradient=False)),
        LateFusion(**SIZE, neuron=NeuronSettings()),
        LateFusion(**SIZE, unimodal_loss=1.0),
        LateFusion(**SIZE, coding="poisson"),
        LateFusion(**SIZE, coding="latency"),
        SCMRL(**HEADS, cross_modal=replace(REFERENCE, scale=2.0)),
        SCMRL(**HEADS, cross_modal=replace(REFERENCE, scaled=True)),
        SCMRL(**HEADS, cross_modal=replace(REFERENCE, capped=True)),
        SCMRL(**SIZE, cross_modal=replace(MASK, dropout=0.0), cross_attention="mask"),
        SCMRL(**HEADS, arithmetic="reference", readout="weighted"),
        LateFusion(**SIZE, readout="weighted"),
        LateFusion(**SIZE, encoder="medium"),
        LateFusion(**SIZE, encoder="auto"),
        LateFusion(**SIZE, neuron=NeuronSettings(kind="graded", temporal_gradient=False)),
        Tectum(dim=16),
        Tectum(**SIZE, neuron=LateFusion().neuron, readout="mean", exchange="none", encoder="shallow"),
        FirstTectum(**HEADS),
    ],
)
def test_what_the_reference_cannot_compute_is_refused(method) -> None:
    with pytest.raises(ColliculusError, match="no counterpart"):
        reference.to_state_dict(method.model(SPEC))


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (SCMRL(**HEADS, cross_modal=replace(REFERENCE, capped=True)), "residuals are scaled, or .* is capped"),
        (SCMRL(**SIZE, cross_modal=replace(MASK, dropout=0.0), cross_attention="mask"), "mask of spikes"),
        (LateFusion(**SIZE, readout="weighted"), "readout weighs the tokens"),
        (replace(SCMRL_REFERENCE, residual="replace", alpha=SCMRL.alpha), "what its modalities receive replaces"),
        (LateFusion(**SIZE, encoder="medium"), "neither deep nor shallow"),
    ],
)
def test_the_reason_is_named(method, reason) -> None:
    with pytest.raises(ColliculusError, match=reason):
        reference.to_state_dict(method.model(SPEC))


def test_a_series_is_refused() -> None:
    spec = replace(SPEC, sizes={"audio": (1, 32), "visual": (1, 32)})
    with pytest.raises(ColliculusError, match="an encoder of series"):
        reference.to_state_dict(LateFusion(**SIZE, encoder="auto").model(spec))


def test_tokens_in_different_places_are_refused() -> None:
    spec = DataSpec(channels=SPEC.channels, sizes={"audio": (32, 32), "visual": (48, 48)}, num_classes=2)
    with pytest.raises(ColliculusError, match="different token grids"):
        reference.to_state_dict(SCMRL_REFERENCE.model(spec))


def test_three_modalities_are_refused() -> None:
    channels = {"audio": 1, "visual": 3, "touch": 1}
    spec = DataSpec(channels=channels, sizes=dict.fromkeys(channels, (16, 16)), num_classes=2)
    with pytest.raises(ColliculusError, match="more than two"):
        reference.to_state_dict(LateFusion(**SIZE).model(spec))


@pytest.mark.parametrize(
    ("change", "told", "sentence"),
    [
        ({}, {"cross_attention": "SCA"}, "no block.0.attn.q_conv.weight"),
        ({}, {"cross_attention": "CMCI"}, "has no"),
        ({}, {"interaction": "Concat"}, "head.weight has shape"),
        ({}, {"cross_attention": "Spatail"}, "did you mean 'Spatial'"),
        ({}, {"interaction": "Addd"}, "did you mean 'Add'"),
        ({"head.weight": None}, {}, "no head"),
        ({"stranger": torch.zeros(1)}, {}, "has stranger"),
        ({"mlp.0.mlp.fc1_lif.threshold": torch.tensor(0.5)}, {}, "threshold is 0.5"),
        ({"mlp.0.mlp.fc1_lif.threshold": torch.ones(3)}, {}, r"threshold is \[1.0, 1.0, 1.0\]"),
        ({"audio_patch_embed.rpe_conv.weight": torch.tensor(1.0)}, {}, "use a complete"),
        ({"av_attention.fc.weight": torch.ones(16, 16).to_sparse()}, {}, "not a dense tensor"),
        ({"head.bias": torch.ones(4, dtype=torch.float16)}, {}, "not a dense tensor of float32"),
        ({"head.bias": torch.full((4,), torch.nan)}, {}, "not finite"),
        ({}, {"modality": "audio"}, "two modalities"),
        ({"audio_patch_embed.proj_bn.weight": torch.zeros(3)}, {}, "has shape"),
    ],
)
def test_a_wrong_state_dict_is_told(change, told, sentence) -> None:
    tensors = reference.to_state_dict(SCMRL_REFERENCE.model(SPEC)) | change
    tensors = {name: value for name, value in tensors.items() if value is not None}
    with pytest.raises(ColliculusError, match=sentence):
        imported(tensors, **{"cross_attention": "SpatialTemporal", **told})


@pytest.mark.parametrize("attention", ["Spatial", "SpatialTemporal", "CMCI"])
def test_without_exchange_no_attention_acts_whichever_it_is(attention) -> None:
    method, told = METHODS["none, Add"]
    model = method.model(SPEC)
    plain = reference.to_state_dict(awake(model, inputs_of(model)))
    donor = reference.to_state_dict(METHODS[attention][0].model(SPEC))
    tensors = {name: value for name, value in plain.items() if not name.startswith("block.")}
    tensors |= {name: value for name, value in donor.items() if name.startswith("block.")}
    models = [imported(t, **told).eval() for t in (plain, tensors)]
    logits = [model(inputs_of(model)).logits for model in models]
    assert torch.equal(*logits)
    assert reference.to_state_dict(models[1]).keys() == tensors.keys()


def test_one_modality_must_be_named() -> None:
    tensors = reference.to_state_dict(Unimodal(**HEADS, arithmetic="reference").model(SPEC))
    with pytest.raises(ColliculusError, match="modality='audio'"):
        imported(tensors, cross_attention="none")


def test_the_door_is_open_after_import_colliculus() -> None:
    program = "import colliculus; print(colliculus.reference.from_state_dict.__name__, 'reference' in dir(colliculus))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["from_state_dict", "True"]


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    return reference.to_state_dict(LateFusion(**SIZE).model(SPEC))


def test_a_training_checkpoint_is_read(tensors, tmp_path) -> None:
    path = tmp_path / "model.pth.tar"
    parallel = {f"module.{name}": value for name, value in tensors.items()}
    torch.save({"epoch": 3, "args": Namespace(lr=0.1), "state_dict": parallel, "metric": 0.7}, path)
    assert read_checkpoint(path).keys() == parallel.keys()
    torch.save(tensors, path)
    assert read_checkpoint(path).keys() == tensors.keys()
    assert imported(parallel, cross_attention="none").modalities == SPEC.modalities
    path.write_bytes(checkpoint_bytes(tensors))
    assert all((value == tensors[name]).all() for name, value in read_checkpoint(path).items())


class Dangerous:
    """What a pickle could run."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('the pickle ran')",))


@pytest.mark.parametrize("content", ["code", "text", "cut", "list", "empty"])
def test_a_file_of_another_kind_is_told_and_nothing_runs(content, tensors, tmp_path) -> None:
    path = tmp_path / "model.pth.tar"
    if content == "text":
        path.write_text("not a checkpoint")
    elif content == "cut":
        path.write_bytes(checkpoint_bytes(tensors)[:-2000])
    else:
        torch.save({"code": {"state_dict": Dangerous()}, "list": [1, 2], "empty": {}}[content], path)
    with pytest.raises(ColliculusError, match=r"model\.pth\.tar"):
        read_checkpoint(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_any_damage_is_told(tensors, tmp_path) -> None:
    """Flipped bytes give an error of ours or another reading, never another exception."""
    path, whole = tmp_path / "model.pth.tar", checkpoint_bytes({"head.bias": tensors["head.bias"]})
    generator = torch.Generator().manual_seed(0)
    told = 0
    for _ in range(300):
        content = bytearray(whole)
        for place in torch.randint(len(content), (3,), generator=generator).tolist():
            content[place] ^= 255
        path.write_bytes(content)
        try:
            read_checkpoint(path)
        except ColliculusError:
            told += 1
    assert told > 100


def test_acting_tensors_are_never_those_kept_aside() -> None:
    model = LateFusion(**SIZE).model(SPEC)
    reference.keep_unused(model, {**reference.unused_parameters(model), "head.weight": torch.full((4, 16), 7.0)})
    assert torch.equal(reference.to_state_dict(model)["head.weight"], model.head.linear.weight)
