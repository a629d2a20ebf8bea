"""Streams without an end: n steps are a network of n steps, and models that look ahead are refused."""

from __future__ import annotations

import pytest
import torch
from active import assert_active, awake
from small_methods import read_by

from colliculus import ColliculusError, DataSpec
from colliculus.evaluation.inference import inference_mode
from colliculus.fusion import CrossModalSettings
from colliculus.methods import METHODS
from colliculus.neurons import NeuronSettings
from colliculus.streaming.state import StreamState
from colliculus.streaming.stream import Stream

N = 9
SPEC = DataSpec(
    channels={"audio": 1, "visual": 2},
    sizes=dict.fromkeys(("audio", "visual"), (16, 16)),
    num_classes=4,
    steps={"audio": N, "visual": N},
)
CAUSAL = {
    "late-fusion": ("late-fusion", {}),
    "concat": ("late-fusion", {"fusion": "concat"}),
    "own heads": ("late-fusion", {"unimodal_loss": 1.0}),
    "context": ("late-fusion", {"context": 3}),
    "tet": ("tet", {}),
    "plif": ("late-fusion", {"neuron": NeuronSettings(kind="plif")}),
    "graded": ("late-fusion", {"neuron": NeuronSettings(kind="graded", decay=0.5)}),
    "cmci": ("cmci", {}),
    "cmci, reference": ("cmci", {"arithmetic": "reference", "unimodal_loss": 1.0, "modality_dropout": 0.0}),
    "causal": ("s-cmrl", {"cross_modal": CrossModalSettings(causal=True)}),
    "causal temporal": ("s-cmrl", {"cross_modal": CrossModalSettings(causal=True), "cross_attention": "temporal"}),
    "spatial": ("s-cmrl", {"cross_attention": "spatial"}),
    "mask": ("s-cmrl", {"cross_attention": "mask", "heads": 16}),
    "sca": ("sca", {}),
    "weighted-attention": ("weighted-attention", {}),
    "cmqka, spatial": ("cmqka", {"branches": "spatial"}),
    "misnet": ("misnet", {}),
    "tectum": ("tectum", {"readout": "mean"}),
    "spikformer": ("spikformer", {}),
    "qkformer": ("qkformer", {}),
    "sew-resnet": ("sew-resnet", {}),
    "unimodal": ("unimodal", {}),
}
LOOK_AHEAD = {
    "s-cmrl": ("attends over all steps", {}),
    "taaf": ("aligns a given number of steps in time", {}),
    "tectum-first": ("aligns a given number of steps in time", {}),
    "cmqka": ("sums over all steps", {}),
    "tectum": ("has readout weights for each step", {"context": 1}),
    "late-fusion": ("has readout weights for each step", {"readout": "weighted"}),
}


def method_of(name, changes):
    settings = {"dim": 16, "heads": 4, "time_steps": N, "encoder": "shallow", "context": 1, "joint": None}
    if name == "tectum" and changes.get("readout") == "mean":
        from colliculus.methods.tectum import JointSettings

        changes = {**changes, "joint": JointSettings()}
    kept = {key: x for key, x in read_by(METHODS[name], settings).items() if x is not None}
    if changes.get("cross_attention") == "mask":
        changes = {**changes, "heads": METHODS[name]().heads}
    return METHODS[name](**kept | changes)


def clips():
    generator = torch.Generator().manual_seed(0)
    return {m: 3 * torch.randn(SPEC.input_shape(m, 2), generator=generator) for m in SPEC.modalities}


def made(name, changes, readout=True):
    torch.manual_seed(0)
    model = method_of(name, changes).model(SPEC)
    inputs = {m: x for m, x in clips().items() if m in model.modalities}
    awake(model, inputs)
    for key, value in model.named_parameters():
        if "head" in key and "norm" not in key:
            torch.nn.init.normal_(value)
    return model, inputs


def run(model, inputs, steps=N, state=None, **settings):
    stream = Stream(model, N, carry=True, **settings)
    state, outputs = state or stream.start(2), []
    for step in range(state.step, steps):
        output, state = stream.step({m: x[step] for m, x in inputs.items()}, state)
        outputs.append(output)
    return outputs, state


@pytest.mark.parametrize("case", CAUSAL)
def test_n_steps_are_a_network_of_n_steps(case) -> None:
    model, inputs = made(*CAUSAL[case])
    with inference_mode(model):
        whole = model(inputs)
    assert_active(whole.step_logits)
    outputs, _ = run(model, inputs)
    steps = torch.stack([output.step_logits[-1] for output in outputs])
    torch.testing.assert_close(steps, whole.step_logits, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(outputs[-1].logits, whole.logits, rtol=1e-5, atol=1e-5)
    for kind in ("evidence", "modality_logits", "streams", "residual"):
        found, expected = getattr(outputs[-1], kind), getattr(whole, kind)
        assert found.keys() == expected.keys()
        for m, x in expected.items():
            torch.testing.assert_close(found[m], x, rtol=1e-5, atol=1e-5)


def test_the_answer_is_the_mean_of_the_last_steps() -> None:
    model, inputs = made("late-fusion", {})
    outputs, _ = run(model, inputs, window=3)
    steps = torch.stack([output.step_logits[-1] for output in outputs])
    for step, output in enumerate(outputs):
        expected = steps[max(0, step - 2) : step + 1]
        assert torch.equal(output.step_logits, expected)
        assert torch.equal(output.logits, expected.mean(0))


def test_what_was_long_ago_still_acts() -> None:
    """Unlike a window, which forgets it."""
    model, inputs = made("late-fusion", {"neuron": NeuronSettings(tau=8.0)})
    outputs, _ = run(model, inputs, window=1)
    changed = {m: torch.cat([-x[:1], x[1:]]) for m, x in inputs.items()}
    others, _ = run(model, changed, window=1)
    assert not torch.equal(outputs[2].logits, others[2].logits)


def test_a_state_goes_through_a_file(tmp_path) -> None:
    model, inputs = made("misnet", {})
    outputs, _ = run(model, inputs)
    _, state = run(model, inputs, steps=4)
    state.save(tmp_path / "state.safetensors")
    rest, _ = run(model, inputs, state=StreamState.load(tmp_path / "state.safetensors"))
    assert torch.equal(rest[-1].logits, outputs[-1].logits)


@pytest.mark.parametrize("name", LOOK_AHEAD)
def test_a_model_that_looks_ahead_is_refused(name) -> None:
    reason, changes = LOOK_AHEAD[name]
    with pytest.raises(ColliculusError, match=f"this model {reason}, which needs a whole window: leave out `carry`"):
        Stream(made(name, changes)[0], N, carry=True)


@pytest.mark.parametrize("coding", ["poisson"])
def test_a_coding_with_an_end_is_refused(coding) -> None:
    with pytest.raises(ColliculusError, match=r'the coding of audio takes a window .* or train with `coding` "direct"'):
        Stream(made("late-fusion", {"coding": coding})[0], N, carry=True)


def test_modalities_are_those_of_the_first_step() -> None:
    model, inputs = made("late-fusion", {})
    stream = Stream(model, N, carry=True)
    _, state = stream.step({"visual": inputs["visual"][0]}, stream.start(2))
    with pytest.raises(ColliculusError, match="audio came after the stream began: start a new one with it"):
        stream.step({m: x[1] for m, x in inputs.items()}, state)
    with pytest.raises(ColliculusError, match="visual brings no frame to a step"):
        stream.step({}, state)
    with pytest.raises(ColliculusError, match="visual brings 2 frames to a step, and 1 is due"):
        stream.step({"visual": inputs["visual"][:2]}, state)
    with pytest.raises(ColliculusError, match="a stream begins with at least one of audio, visual"):
        stream.step({}, stream.start(2))


def test_a_causal_s_cmrl_does_not_look_ahead() -> None:
    model, inputs = made(*CAUSAL["causal"])
    other = {m: torch.cat([x[:4], -x[4:]]) for m, x in inputs.items()}
    with inference_mode(model):
        first, second = model(inputs).step_logits, model(other).step_logits
    assert_active(first)
    assert torch.equal(first[:4], second[:4])
    assert not torch.equal(first[4], second[4])
    ahead, _ = made("s-cmrl", {})
    with inference_mode(ahead):
        assert not torch.equal(ahead(inputs).step_logits[:4], ahead(other).step_logits[:4])
