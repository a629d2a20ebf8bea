"""What every method owes: any number of modalities, of any size, one or more of them missing."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import get_args

import pytest
import torch
from active import assert_active, awake, with_currents
from small_methods import read_by

from colliculus import ColliculusError, DataSpec
from colliculus.fusion import ReadoutWeights
from colliculus.methods import CMCI, METHODS
from colliculus.methods.multimodal_transformer import MultimodalTransformer
from colliculus.modulation import Balance
from colliculus.neurons import NeuronKind, NeuronSettings

SPEC = DataSpec(
    channels={"audio": 1, "visual": 3, "touch": 2},
    sizes={"audio": (32, 32), "visual": (32, 48), "touch": (16, 16)},
    num_classes=4,
)
MULTIMODAL = {name: kind for name, kind in METHODS.items() if issubclass(kind, MultimodalTransformer)}
REFERENCE = {name: kind for name, kind in METHODS.items() if "arithmetic" in {field.name for field in fields(kind)}}


def small(kind, **changes):
    return kind(**read_by(kind, {"dim": 16, "heads": 4, "time_steps": 3} | changes))


def inputs(batch=4):
    generator = torch.Generator().manual_seed(0)
    return {m: torch.randn(SPEC.input_shape(m, batch), generator=generator) for m in SPEC.modalities}


@pytest.mark.parametrize("name", METHODS)
def test_three_modalities_learn(name) -> None:
    method = small(METHODS[name])
    torch.manual_seed(0)
    model = method.model(SPEC)
    with_currents(model, 1.0)
    output = model({m: x for m, x in inputs().items() if m in model.modalities})
    assert output.logits.shape == (4, 4)
    torch.testing.assert_close(output.logits, output.step_logits.mean(0))
    losses = method.objective()(output, torch.arange(4))
    sum(losses.values()).backward()
    for m in model.modalities:
        assert any(p.grad is not None and p.grad.abs().max() > 0 for p in model.encoders[m].parameters()), m


@pytest.mark.parametrize("neuron", [NeuronSettings(kind=kind) for kind in get_args(NeuronKind)], ids=lambda n: n.kind)
@pytest.mark.parametrize("name", METHODS)
def test_every_kind_of_neuron_reaches_all_parameters(name, neuron) -> None:
    method = small(METHODS[name], neuron=neuron)
    torch.manual_seed(0)
    model = method.model(SPEC)
    with_currents(model, 1.0)
    given = {m: x for m, x in inputs().items() if m in model.modalities}
    output = model(given)
    torch.stack(list(method.objective()(output, torch.arange(4)).values())).sum().backward()
    # a normalisation takes the bias before it away: its gradient is rounding alone, and may be 0
    idle = [n for n, p in model.named_parameters() if p.grad is None or not (p.grad.any() or n.endswith("linear.bias"))]
    # the share of an alignment's neurons starts at 0: their time constants wait for it
    idle = [n for n in idle if "alignments" not in n or not n.endswith("leak_logit")]
    # steps of a network without states are equal, so that no score of theirs changes the loss but by rounding
    assert [n for n in idle if neuron.kind != "relu" or "head.attention" not in n] == []
    assert_active(output.logits)


@pytest.mark.parametrize("name", MULTIMODAL)
def test_shares_of_the_evidence_sum_where_there_are_any(name) -> None:
    output = awake(small(MULTIMODAL[name]).model(SPEC), inputs())(inputs())
    assert_active(*output.streams.values())
    assert bool(output.evidence) == MULTIMODAL[name].has_shares
    if output.evidence:
        torch.testing.assert_close(sum(output.evidence.values()), output.step_logits)


@pytest.mark.parametrize("missing", [("audio",), ("visual",), ("touch",), ("audio", "touch")])
@pytest.mark.parametrize("name", MULTIMODAL)
def test_a_modality_may_be_missing(name, missing) -> None:
    model = awake(small(MULTIMODAL[name], unimodal_loss=1.0).model(SPEC), inputs())
    there = {m: x for m, x in inputs().items() if m not in missing}
    output = model(there)
    assert output.logits.isfinite().all()
    assert_active(*output.streams.values())
    assert set(output.modality_logits) == set(there)


@pytest.mark.parametrize("name", MULTIMODAL)
def test_own_heads_and_dropout_are_for_all(name) -> None:
    method = small(MULTIMODAL[name], unimodal_loss=0.5, modality_dropout=0.5)
    torch.manual_seed(0)
    output = method.model(SPEC)(inputs())
    assert {m: x.shape for m, x in output.modality_logits.items()} == dict.fromkeys(SPEC.modalities, (3, 4, 4))
    losses = method.objective()(output, torch.arange(4))
    whole = replace(method, unimodal_loss=1.0).objective()(output, torch.arange(4))
    torch.testing.assert_close(2 * losses["unimodal"], whole["unimodal"])


@pytest.mark.parametrize("name", REFERENCE)
def test_the_reference_is_another_arithmetic(name) -> None:
    def logits(arithmetic):
        torch.manual_seed(0)
        model = small(METHODS[name], arithmetic=arithmetic, unimodal_loss=1.0).model(SPEC)
        return model({m: x for m, x in inputs().items() if m in model.modalities}).logits

    assert not torch.equal(logits("reference"), logits("ours"))


@pytest.mark.parametrize("name", ["s-cmrl", "sca"])
def test_exchange_needs_two(name) -> None:
    with pytest.raises(ColliculusError, match="Unimodal"):
        small(METHODS[name]).model(DataSpec(channels={"audio": 1}, sizes={"audio": (16, 16)}, num_classes=2))


@pytest.mark.parametrize(
    "setting", [{"unimodal_loss": -1.0}, {"modality_dropout": 1.0}, {"unimodal_loss": float("nan")}]
)
@pytest.mark.parametrize("name", MULTIMODAL)
def test_settings_are_checked(name, setting) -> None:
    with pytest.raises(ColliculusError, match=next(iter(setting))):
        small(MULTIMODAL[name], **setting)


def test_the_reference_cmci_always_has_its_heads() -> None:
    with pytest.raises(ColliculusError, match="unimodal_loss"):
        CMCI(arithmetic="reference")


def test_a_balance_that_asks_for_shares_is_refused_where_there_are_none() -> None:
    with pytest.raises(ColliculusError, match="agm needs shares"):
        small(CMCI, balance=Balance(kind="agm"))
    with pytest.raises(ColliculusError, match="ogm-ge needs each modality's predictions"):
        small(CMCI, balance=Balance(kind="ogm-ge"))
    assert small(CMCI, balance=Balance(kind="ogm-ge"), unimodal_loss=1.0)


@pytest.mark.parametrize("name", METHODS)
def test_one_step_is_the_same_network_with_one_step(name) -> None:
    method = small(METHODS[name])
    one = method.one_step().model(SPEC).eval()
    assert one(inputs()).step_logits.shape[0] == 1
    assert shapes(one, steps=1) == shapes(method.model(SPEC), steps=1)


def shapes(model, steps):
    """Shapes of all that does not align steps; of weights for each step, those of the first ones."""
    weighted = {name: part for name, part in model.named_modules() if isinstance(part, ReadoutWeights)}
    of_steps = {f"{name}.change": part.change[:, :steps] for name, part in weighted.items()}
    values = model.state_dict() | of_steps
    return {name: tuple(x.shape) for name, x in values.items() if "alignments" not in name}


def test_one_step_is_that_of_every_modality() -> None:
    method = small(METHODS["taaf"], modality_steps={"audio": 5}).one_step()
    assert (method.time_steps, method.modality_steps) == (1, {})
