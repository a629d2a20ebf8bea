"""The reference arithmetic against numbers recorded from the released S-CMRL program, and proof that it can fail."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from colliculus import reference
from colliculus.layers import OverSteps, SpikingAttention
from colliculus.neurons import SpikingNeuron
from colliculus.neurons.kernels.choice import KERNELS

CASES = [
    "add",
    "concat",
    "spatial",
    "temporal",
    "spatialtemporal",
    "spatialtemporal_contrastive",
    "shallow_st_contrastive",
    "weightattention",
    "sca",
    "cmci",
    "uni_audio",
    "uni_visual",
]
RUNS = [(case, steps) for case in CASES for steps in (2, 4) if (case, steps) != ("shallow_st_contrastive", 2)]


def settings_of(case, steps) -> reference.ReferenceSettings:
    """What the state dict does not tell, as the recording was made."""
    arguments = case.arguments
    return reference.ReferenceSettings(
        time_steps=steps,
        cross_attention=arguments.get("attn_method", "none") if arguments.get("cross_attn", True) else "none",
        interaction=arguments.get("interaction", "Add"),
        alpha=arguments.get("alpha", 1.5),
        num_heads=arguments["num_heads"],
        modality=case.modalities[0] if len(case.modalities) == 1 else None,
    )


def recognised(case, steps):
    return reference.recognise(case.weights, settings_of(case, steps))


def inputs_of(case, steps):
    return {m: x[:, :steps].transpose(0, 1).contiguous() for m, x in case.inputs.items()}


def forward(model, case, steps):
    """The output, and the spikes of every neuron layer by our names, in the order of their calls."""
    counts: dict[str, int] = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, name=name: counts.__setitem__(name, int(out.sum())))
        for name, module in model.named_modules()
        if isinstance(module, SpikingNeuron)
    ]
    if case.seed is not None:
        torch.manual_seed(case.seed)
    output = model(inputs_of(case, steps))
    for hook in hooks:
        hook.remove()
    return output, counts


def distance(got, expected):
    return ((got - expected).norm() / expected.norm().clamp(min=1e-12)).item()


@pytest.mark.parametrize(("name", "steps"), RUNS)
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_spikes_logits_and_features(name, steps, mode, read_case) -> None:
    case = read_case(name)
    recording = case.recordings[steps]
    model = reference.from_state_dict(case.weights, settings_of(case, steps)).train(mode == "train")
    output, counts = forward(model, case, steps)
    names = reference.layer_names(model)
    assert [(names[layer], count) for layer, count in counts.items()] == [
        (layer, recording.spikes[mode][layer]) for layer in recording.order
    ]
    assert distance(output.logits, recording.outputs[f"{mode}/logits"]) < 1e-5
    for feature, modality in (("feat_a", "audio"), ("feat_v", "visual")):
        if (expected := recording.outputs.get(f"{mode}/{feature}")) is not None:
            own_heads = output.modality_logits.get(modality)  # CMCI returns what they say, averaged over time
            found = output.residual[modality] if own_heads is None else own_heads.mean(0)
            assert distance(found, expected) < 1e-5


@pytest.mark.parametrize(("name", "steps"), RUNS)
def test_losses_gradients_and_statistics(name, steps, read_case) -> None:
    case = read_case(name)
    recording = case.recordings[steps]
    method, spec = recognised(case, steps)
    model = reference.fill(method.model(spec), case.weights)
    losses = method.objective()(forward(model, case, steps)[0], case.labels)
    total = sum(losses.values())
    torch.testing.assert_close(losses["task"], recording.outputs["train/loss_ce"][0], rtol=1e-5, atol=0)
    torch.testing.assert_close(total, recording.outputs["train/loss_total"][0], rtol=1e-5, atol=0)
    if "alignment" in losses:
        expected = recording.outputs["train/contrastive_value"][0]
        torch.testing.assert_close(losses["alignment"], expected, rtol=1e-5, atol=0)
    total.backward()
    names = reference.parameter_names(model)
    for ours, parameter in model.named_parameters():
        check_gradient(ours, parameter.grad, names[ours], recording)
    state = reference.to_state_dict(model)
    assert recording.statistics
    assert max(distance(state[name], expected) for name, expected in recording.statistics.items()) < 1e-5


@pytest.mark.parametrize("kernel", KERNELS)
def test_every_kernel_agrees(kernel, read_case, monkeypatch) -> None:
    if reason := KERNELS[kernel].missing():
        pytest.skip(reason)
    monkeypatch.setenv("COLLICULUS_KERNELS", kernel)
    case = read_case("spatialtemporal_contrastive")
    method, spec = recognised(case, 4)
    model = reference.fill(method.model(spec), case.weights)
    assert agrees(case, model, method)


def check_gradient(ours, gradient, theirs, recording) -> None:
    if theirs in recording.without_gradient:
        assert gradient is None, ours
        return
    if ours.endswith("linear.bias") and ("expand" in ours or "contract" in ours):
        assert gradient.abs().max() < 1e-4  # a bias in front of a BatchNorm: zero but for rounding, in both programs
        return
    kept = recording.samples[theirs]
    indices = torch.linspace(0, gradient.numel() - 1, kept.numel()).round().long()
    assert distance(gradient.flatten()[indices], kept) < 1e-4, ours
    if theirs in recording.gradients:
        assert distance(gradient, recording.gradients[theirs]) < 5e-4, ours


@pytest.mark.parametrize("name", CASES)
def test_a_state_dict_comes_back_identical(name, read_case) -> None:
    case = read_case(name)
    model = reference.from_state_dict(case.weights, settings_of(case, max(case.recordings)))
    back = reference.to_state_dict(model)
    assert set(back) == set(case.weights)
    for key, tensor in case.weights.items():
        assert back[key].dtype == tensor.dtype
        assert torch.equal(back[key], tensor), key


@pytest.mark.parametrize("name", CASES)
def test_what_never_acts_is_listed(name, read_case) -> None:
    """All that the recording has no gradient for, but the direction of CMCI that is computed and not read."""
    case = read_case(name)
    model = reference.from_state_dict(case.weights, settings_of(case, 4))
    unread = set(reference.unused_parameters(model))
    assert unread.isdisjoint(reference.parameter_names(model).values())
    without = set(case.recordings[4].without_gradient)
    assert {theirs for theirs in without if name != "cmci" or not theirs.startswith("block.1.attn.")} <= unread


def agrees(case, model, method):
    """Whether spikes and gradients of a model are those recorded."""
    recording = case.recordings[4]
    output, counts = forward(model, case, 4)
    sum(method.objective()(output, case.labels).values()).backward()
    plain = recognised(case, 4)
    names = reference.layer_names(plain[0].model(plain[1]))
    parameters = reference.parameter_names(plain[0].model(plain[1]))
    spikes = {names[layer]: count for layer, count in counts.items()} == recording.spikes["train"]
    return spikes and all(
        distance(parameter.grad, recording.gradients[parameters[ours]]) < 5e-4
        for ours, parameter in model.named_parameters()
        if parameters[ours] in recording.gradients and not ours.endswith("linear.bias")
    )


def change_modules(model, kind, **attributes) -> None:
    for module in model.modules():
        if isinstance(module, kind):
            for name, value in attributes.items():
                setattr(module, name, value)


MUTATIONS = {
    "nothing": (lambda method: method, lambda model: None),
    "threshold": (lambda method: replace(method, neuron=replace(method.neuron, threshold=0.9)), lambda model: None),
    "reset": (lambda method: replace(method, neuron=replace(method.neuron, reset="soft")), lambda model: None),
    "leak": (lambda method: replace(method, neuron=replace(method.neuron, tau=1.9)), lambda model: None),
    "temporal gradient": (
        lambda method: replace(method, neuron=replace(method.neuron, temporal_gradient=True)),
        lambda model: None,
    ),
    "surrogate": (lambda method: replace(method, neuron=replace(method.neuron, surrogate="atan")), lambda model: None),
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
def test_any_other_arithmetic_disagrees(mutation, read_case) -> None:
    case = read_case("spatialtemporal_contrastive")
    change_method, change_model = MUTATIONS[mutation]
    method, spec = recognised(case, 4)
    names = reference.parameter_names(method.model(spec))
    changed = change_method(method)
    model = changed.model(spec)
    model.load_state_dict({ours: case.weights[theirs] for ours, theirs in names.items()})
    change_model(model)
    assert agrees(case, model, changed) == (mutation == "nothing")


def test_sca_with_another_bias_disagrees(read_case) -> None:
    case = read_case("sca")
    for seed, same in ((case.seed, True), (case.seed + 1, False)):
        model = reference.from_state_dict(case.weights, settings_of(case, 4)).eval()
        other = replace(case, seed=seed)
        names = reference.layer_names(model)
        counts = {names[layer]: count for layer, count in forward(model, other, 4)[1].items()}
        assert (counts == case.recordings[4].spikes["eval"]) == same
