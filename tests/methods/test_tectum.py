"""Tectum: any number of modalities of any shape, some of them missing, and no step that looks ahead."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from active import assert_active, awake
from hypothesis import given, settings
from hypothesis import strategies as st

from colliculus import ColliculusError, DataSpec, Tectum
from colliculus.encoders import SpikingPatchSplitting, SpikingSeriesEncoder
from colliculus.evaluation.anytime import outputs_by_step
from colliculus.fusion import ReadoutWeights
from colliculus.layers import ModalityDropout, reasons_for_a_window, uses_later_steps
from colliculus.methods.tectum import Exchange, JointSettings
from colliculus.modulation import Balance
from colliculus.neurons import NeuronSettings

T, K = 4, 3
SPEC = DataSpec(
    channels={"audio": 1, "motion": 5, "visual": 3},
    sizes={"audio": (16, 16), "motion": (1, 20), "visual": (16, 24)},
    num_classes=K,
    steps={"motion": T, "visual": T},  # audio is static
)
EXCHANGES = ("joint", "attention", "mask", "none")
SMALL = Tectum(dim=16, context=1)  # a step for every frame
KINDS = {"graded": NeuronSettings(kind="graded"), "lif": NeuronSettings()}
LAYER = "fusion.join.layer"


def inputs(spec=SPEC, batch=5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {m: 2 * torch.randn(spec.input_shape(m, batch), generator=generator) for m in spec.modalities}


def built(method=SMALL, spec=SPEC):
    """A network that fires, with readouts of some size."""
    torch.manual_seed(0)
    model = awake(method.model(spec), inputs(spec), current=0.6)
    with torch.no_grad():
        for p in model.head.parameters():
            p.normal_()
    return model


def answer(model, given_inputs):
    with torch.no_grad():
        return model(given_inputs)


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


@pytest.mark.parametrize("readout", ["weighted", "mean"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("context", [1, 3])
def test_no_step_looks_ahead(exchange, kind, readout, context) -> None:
    """New frames from step t on change no logits before t, of the decision or of a modality."""
    model = built(replace(SMALL, exchange=exchange, neuron=KINDS[kind], readout=readout, context=context))
    before, after = inputs(), inputs(seed=1)
    first = answer(model, before)
    assert_active(first.step_logits)
    for t in range(1, T):
        changed = {m: torch.cat([x[:t], after[m][t:]]) if m in SPEC.steps else x for m, x in before.items()}
        second = answer(model, changed)
        assert torch.equal(first.step_logits[:t], second.step_logits[:t])
        assert not torch.equal(first.step_logits[t], second.step_logits[t])
        for m, logits in first.modality_logits.items():
            assert torch.equal(logits[:t], second.modality_logits[m][:t])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_the_first_steps_give_what_they_give_in_a_whole_run(exchange, kind) -> None:
    model = built(replace(SMALL, exchange=exchange, neuron=KINDS[kind]))
    whole = answer(model, inputs()).step_logits
    assert_active(whole)
    for t, output in enumerate(outputs_by_step(model, inputs(), T), start=1):
        torch.testing.assert_close(output.step_logits, whole[:t])
        torch.testing.assert_close(output.logits, whole[:t].mean(0))


ALIGNMENTS = ("conv", "warp", "clip-warp", "interpolate")
FRAMES = replace(SPEC, steps=dict.fromkeys(SPEC.modalities, T))


@pytest.mark.parametrize("name", [name for name in ALIGNMENTS if name != "interpolate"])
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_learned_alignment_changes_nothing_at_first_and_learns(name, exchange) -> None:
    plain = built(replace(SMALL, exchange=exchange), FRAMES)
    model = replace(SMALL, exchange=exchange, alignment=name).model(FRAMES)
    model.fusion.fusion.load_state_dict(plain.fusion.state_dict())
    for part in ("encoders", "head"):
        model.get_submodule(part).load_state_dict(plain.get_submodule(part).state_dict())
    found, expected = model.eval()(inputs(FRAMES)), answer(plain, inputs(FRAMES))
    assert_active(expected.step_logits)
    torch.testing.assert_close(found.step_logits, expected.step_logits, atol=1e-4, rtol=1e-4)
    found.step_logits.square().sum().backward()
    for m in SPEC.modalities:
        gradients = [p.grad for p in model.fusion.alignments[m].parameters() if p.grad is not None]
        assert any(g.abs().max() > 0 for g in gradients), m


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_streams_are_aligned_before_they_meet(exchange) -> None:
    """A sound that is moved two steps later by its alignment gives what a sound that comes two steps later gives."""
    model = built(replace(SMALL, exchange=exchange, alignment="conv"), FRAMES)
    plain = built(replace(SMALL, exchange=exchange), FRAMES)
    plain.fusion.load_state_dict(model.fusion.fusion.state_dict())
    plain.head.load_state_dict(model.head.state_dict())
    with torch.no_grad():
        tokens = {m: model.encoders[m](x) for m, x in model.coded(inputs(FRAMES)).items()}
        model.fusion.alignments["audio"].matrix.copy_(torch.eye(T).roll(2, dims=0))
        late = {m: x.roll(2, dims=0) if m == "audio" else x for m, x in tokens.items()}
        found, expected, before = model.decided(tokens), plain.decided(late), plain.decided(tokens)
    assert_active(expected.step_logits)
    torch.testing.assert_close(found.step_logits, expected.step_logits)
    assert not torch.allclose(found.step_logits, before.step_logits, atol=1e-3)


def test_each_modality_may_have_steps_of_its_own() -> None:
    method = replace(SMALL, alignment="interpolate", modality_steps={"audio": 1, "motion": 2, "visual": 6})
    model = built(method, SPEC)
    tokens = {m: model.encoders[m](x) for m, x in model.coded(inputs()).items()}
    assert {m: len(x) for m, x in tokens.items()} == {"audio": 1, "motion": 2, "visual": 6}
    output = answer(model, inputs())
    assert output.step_logits.shape == (T, 5, K)
    assert_active(output.step_logits)
    for missing in SPEC.modalities:
        assert missing not in answer(model, {m: x for m, x in inputs().items() if m != missing}).modality_logits
    one = replace(method, tet_loss=0.5).one_step()
    assert (one.steps(SPEC), one.alignment, one.modality_steps, one.tet_loss) == (1, "identity", {}, 0.0)
    with pytest.raises(ColliculusError, match="'audoi': did you mean 'audio'"):
        replace(method, modality_steps={"audoi": 2}).model(SPEC)


@pytest.mark.parametrize("name", ["identity", *ALIGNMENTS])
def test_only_a_network_without_an_alignment_answers_step_by_step(name) -> None:
    """An alignment may use later steps; the answer after each step is that of a clip that ends there."""
    more = {"modality_steps": {"motion": 2}} if name == "interpolate" else {}
    model = built(replace(SMALL, alignment=name, readout="mean", **more), FRAMES)
    aligns = "aligns a given number of steps in time" in reasons_for_a_window(model)
    assert aligns == uses_later_steps(model) == (name != "identity")
    if name == "conv":
        with torch.no_grad():
            model.fusion.alignments["audio"].matrix.copy_(torch.eye(T).flip(0))
        first, changed = inputs(FRAMES), inputs(FRAMES)
        changed["audio"][-1] += 3
        before, after = answer(model, first).step_logits, answer(model, changed).step_logits
        assert not torch.equal(before[0], after[0])
    whole = answer(model, inputs(FRAMES))
    *_, last = outputs_by_step(model, inputs(FRAMES), T)
    assert_active(whole.step_logits)
    torch.testing.assert_close(last.step_logits, whole.step_logits)


@pytest.mark.parametrize("exchange", ["joint", "none"])
def test_an_alignment_and_its_mlp_belong_to_a_modality(exchange) -> None:
    plain = replace(SMALL, exchange=exchange).model(FRAMES)
    model = replace(SMALL, exchange=exchange, alignment="conv").model(FRAMES)
    for m in SPEC.modalities:
        expected = len(plain.stream_parameters(m)) + len([*model.fusion.alignments[m].parameters()])
        assert len(model.stream_parameters(m)) == expected


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


@pytest.mark.parametrize("missing", SPEC.modalities)
def test_an_absent_modality_is_silent_in_the_joint_layer_and_has_no_readout(missing) -> None:
    model = built()
    found = answer(model, {m: x for m, x in inputs().items() if m != missing})
    model.get_submodule(f"{LAYER}.drive.{missing}").register_forward_hook(lambda _m, _i, out: torch.zeros_like(out))
    whole = answer(model, inputs())
    expected = whole.step_logits - whole.modality_logits[missing]
    assert_active(expected - sum(logits for m, logits in whole.modality_logits.items() if m != missing))
    torch.testing.assert_close(found.step_logits, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("alone", SPEC.modalities)
def test_a_modality_that_is_alone_is_its_own_readout(alone) -> None:
    output = answer(built(), {alone: inputs()[alone]})
    assert_active(output.step_logits)
    assert torch.equal(output.step_logits, output.modality_logits[alone])


def dropping(model):
    """Drop modalities, with the statistics as they are."""
    for part in model.modules():
        if isinstance(part, ModalityDropout):
            part.train()


@pytest.mark.parametrize("kind", ["product", "hidden"])
@pytest.mark.parametrize("readout", ["weighted", "mean"])
def test_a_dropped_modality_is_as_absent_as_one_that_is_missing(readout, kind) -> None:
    """Each sample of a training batch gives what it gives alone, without the modalities that it lost."""
    method = replace(SMALL, modality_dropout=0.5, readout=readout, joint=JointSettings(kind=kind))
    model, batch = built(method), inputs(batch=40)
    dropping(model)
    output = answer(model, batch)
    given = [[m for m, x in output.modality_logits.items() if x[:, b].any()] for b in range(40)]
    assert {len(names) for names in given} == {1, 2, 3}
    model.eval()
    whole = answer(model, batch).step_logits
    for b, names in enumerate(given):
        alone = {m: batch[m][..., b : b + 1, :, :, :] for m in names}
        torch.testing.assert_close(output.step_logits[:, b : b + 1], answer(model, alone).step_logits)
        assert len(names) == 3 or not torch.allclose(output.step_logits[:, b], whole[:, b], atol=1e-3)


def test_without_an_exchange_a_dropped_modality_has_no_readout() -> None:
    model, batch = built(replace(SMALL, exchange="none", modality_dropout=0.5)), inputs(batch=20)
    whole = answer(model, batch)
    dropping(model)
    output = answer(model, batch)
    kept = {m: x.any(dim=-1, keepdim=True).any(dim=0, keepdim=True) for m, x in output.modality_logits.items()}
    assert 0 < sum(int((~x).sum()) for x in kept.values()) < 40
    expected = sum(logits * kept[m] for m, logits in whole.modality_logits.items())
    torch.testing.assert_close(output.step_logits, expected)


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_modalities_are_dropped_in_training_alone(exchange) -> None:
    model = built(replace(SMALL, exchange=exchange, modality_dropout=0.5))
    assert torch.equal(answer(model, inputs()).logits, answer(model, inputs()).logits)
    dropping(model)
    torch.manual_seed(0)
    one, other = answer(model, inputs()), answer(model, inputs())
    assert not torch.equal(one.logits, other.logits)


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


@pytest.mark.parametrize(
    ("frames", "steps"), [({}, 1), ({"visual": 7}, 7), ({"visual": 7, "motion": 9}, 9), ({"visual": 40}, 16)], ids=str
)
def test_a_step_for_every_frame_of_the_longest_sequence(frames, steps) -> None:
    spec = replace(SPEC, steps=frames)
    assert SMALL.steps(spec) == steps
    assert len(answer(SMALL.model(spec).eval(), inputs(spec)).step_logits) == steps
    assert replace(SMALL, time_steps=3).steps(spec) == 3


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
