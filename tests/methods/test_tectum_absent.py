"""Tectum without some of its modalities: missing from a batch, or dropped from samples of a training."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from active import assert_active
from small_tectum import EXCHANGES, LAYER, SMALL, SPEC, answer, built, inputs

from colliculus.layers import ModalityDropout
from colliculus.methods.tectum import JointSettings


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
