"""Tectum in time: no step looks ahead, and streams with steps of their own are aligned before they meet."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from active import assert_active
from small_tectum import EXCHANGES, KINDS, LAYER, SMALL, SPEC, K, T, answer, built, inputs
from torch.nn import functional

from colliculus import ColliculusError, DataSpec
from colliculus.evaluation.anytime import outputs_by_step
from colliculus.layers import reasons_for_a_window, uses_later_steps

ALIGNMENTS = ("conv", "warp", "clip-warp", "interpolate")
FRAMES = replace(SPEC, steps=dict.fromkeys(SPEC.modalities, T))


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


@pytest.mark.parametrize(
    ("frames", "steps"), [({}, 1), ({"visual": 7}, 7), ({"visual": 7, "motion": 9}, 9), ({"visual": 40}, 16)], ids=str
)
def test_a_step_for_every_frame_of_the_longest_sequence(frames, steps) -> None:
    spec = replace(SPEC, steps=frames)
    assert SMALL.steps(spec) == steps
    assert len(answer(SMALL.model(spec).eval(), inputs(spec)).step_logits) == steps
    assert replace(SMALL, time_steps=3).steps(spec) == 3


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_scores_weigh_the_steps_of_every_readout(exchange) -> None:
    """The decision is the sum over streams u and steps t of alpha_u(t) z_u(t), by a slow loop."""
    model = built(replace(SMALL, exchange=exchange, scores=True), FRAMES)
    joint, heard = [], model.head.register_forward_pre_hook(lambda _, given: joint.append(given[0].joint))
    output = answer(model, inputs(FRAMES))
    heard.remove()
    assert_active(output.step_logits)
    streams = [*SPEC.modalities, *(["fused"] if exchange == "joint" else [])]
    assert [*output.time_weights] == streams
    each = dict(output.modality_logits)
    if exchange == "joint":
        each["fused"] = model.head.joint(joint[0])
    expected = torch.zeros_like(output.logits)
    for stream in streams:
        for b in range(len(expected)):
            alpha = [float(output.time_weights[stream][t, b]) for t in range(T)]
            assert sum(alpha) == pytest.approx(1)
            assert max(alpha) - min(alpha) > 1e-3
            for t in range(T):
                expected[b] += alpha[t] * each[stream][t, b].detach()
    torch.testing.assert_close(output.logits, expected)
    torch.testing.assert_close(output.step_logits.mean(0), expected)


def test_even_scores_change_nothing() -> None:
    plain, model = built(), built(replace(SMALL, scores=True))
    with torch.no_grad():
        model.load_state_dict({**model.state_dict(), **plain.state_dict()})
        for p in model.head.scores.parameters():
            p.zero_()
    torch.testing.assert_close(answer(model, inputs()).step_logits, answer(plain, inputs()).step_logits)


def test_losses_take_the_steps_by_their_scores() -> None:
    method = replace(SMALL, scores=True, label_smoothing=0.0)
    output, labels = answer(built(method), inputs()), torch.tensor([0, 1, 2, 0, 1])
    assert_active(output.step_logits)
    own = {m: (output.time_weights[m][..., None] * z).sum(0) for m, z in output.modality_logits.items()}
    terms = method.objective()(output, labels)
    alone = sum(functional.cross_entropy(z, labels) for z in own.values())
    torch.testing.assert_close(terms["unimodal"], method.unimodal_loss * alone)
    together = functional.cross_entropy(sum(own.values()), labels)
    torch.testing.assert_close(terms["additive"], method.joint.without * together)


def test_a_network_with_scores_learns_them_and_needs_the_whole_clip() -> None:
    method = replace(SMALL, scores=True)
    model = built(method, FRAMES)
    sum(method.objective()(model.train()(inputs(FRAMES)), torch.tensor([0, 1, 2, 0, 1])).values()).backward()
    for stream in (*SPEC.modalities, "fused"):
        assert all(p.grad.abs().max() > 0 for p in model.head.scores[stream].parameters()), stream
    shared = {id(p) for p in model.fusion_parameters()}
    of_all = {stream for stream, part in model.head.scores.items() if shared >= {id(p) for p in part.parameters()}}
    assert of_all == {"fused"}
    model.eval()
    assert "weighs its steps against each other" in reasons_for_a_window(model)
    whole = answer(model, inputs(FRAMES)).step_logits
    *_, last = outputs_by_step(model, inputs(FRAMES), T)
    torch.testing.assert_close(last.step_logits, whole)
    assert "audio" not in answer(model, {m: x for m, x in inputs(FRAMES).items() if m != "audio"}).time_weights


def test_the_scores_of_a_joint_layer_go_with_it() -> None:
    model = built(replace(SMALL, scores=True))
    assert "head.scores.fused.query.weight" in model.used_parameters()
    model.get_submodule(LAYER).get_buffer("kept").fill_(False)
    left = {name for name in model.used_parameters() if name.startswith("head.scores")}
    assert left == {f"head.scores.{m}.{part}.weight" for m in SPEC.modalities for part in ("query", "key")}


def test_scores_need_several_steps_and_a_free_name() -> None:
    with pytest.raises(ColliculusError, match="`scores` is True, which has no effect with one step"):
        replace(SMALL, scores=True, time_steps=1)
    assert not replace(SMALL, scores=True).one_step().scores
    with pytest.raises(ColliculusError, match="cannot be called 'fused'"):
        replace(SMALL, scores=True).model(
            DataSpec(channels={"a": 1, "fused": 1}, sizes={"a": (8, 8), "fused": (8, 8)}, num_classes=2)
        )
