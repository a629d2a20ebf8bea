from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from colliculus.evaluation.exchange import pairings
from colliculus.evaluation.exchange.pairings import Pairings, measure_additivity, num_clips
from colliculus.evaluation.inference import inference_mode
from colliculus.evaluation.trained_run import open_run
from colliculus.files.cache import Cache
from colliculus.heads import LinearReadout
from colliculus.model import MultimodalSNN
from colliculus.types import Batch, DataSpec, Fused


def slow_grid(run, rows):
    """Logits of the whole network for every pairing, one at a time, under the noise of the training."""
    batch, first, second = run.batch(run.data.test, rows).inputs, *run.model.modalities
    with inference_mode(run.model):
        return np.array(
            [
                [
                    run.model({first: batch[first].narrow(-4, i, 1), second: batch[second].narrow(-4, j, 1)})
                    .logits[0]
                    .tolist()
                    for j in range(len(rows))
                ]
                for i in range(len(rows))
            ]
        )


@pytest.mark.parametrize("name", ["scmrl", "noisy"])
def test_the_grid_is_that_of_the_whole_network(request, name):
    run, rows = request.getfixturevalue(name), np.array([1, 2, 5, 9])
    expected = slow_grid(run, rows)
    assert len(np.unique(expected.round(4))) > 16
    grid = Pairings(run, run.data.test, rows)
    found = np.concatenate([grid.logits(0, 3), grid.logits(3, 3)])
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_noise_changes_the_grid(scmrl, noisy):
    rows = np.arange(3)
    clean, found = (Pairings(run, run.data.test, rows).logits(0, 3) for run in (scmrl, noisy))
    assert np.abs(clean - found).max() > 0.01


class Signs(nn.Module):
    """A stream (1, B, 1, 1) of the mean of its input."""

    def forward(self, x):
        return x.mean((-2, -1))[..., None]


class Meeting(nn.Module):
    """A fusion that combines two or three streams to one feature."""

    def __init__(self, combine):
        super().__init__()
        self.combine = combine

    def forward(self, tokens):
        return Fused(joint=self.combine(*[x.squeeze(-1) for x in tokens.values()]), parts={})


class OneStep(nn.Module):
    def forward(self, x):
        return x[None]


def hand_made(combine, values):
    """A stand-in for a run: a network without spikes whose logits are z and -z, z = combine(one value per modality)."""
    spec = DataSpec(channels=dict.fromkeys(values, 1), sizes={}, num_classes=2)
    model = MultimodalSNN(
        spec,
        coding={m: OneStep() for m in values},
        encoders={m: Signs() for m in values},
        fusion=Meeting(combine),
        head=LinearReadout(1, 2),
    )
    with torch.no_grad():
        model.head.linear.weight.copy_(torch.tensor([[1.0], [-1.0]]))

    class Split:
        labels = np.array([0, 1, 1, 0] * 2)

        def __len__(self):
            return 8

        def batch(self, rows, epoch):
            inputs = {m: torch.tensor(x * 2)[rows].view(-1, 1, 1, 1).expand(-1, 1, 4, 4) for m, x in values.items()}
            return Batch(inputs, torch.from_numpy(self.labels[rows]))

    train = SimpleNamespace(batch_size=3)
    run = SimpleNamespace(model=model, experiment=SimpleNamespace(train=train), device=torch.device("cpu"), noise=None)
    return run, Split()


XOR = {"audio": [1.0, 1.0, -1.0, -1.0], "visual": [1.0, -1.0, 1.0, -1.0]}


def test_an_exclusive_or_is_all_interaction(tmp_path):
    run, split = hand_made(lambda a, v: a * v, XOR)
    found = measure_additivity(run, split, 8, Cache(tmp_path, {}))
    assert (found.interaction_share, found.pairings) == (1, 64)
    assert (found.accuracy, found.additive_accuracy, found.changed) == (1.0, 0.5, 4)


def test_a_sum_is_none(tmp_path):
    run, split = hand_made(lambda a, v: a + 0.5 * v, XOR)
    found = measure_additivity(run, split, 8, Cache(tmp_path, {}))
    assert found.interaction_share == pytest.approx(0, abs=1e-9)
    assert (found.accuracy, found.additive_accuracy, found.changed) == (0.5, 0.5, 0)


def test_of_three_modalities_the_grid_is_complete(tmp_path):
    """z = a + v t of balanced signs: half of the variance is interaction. 23 ** (2 / 3) = 8.09 clips."""
    run, split = hand_made(lambda a, v, t: a + v * t, XOR | {"tactile": [1.0, 1.0, -1.0, -1.0]})
    found = measure_additivity(run, split, 23, Cache(tmp_path, {}))
    assert (found.clips, found.pairings) == (8, 512)
    assert found.interaction_share == pytest.approx(0.5)


def test_late_fusion_is_a_sum(trained_folder, tmp_path):
    run = open_run(trained_folder, "cpu")
    found = measure_additivity(run, run.data.test, 12, Cache(tmp_path, {}))
    assert found.interaction_share == pytest.approx(0, abs=1e-9)
    assert (found.clips, found.changed) == (12, 0)


def test_a_kill_costs_no_more_than_a_block(scmrl, tmp_path, monkeypatch):
    monkeypatch.setattr(pairings, "BLOCK", 22)  # two of eleven clips
    cache, measured, logits = Cache(tmp_path, {"run": 1}), [], Pairings.logits

    def counted(grid, start, count):
        measured.append(start)
        return logits(grid, start, count)

    monkeypatch.setattr(Pairings, "logits", counted)
    whole = measure_additivity(scmrl, scmrl.data.test, 128, cache)
    assert measured == [0, 2, 4, 6, 8, 10]
    (tmp_path / "pairings-11-4.json").unlink()
    assert measure_additivity(scmrl, scmrl.data.test, 128, cache) == whole
    assert measured[6:] == [4]
    assert whole.interaction_share > 1e-4


def test_the_clips_are_always_the_same_and_a_single_one_has_no_pairing(scmrl, tmp_path):
    first, second = (measure_additivity(scmrl, scmrl.data.test, 6, Cache(tmp_path / n, {})) for n in "ab")
    assert first == second
    assert (first.clips, num_clips(8, 3, 99), num_clips(2, 5, 99)) == (6, 4, 2)
    assert measure_additivity(scmrl, [0], 6, Cache(tmp_path, {})) is None
