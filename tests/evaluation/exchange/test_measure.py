from __future__ import annotations

import numpy as np
import pytest
import torch

from colliculus.evaluation import contribution as room
from colliculus.evaluation.contribution import Contribution, contribution
from colliculus.evaluation.exchange import measure
from colliculus.evaluation.exchange.measure import batch_size
from colliculus.evaluation.exchange.modules import derangement
from colliculus.evaluation.inference import classify
from colliculus.evaluation.trained_run import open_run
from colliculus.types import ColliculusError


def test_the_decisions_of_the_interventions(scmrl):
    found = contribution(scmrl).exchange
    effect, labels = found.interventions, scmrl.data.test.labels
    trained = scmrl.classify(scmrl.data.test).predicted
    scmrl.model.fusion.alpha = 0.0
    without = scmrl.classify(scmrl.data.test).predicted
    assert (effect.total, effect.accuracy) == (11, (trained == labels).mean())
    assert effect.zeroed.accuracy == (without == labels).mean()
    assert effect.zeroed.changed == (without != trained).sum() > 0
    assert effect.modules == ("fusion.attention.audio_from_visual", "fusion.attention.visual_from_audio")
    assert min(effect.residual_size.values()) > 0.01
    assert found.additivity.clips == 11
    assert found.additivity.accuracy == effect.accuracy


def test_shuffled_clips_are_spread_over_the_part(scmrl):
    """The batches hold clips in random order; within each, clips receive from each other."""
    rows = np.random.default_rng(0).permutation(11)
    predicted = np.zeros(11, dtype=np.int64)
    for first in range(0, 11, 6):  # batches of 5 would leave a single clip
        chosen = rows[first : first + 6]
        inputs = scmrl.batch(scmrl.data.test, chosen).inputs
        partner = derangement(len(chosen))
        with torch.no_grad():
            model = scmrl.model
            tokens = {m: encoder(model.coding[m](inputs[m])) for m, encoder in model.encoders.items()}
            joint = 0
            for m, sender in (("audio", "visual"), ("visual", "audio")):
                received = model.fusion.attention[f"{m}_from_{sender}"](tokens[m], tokens[sender][:, partner])
                stream = tokens[m] + 2.0 * model.fusion.semantic[m](received)
                joint = joint + model.fusion.mlp[m](stream).mean(-1)
            predicted[chosen] = model.head.linear(joint).mean(0).argmax(1).numpy()
    trained = scmrl.classify(scmrl.data.test).predicted
    found = contribution(scmrl, clips=0).exchange.interventions.shuffled
    assert found.changed == (predicted != trained).sum() > 0
    assert found.accuracy == (predicted == scmrl.data.test.labels).mean()


def test_noise_of_the_training_is_kept(noisy):
    test = noisy.data.test
    predicted = measure._classify(noisy, test)
    assert predicted.tolist() == noisy.classify(test).predicted.tolist()
    assert predicted.tolist() != classify(noisy.model, test, batch_size=5).predicted.tolist()


@pytest.mark.parametrize("lost", ["zeroed", "shuffled", "trained", "pulls"])
def test_a_kill_costs_no_more_than_a_part(scmrl, monkeypatch, lost):
    first = contribution(scmrl)
    done = []
    for name in ("_classify", "measure_pulls"):
        made = getattr(measure, name)
        monkeypatch.setattr(measure, name, lambda *given, made=made, name=name: done.append(name) or made(*given))
    (scmrl.folder / "contribution" / "exchange" / f"{lost}.json").unlink()
    assert contribution(scmrl) == first
    assert done == ["measure_pulls" if lost == "pulls" else "_classify"]


def test_no_exchange_and_a_single_modality(trained_folder, scmrl, monkeypatch):
    found = contribution(open_run(trained_folder, "cpu"))
    assert found.exchange.interventions is None
    assert found.exchange.additivity.interaction_share == pytest.approx(0, abs=1e-9)
    assert "no exchange that could be switched off" in str(found.table())
    monkeypatch.setattr(scmrl.model, "modalities", ("audio",))
    assert measure.measure_exchange(scmrl, scmrl.data.test, scmrl.data.train, 8, None) is None


def test_zero_clips_leave_emap_out(scmrl):
    found = contribution(scmrl, clips=0)
    assert found.exchange.additivity is None
    assert "EMAP" not in str(found.table())
    assert Contribution.read(scmrl.folder / Contribution.FILE) == found


@pytest.mark.parametrize("clips", [-3, 1])
def test_a_wrong_number_of_clips_is_refused_first(scmrl, clips, monkeypatch):
    monkeypatch.setattr(room, "measure_passes", None)
    with pytest.raises(ColliculusError, match=f"clips is {clips}: give at least 2, or 0"):
        contribution(scmrl, clips=clips)


@pytest.mark.parametrize("wanted", [1, 2, 3, 64])
@pytest.mark.parametrize("total", range(2, 12))
def test_no_batch_is_a_single_clip(wanted, total):
    size = batch_size(wanted, total)
    assert size >= wanted
    assert 1 not in [len(range(first, min(first + size, total))) for first in range(0, total, size)]
