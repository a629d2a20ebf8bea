"""Tectum in time: no step looks ahead, and streams with steps of their own are aligned before they meet."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from active import assert_active
from small_tectum import EXCHANGES, KINDS, SMALL, SPEC, K, T, answer, built, inputs

from colliculus import ColliculusError
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
