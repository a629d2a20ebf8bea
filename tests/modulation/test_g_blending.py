from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from begun import begun

from colliculus.methods import TAAF, Tectum
from colliculus.modulation import GBlending, GBlendingSettings, Validation
from colliculus.modulation.g_blending import Losses, blending_weights, unimodal_losses
from colliculus.types import UNIMODAL, ColliculusError, DataSpec


def weights(*heads):
    """Each head: its training and validation loss before, and the same after."""
    start = {str(i): Losses(*head[0]) for i, head in enumerate(heads)}
    end = {str(i): Losses(*head[1]) for i, head in enumerate(heads)}
    found = blending_weights(start, end)
    return found and [*found.values()]


def test_weights_by_hand():
    # gains 1 and 1, overfitting 0.5 and 1: 4 : 1, with mean 1
    assert weights(((2, 2), (0.5, 1)), ((2, 2), (0, 1))) == pytest.approx([1.6, 0.4])
    # gains 0.5 and 1, overfitting 1 and 1
    assert weights(((2, 2), (0.5, 1.5)), ((2, 2), (0, 1))) == pytest.approx([2 / 3, 4 / 3])


def test_a_head_that_gained_nothing_has_no_weight_and_if_none_did_there_are_none():
    assert weights(((2, 2), (1, 2.5)), ((2, 2), (0, 1))) == pytest.approx([0.0, 2.0])
    assert weights(((2, 2), (1, 2.5)), ((2, 2), (0, 2))) is None


def test_a_head_that_overfits_nothing_has_the_whole_weight():
    found = weights(((2, 2), (1, 1)), ((2, 2), (0, 1)))
    assert found[0] == pytest.approx(2.0)
    assert torch.tensor(found).isfinite().all()


def spent(modulator, lab, losses):
    """An epoch of one step that ends with these validation losses; the weights in it."""
    report = lab.backward(modulator)
    modulator.end_epoch(Validation(loss=losses))
    return report


def test_weights_change_after_each_super_epoch(make_lab):
    lab, modulator, found = make_lab(2), GBlending(GBlendingSettings(super_epoch=3)), []
    for epoch in range(8):
        begun(modulator, epoch, epochs=8)
        lab.batch.inputs["visual"] *= 1.1  # other training losses
        validation = {"": 2 - 0.1 * epoch, "audio": 2 - 0.2 * epoch, "visual": 2 - 0.15 * epoch}
        found.append(tuple(spent(modulator, lab, validation).values()))
    assert found[0] == found[1] == found[2] == (1.0, 1.0, 1.0)
    assert found[3] == found[4] == found[5] != found[0]
    assert found[6] == found[7] != found[3]


def test_as_long_as_nothing_is_gained_weights_stay(make_lab):
    lab, modulator = make_lab(2), GBlending(GBlendingSettings(super_epoch=1))
    for epoch in range(3):
        report = spent(begun(modulator, epoch), lab, dict.fromkeys(("", "audio", "visual"), 2.0 + epoch))
        assert set(report.values()) == {1.0}


def test_the_training_losses_are_means_over_samples(make_lab):
    """Two batches of other sizes in the first epoch; the loss of the head by hand."""
    lab, modulator = make_lab(2), begun(GBlending(GBlendingSettings()))
    whole, total = lab.batch, 0.0
    for rows in (slice(0, 4), slice(4, 6)):
        lab.batch = replace(whole, inputs={m: x[rows] for m, x in whole.inputs.items()}, labels=whole.labels[rows])
        output = lab.model(lab.batch.inputs)
        own = output.modality_logits["audio"].mean(0)
        total += sum((row.logsumexp(0) - row[y]).item() for row, y in zip(own, lab.batch.labels, strict=True))
        lab.backward(modulator)
    modulator.end_epoch(Validation(loss={"": 3.0, "audio": 2.0, "visual": 1.0}))
    assert modulator.state()["start"]["audio"] == pytest.approx([total / 6, 2.0])


def test_its_memory_goes_on(make_lab):
    lab = make_lab(2)
    first, second = (GBlending(GBlendingSettings(super_epoch=2)) for _ in range(2))
    for epoch in range(3):
        lab.batch.inputs["visual"] *= 1.2
        spent(begun(first, epoch), lab, {"": 2 - 0.1 * epoch, "audio": 2 - 0.2 * epoch, "visual": 1.0})
    second.restore(first.state())
    for epoch in (3, 4):
        losses = {"": 1.5 - 0.1 * epoch, "audio": 1.0, "visual": 2 - 0.3 * epoch}
        lab.batch.inputs["visual"] *= 1.2
        for modulator in (first, second):
            spent(begun(modulator, epoch), lab, losses)
    assert second.state() == first.state()
    assert set(first.state()["weights"].values()) != {1.0}


SPEC = DataSpec(channels={"audio": 1, "visual": 2}, sizes=dict.fromkeys(("audio", "visual"), (8, 8)), num_classes=3)


@pytest.mark.parametrize(
    "method", [TAAF(dim=8, encoder="shallow", time_steps=2), Tectum(dim=8, time_steps=2, encoder="shallow")]
)
def test_the_loss_of_each_head_is_found_in_any_objective(method):
    torch.manual_seed(0)
    model, objective = method.model(SPEC), method.objective()
    output = model({m: 3 * torch.randn(4, c, 8, 8) for m, c in SPEC.channels.items()})
    labels = torch.tensor([0, 1, 2, 0])
    found, terms = unimodal_losses(output, labels, objective), objective(output, labels)
    together = sum(loss for name, loss in terms.items() if name.startswith(UNIMODAL))
    assert [*found] == ["audio", "visual"]
    assert found["audio"] != found["visual"]
    torch.testing.assert_close(found["audio"] + found["visual"], together)


def test_without_own_heads_it_is_refused(make_lab):
    with pytest.raises(ColliculusError, match=r"g-blending .* unimodal_loss"):
        make_lab(2, unimodal_loss=0.0).backward(GBlending(GBlendingSettings()))


def test_settings_out_of_range_are_refused():
    assert GBlendingSettings(super_epoch=1).super_epoch == 1
    with pytest.raises(ColliculusError, match="super_epoch"):
        GBlendingSettings(super_epoch=0)
