from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from active import assert_active, awake

from colliculus import ColliculusError, DataSpec
from colliculus.losses import SemanticAlignment
from colliculus.methods import FirstTectum
from colliculus.model import in_float32
from colliculus.modulation import Balance, ScoreBalance
from colliculus.runtime import Runtime

SIZES = {"audio": (16, 16), "visual": (16, 16), "touch": (8, 8)}
SPEC = DataSpec(channels={"audio": 1, "visual": 3, "touch": 1}, sizes=SIZES, num_classes=3)
SMALL = FirstTectum(dim=16, heads=2, encoder="shallow", time_steps=3)
ALONE = Runtime(device=torch.device("cpu"))


def inputs(batch=6):
    generator = torch.Generator().manual_seed(0)
    return {m: torch.randn(SPEC.input_shape(m, batch), generator=generator) for m in SPEC.modalities}


def test_it_exchanges_and_weighs_the_steps() -> None:
    torch.manual_seed(0)
    output = SMALL.model(SPEC)(inputs())
    assert set(output.residual) == set(SPEC.modalities)
    assert set(output.time_weights) == {*SPEC.modalities, "fused"}
    for weights in output.time_weights.values():
        torch.testing.assert_close(weights.sum(0), torch.ones(6))
    torch.testing.assert_close(output.logits, output.step_logits.mean(0))
    torch.testing.assert_close(sum(output.evidence.values()), output.step_logits)
    labels = torch.arange(6) % 3
    losses = SMALL.objective()(output, labels)
    assert losses["alignment"] == SemanticAlignment(SMALL.temperature)(output, labels)


def test_it_aligns_before_it_exchanges() -> None:
    """A modality of fewer steps gives what it gives when these are interpolated to the others' beforehand."""

    def output(method, given):
        torch.manual_seed(0)
        spec = DataSpec(channels=SPEC.channels, sizes=SIZES, num_classes=3, steps={m: len(x) for m, x in given.items()})
        return method.model(spec)(given)  # in training: before any, evaluation is silent

    made = {m: torch.randn(3, 6, *x.shape[1:], generator=torch.Generator().manual_seed(1)) for m, x in inputs().items()}
    assert torch.equal(output(SMALL, made).logits, output(replace(SMALL, alignment="identity"), made).logits)
    shorter = {**made, "touch": made["touch"][:1]}
    found = output(replace(SMALL, modality_steps={"touch": 1}), shorter)
    still = {**made, "touch": made["touch"][:1].expand(3, -1, -1, -1, -1)}
    assert found.step_logits.shape == (3, 6, 3)
    assert not torch.equal(found.logits, output(SMALL, still).logits)  # its neurons saw one step, not three
    with pytest.raises(ColliculusError, match="alignment identity keeps the 1 steps"):
        replace(SMALL, modality_steps={"touch": 1}, alignment="identity").model(SPEC)


@pytest.mark.parametrize("missing", ["audio", "visual", "touch"])
def test_a_modality_may_be_missing(missing) -> None:
    model = awake(SMALL.model(SPEC), inputs())
    output = model({m: x for m, x in inputs().items() if m != missing})
    assert_active(*output.residual.values())
    assert output.logits.isfinite().all()
    assert missing not in output.modality_logits


@pytest.mark.parametrize("autocast", [False, True])
def test_the_balance_of_each_step_reaches_the_encoders_in_any_precision(autocast) -> None:
    """With coefficients of nearly 0 for whichever is ahead, its encoder's gradients change."""

    def gradients(balance):
        torch.manual_seed(0)
        model = SMALL.model(SPEC)
        modulator = balance.modulator()
        modulator.begin_epoch(seed=0, epoch=0, epochs=4, device=torch.device("cpu"))
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            output = model(inputs())
        assert {w.dtype for w in output.time_weights.values()} == {torch.float32}
        labels = torch.arange(6) % 3
        prepared = modulator.before_backward(model, in_float32(output), labels, SMALL.objective(), ALONE)
        torch.stack(list(prepared.losses.values())).sum().backward()
        return {name: p.grad for name, p in model.named_parameters() if name.startswith("encoders")}

    plain = gradients(Balance())
    scaled = gradients(Balance(kind="scores", scores=ScoreBalance(kind="step", beta=50.0)))
    assert any(not torch.equal(plain[name], scaled[name]) for name in plain)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"modality_dropout": 1.0}, "modality_dropout"),
        ({"modality_steps": {"audio": 0}}, "modality_steps"),
        ({"unimodal_weights": {"audio": -1.0}}, "audio's own loss"),
        ({"unimodal_weights": {"audio": 0.0}}, "audio does not learn"),
        ({"balance": Balance(kind="agm")}, "balance agm"),
    ],
)
def test_a_setting_out_of_range_is_named(change, sentence) -> None:
    with pytest.raises(ColliculusError, match=sentence):
        FirstTectum(**change)


def test_data_that_do_not_fit_are_named() -> None:
    with pytest.raises(ColliculusError, match="'audoi': did you mean 'audio'"):
        FirstTectum(dim=16, heads=2, unimodal_weights={"audoi": 0.5}).model(SPEC)
    with pytest.raises(ColliculusError, match="needs two"):
        SMALL.model(DataSpec(channels={"audio": 1}, sizes={"audio": (8, 8)}, num_classes=2))
