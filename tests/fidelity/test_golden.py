"""The reference arithmetic against numbers recorded from the released S-CMRL program, and proof that it can fail."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from colliculus import SCMRL, DataSpec, LateFusion, NeuronSettings, Unimodal
from colliculus.layers import OverSteps, SpikingAttention
from colliculus.neurons import SpikingNeuron

BRANCHES = {"Spatial": "spatial", "Temporal": "temporal", "SpatialTemporal": "spatiotemporal"}
JOINS = {"Add": "sum", "Concat": "concat"}
CASES = [
    "add",
    "concat",
    "spatial",
    "temporal",
    "spatialtemporal_contrastive",
    "shallow_st_contrastive",
    "uni_audio",
    "uni_visual",
]
RUNS = [(case, steps) for case in CASES for steps in (2, 4) if (case, steps) != ("shallow_st_contrastive", 2)]


def method_of(case, steps):
    arguments = case.arguments
    shared = {
        "dim": arguments["embed_dims"],
        "time_steps": steps,
        "encoder": "shallow" if arguments.get("shallow_sps") else "deep",
    }
    if len(case.modalities) == 1:
        return Unimodal(modality=case.modalities[0], heads=arguments["num_heads"], **shared)
    if not arguments.get("cross_attn", True):
        return LateFusion(fusion=JOINS[arguments["interaction"]], **shared)
    return SCMRL(
        reference=True,
        heads=arguments["num_heads"],
        alpha=arguments["alpha"],
        cross_attention=BRANCHES[arguments["attn_method"]],
        alignment=arguments.get("contrastive", False),
        **shared,
    )


def build(case, steps, method, reference_name):
    spec = DataSpec(
        channels={m: x.shape[2] for m, x in case.inputs.items()},
        sizes={m: x.shape[-2:] for m, x in case.inputs.items()},
        num_classes=case.arguments["num_classes"],
    )
    model = method.model(spec)
    model.load_state_dict({name: case.weights[reference_name(name, case)] for name in model.state_dict()})
    return model, {m: x[:, :steps].transpose(0, 1).contiguous() for m, x in case.inputs.items()}


def spikes_of(model, inputs):
    """Spikes of every neuron layer in one forward, and the output."""
    counts: dict[str, int] = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: counts.__setitem__(name, int(out.sum())))
        for name, module in model.named_modules()
        if isinstance(module, SpikingNeuron)
    ]
    output = model(inputs)
    for hook in hooks:
        hook.remove()
    return output, counts


def distance(got, expected):
    return ((got - expected).norm() / expected.norm().clamp(min=1e-12)).item()


@pytest.mark.parametrize(("name", "steps"), RUNS)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_spikes_logits_and_features(name, steps, mode, read_case, reference_name) -> None:
    case = read_case(name)
    recording = case.recordings[steps]
    model, inputs = build(case, steps, method_of(case, steps), reference_name)
    output, counts = spikes_of(model.train(mode == "train"), inputs)
    assert {reference_name(layer, case): count for layer, count in counts.items()} == recording.spikes[mode]
    assert distance(output.logits, recording.outputs[f"{mode}/logits"]) < 1e-5
    for feature, modality in (("feat_a", "audio"), ("feat_v", "visual")):
        if (expected := recording.outputs.get(f"{mode}/{feature}")) is not None:
            assert distance(output.residual[modality], expected) < 1e-5


@pytest.mark.parametrize(("name", "steps"), RUNS)
def test_losses_gradients_and_statistics(name, steps, read_case, reference_name) -> None:
    case = read_case(name)
    recording = case.recordings[steps]
    method = method_of(case, steps)
    model, inputs = build(case, steps, method, reference_name)
    losses = method.objective()(model(inputs), case.labels)
    torch.testing.assert_close(losses["task"], recording.outputs["train/loss_ce"][0], rtol=1e-5, atol=0)
    if "alignment" in losses:
        expected = recording.outputs["train/contrastive_value"][0]
        torch.testing.assert_close(losses["alignment"], expected, rtol=1e-5, atol=0)
    sum(losses.values()).backward()
    for ours, parameter in model.named_parameters():
        check_gradient(ours, parameter.grad, reference_name(ours, case), recording)
    state = model.state_dict()
    named = {reference_name(ours, case): ours for ours in state}
    seen = {theirs for theirs in recording.statistics if theirs in named}
    assert seen
    assert max(distance(state[named[theirs]], recording.statistics[theirs]) for theirs in seen) < 1e-5


def check_gradient(ours, gradient, theirs, recording) -> None:
    if ours.endswith("linear.bias") and ("expand" in ours or "contract" in ours):
        assert gradient.abs().max() < 1e-4  # a bias in front of a BatchNorm: zero but for rounding, in both programs
        return
    kept = recording.samples[theirs]
    indices = torch.linspace(0, gradient.numel() - 1, kept.numel()).round().long()
    assert distance(gradient.flatten()[indices], kept) < 1e-4, ours
    if theirs in recording.gradients:
        assert distance(gradient, recording.gradients[theirs]) < 5e-4, ours


def agrees(case, model, inputs, method, reference_name):
    """Whether spikes and gradients of a model are those recorded."""
    recording = case.recordings[4]
    output, counts = spikes_of(model, inputs)
    sum(method.objective()(output, case.labels).values()).backward()
    spikes = {reference_name(layer, case): count for layer, count in counts.items()} == recording.spikes["train"]
    return spikes and all(
        distance(parameter.grad, recording.gradients[theirs]) < 5e-4
        for ours, parameter in model.named_parameters()
        if (theirs := reference_name(ours, case)) in recording.gradients and not ours.endswith("linear.bias")
    )


def change_modules(model, kind, **attributes) -> None:
    for module in model.modules():
        if isinstance(module, kind):
            for name, value in attributes.items():
                setattr(module, name, value)


MUTATIONS = {
    "nothing": (lambda method: method, lambda model: None),
    "threshold": (lambda method: replace(method, neuron=NeuronSettings(threshold=0.9)), lambda model: None),
    "reset": (lambda method: replace(method, neuron=NeuronSettings(reset="soft")), lambda model: None),
    "leak": (lambda method: replace(method, neuron=NeuronSettings(tau=1.9)), lambda model: None),
    "temporal gradient": (
        lambda method: replace(method, neuron=NeuronSettings(temporal_gradient=True)),
        lambda model: None,
    ),
    "surrogate": (lambda method: replace(method, neuron=NeuronSettings(surrogate="atan")), lambda model: None),
    "alpha": (lambda method: replace(method, alpha=1.4), lambda model: None),
    "order of heads and steps": (
        lambda method: method,
        lambda model: [
            setattr(module, "axis", OverSteps(swap=True))
            for module in model.modules()
            if isinstance(module, SpikingAttention) and module.axis == OverSteps(swap=False)
        ],
    ),
    "scale": (lambda method: method, lambda model: change_modules(model, SpikingAttention, scale=0.5)),
    "pooling": (lambda method: method, lambda model: change_modules(model, nn.MaxPool2d, kernel_size=2, padding=0)),
    "epsilon": (
        lambda method: method,
        lambda model: change_modules(model, (nn.BatchNorm1d, nn.BatchNorm2d), eps=1e-3),
    ),
    "combination": (
        lambda method: method,
        lambda model: [setattr(m, "combination", "union") for m in model.modules() if hasattr(m, "combination")],
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_any_other_arithmetic_disagrees(mutation, read_case, reference_name) -> None:
    case = read_case("spatialtemporal_contrastive")
    change_method, change_model = MUTATIONS[mutation]
    method = change_method(method_of(case, 4))
    model, inputs = build(case, 4, method, reference_name)
    change_model(model)
    assert agrees(case, model, inputs, method, reference_name) == (mutation == "nothing")
