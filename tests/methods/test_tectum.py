"""Tectum: modalities of any number and shape, parts of the decision, terms of the loss, and settings."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from active import assert_active
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tectum import EXCHANGES, KINDS, LAYER, SMALL, SPEC, K, answer, built, inputs

from colliculus import ColliculusError, DataSpec, Tectum
from colliculus.encoders import SpikingPatchSplitting, SpikingSeriesEncoder
from colliculus.fusion import ReadoutWeights
from colliculus.methods.tectum import Exchange, JointSettings
from colliculus.modulation import Balance


@st.composite
def shapes(draw):
    """Two to four modalities: images or series, static or of several steps."""
    names = ("audio", "visual", "touch", "motion")[: draw(st.integers(2, 4))]
    side = st.integers(4, 40)
    sizes = {m: draw(st.one_of(st.tuples(side, side), st.tuples(st.just(1), st.integers(3, 40)))) for m in names}
    steps = {m: frames for m in names if (frames := draw(st.sampled_from([0, 0, 2, 3])))}
    channels = {m: draw(st.integers(1, 3)) for m in names}
    return DataSpec(channels=channels, sizes=sizes, num_classes=K, steps=steps)


@settings(max_examples=25)
@given(
    spec=shapes(),
    exchange=st.sampled_from(EXCHANGES),
    kind=st.sampled_from([*KINDS]),
    context=st.integers(0, 4),
    joint=st.sampled_from(["product", "hidden"]),
    data=st.data(),
)
def test_any_number_of_modalities_of_any_shape_some_of_them_missing(spec, exchange, kind, context, joint, data) -> None:
    layer = JointSettings(kind=joint) if exchange == "joint" else JointSettings()
    alignment = data.draw(st.sampled_from(["identity", "conv", "warp", "clip-warp"])) if context else "identity"
    method = Tectum(dim=8, exchange=exchange, neuron=KINDS[kind], context=context, joint=layer, alignment=alignment)
    torch.manual_seed(0)
    model, batch = method.model(spec), inputs(spec, batch=3)
    steps = max(spec.steps.values(), default=1) if context else 1
    losses = method.objective()(model(batch), torch.arange(3))
    torch.stack([*losses.values()]).sum().backward()
    for m, encoder in model.encoders.items():
        assert any(p.grad is not None and p.grad.abs().max() > 0 for p in encoder.parameters()), m
    present = data.draw(st.sets(st.sampled_from(spec.modalities), min_size=1))
    output = answer(model.eval(), {m: x for m, x in batch.items() if m in present})
    assert output.step_logits.shape == (steps, 3, K)
    assert set(output.modality_logits) == present
    assert output.logits.isfinite().all()


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_the_decision_is_the_sum_of_the_readouts_and_of_the_joint_layer(exchange) -> None:
    model = built(replace(SMALL, exchange=exchange))
    output = answer(model, inputs())
    joint = output.step_logits - sum(output.modality_logits.values())
    if exchange == "joint":
        assert_active(joint)
        model.get_submodule(LAYER).kept.fill_(False)
        output = answer(model, inputs())
    torch.testing.assert_close(output.step_logits, sum(output.modality_logits.values()))
    torch.testing.assert_close(output.logits, output.step_logits.mean(0))


def test_without_its_joint_layer_it_is_the_network_that_never_had_one() -> None:
    model = built()
    model.get_submodule(LAYER).kept.fill_(False)
    plain = replace(SMALL, exchange="none").model(SPEC)
    weights = {
        name.replace("fusion.join.join", "fusion.join"): value
        for name, value in model.state_dict().items()
        if not name.startswith((LAYER, "head.joint"))
    }
    plain.load_state_dict(weights)
    found, expected = answer(model, inputs()).logits, answer(plain.eval(), inputs()).logits
    assert_active(expected)
    torch.testing.assert_close(found, expected)
    assert [p.shape for p in model.used_parameters().values()] == [p.shape for p in plain.parameters()]
    assert len(built().used_parameters()) == len([*model.parameters()]) > len(model.used_parameters())


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_it_draws_nothing_without_that_and_a_seed_gives_one_network(exchange) -> None:
    def trained():
        torch.manual_seed(3)
        model = replace(SMALL, exchange=exchange).model(SPEC)
        torch.manual_seed(torch.seed())  # what the training draws does not matter
        output = model(inputs())
        output.logits.square().sum().backward()
        return output.logits, [p.grad for p in model.parameters() if p.grad is not None]

    (one, gradients), (other, again) = trained(), trained()
    assert_active(one)
    assert torch.equal(one, other)
    assert all(torch.equal(x, y) for x, y in zip(gradients, again, strict=True) if x.count_nonzero())


def test_the_encoder_suits_the_shape() -> None:
    sizes = {"motion": (1, 20), "small": (28, 28), "middle": (48, 60), "large": (128, 64)}
    spec = DataSpec(channels=dict.fromkeys(sizes, 2), sizes=sizes, num_classes=K)
    encoders = SMALL.token_encoders(spec)
    assert isinstance(encoders["motion"], SpikingSeriesEncoder)
    assert all(isinstance(encoders[m], SpikingPatchSplitting) for m in ("small", "middle", "large"))
    assert {m: encoder.grid for m, encoder in encoders.items()} == {
        "motion": (1, 3),
        "small": (7, 7),
        "middle": (6, 8),
        "large": (8, 4),
    }


@pytest.mark.parametrize("keep", ["evidence", "always"])
def test_the_joint_layer_is_optional_where_evidence_decides(keep) -> None:
    model = replace(SMALL, joint=JointSettings(keep=keep)).model(SPEC)
    assert [*model.optional_parts()] == ([LAYER] if keep == "evidence" else [])
    assert replace(SMALL, exchange="attention").model(SPEC).optional_parts() == {}


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_the_weights_of_the_pooling_are_parameters_of_the_readout(exchange) -> None:
    model = replace(SMALL, exchange=exchange).model(SPEC)
    readout = {id(p) for p in model.readout_parameters()}
    weights = [part.change for part in model.modules() if isinstance(part, ReadoutWeights)]
    assert len(weights) == len(SPEC.modalities) * (2 if exchange == "joint" else 1)
    assert {id(p) for p in (*weights, *model.head.parameters())} == readout


def test_the_terms_of_its_objective() -> None:
    """The decision with and without the joint layer share a weight of 1."""
    output, labels = answer(built(), inputs()), torch.tensor([0, 1, 2, 0, 1])

    def terms(**changes):
        return {name: term.item() for name, term in replace(SMALL, **changes).objective()(output, labels).items()}

    found = terms(joint=JointSettings(without=0.25))
    task = torch.nn.functional.cross_entropy(output.logits, labels, label_smoothing=0.1).item()
    assert [*found] == ["task", "additive", "unimodal"]
    assert found["task"] == pytest.approx(0.75 * task, rel=1e-5)
    means = {m: logits.mean(0) for m, logits in output.modality_logits.items()}
    additive = torch.nn.functional.cross_entropy(sum(means.values()), labels, label_smoothing=0.1).item()
    assert found["additive"] == pytest.approx(0.25 * additive, rel=1e-5)
    own = sum(torch.nn.functional.cross_entropy(x, labels, label_smoothing=0.1).item() for x in means.values())
    assert found["unimodal"] == pytest.approx(0.5 * own, rel=1e-5)
    assert terms(joint=JointSettings(without=0.0), unimodal_loss=0.0) == pytest.approx({"task": task})
    assert [*terms(exchange="attention")] == ["task", "unimodal"]
    every = [torch.nn.functional.cross_entropy(z, labels, label_smoothing=0.1).item() for z in output.step_logits]
    tet = 0.95 * sum(every) / len(every) + 0.05 * (output.step_logits - 1).square().mean().item()
    assert terms(tet_loss=0.3) == pytest.approx({**terms(), "tet": 0.3 * tet}, rel=1e-5)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"unimodal_loss": -1.0}, "unimodal_loss"),
        ({"tet_loss": -1.0, "context": 1}, "tet_loss"),
        ({"tet_loss": 0.5}, r"`tet_loss` is 0.5, which has no effect with one step"),
        ({"alignment": "conv"}, r"`alignment` is conv, which has no effect with one step"),
        ({"alignment": "warp", "context": 1, "time_steps": 1}, r"`alignment` is warp, .* with one step"),
        ({"alignment": "interpolate", "context": 1}, r"`alignment` is interpolate, .* where all modalities have T"),
        ({"modality_steps": {"audio": 0}}, "`modality_steps` of audio is 0"),
        ({"joint": JointSettings(kind="hidden"), "exchange": "mask"}, r"`joint.kind` is hidden"),
        ({"exchange": "mask", "alpha": float("inf")}, "alpha"),
        ({"time_steps": -1}, "time_steps"),
        ({"dim": 12}, "`dim` is 12: the auto encoder needs a multiple of 8"),
        ({"balance": Balance(kind="scores")}, "balance scores does not suit tectum"),
        ({"balance": Balance(kind="agm")}, "balance agm does not suit tectum"),
        ({"alpha": 0.2}, r"`alpha` is 0.2, .* with `exchange` \"joint\""),
        ({"heads": 4, "exchange": "mask"}, r"`heads` is 4, .* with `exchange` \"mask\""),
        ({"joint": JointSettings(maps=3), "exchange": "none"}, r"`joint.maps` is 3, .* with `exchange` \"none\""),
    ],
)
def test_a_setting_out_of_range_or_without_effect_is_named(change, sentence) -> None:
    with pytest.raises(ColliculusError, match=sentence):
        Tectum(**change)


@pytest.mark.parametrize("bad", [{"maps": 0}, {"without": 1.0}, {"without": -0.1}], ids=str)
def test_settings_of_the_joint_layer_out_of_range_are_named(bad) -> None:
    (name,) = bad
    with pytest.raises(ColliculusError, match=f"`{name}` of the joint layer is"):
        JointSettings(**bad)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_one_modality_has_no_exchange(exchange) -> None:
    spec = DataSpec(channels={"audio": 1}, sizes={"audio": (16, 16)}, num_classes=K)
    method = replace(SMALL, exchange=exchange)
    if exchange == "none":
        assert_active(answer(built(method, spec), inputs(spec)).logits)
    else:
        with pytest.raises(ColliculusError, match="exchanges between modalities and needs two"):
            method.model(spec)


def test_the_exchanges_are_all_here() -> None:
    assert set(Exchange.__args__) == set(EXCHANGES)  # pyright: ignore[reportAttributeAccessIssue]


def test_data_without_sizes_are_refused() -> None:
    spec = replace(SPEC, sizes={})
    with pytest.raises(ColliculusError, match="sizes"):
        SMALL.model(spec)
    fixed = replace(SMALL, encoder="shallow")
    with pytest.raises(ColliculusError, match="those of audio cannot be counted: give the DataSpec its `sizes`"):
        fixed.model(spec)
    assert_active(answer(replace(fixed, readout="mean").model(spec), inputs()).streams["audio"])
