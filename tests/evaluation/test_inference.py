from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from torch import nn

from colliculus.data.noise import GaussianNoise
from colliculus.data.user_data import SplitRows
from colliculus.evaluation.inference import batches, classify, inference_mode
from colliculus.runs.metrics import Metrics
from colliculus.runtime import Runtime
from colliculus.types import ColliculusError, Output

CPU = torch.device("cpu")


@dataclass
class Rank:
    """One of several processes; its tensors for `sum` are kept, so that a test can play the others."""

    rank: int = 0
    world_size: int = 1
    others: list[torch.Tensor | int] = field(default_factory=lambda: [1, 0, 0])
    given: list[torch.Tensor] = field(default_factory=list)

    def sum(self, value):
        self.given.append(value)
        return value + self.others[len(self.given) - 1]


class Loudest(nn.Module):
    """Classifies by the loudest channel and notes its inputs."""

    def __init__(self, spec):
        super().__init__()
        self.spec, self.modalities, self.seen = spec, spec.modalities, []
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, inputs):
        assert not self.training
        assert not torch.is_grad_enabled()
        self.seen.append(inputs)
        logits = next(iter(inputs.values())).flatten(1)[:, :3]
        return Output(logits=logits, step_logits=logits[None], evidence={})


def logits_of(model, split, row, modalities=("audio", "visual")):
    """A plain loop over one clip."""
    inputs = split.batch(np.array([row]), epoch=0).inputs
    with torch.no_grad():
        return model.eval()({m: x for m, x in inputs.items() if m in modalities}).logits[0]


@pytest.mark.parametrize("missing", [(), ("audio",)])
@pytest.mark.parametrize("batch_size", [4, 32])
def test_predictions_are_those_of_a_plain_loop(model, split, missing, batch_size):
    found = classify(model, split, batch_size=batch_size, missing=missing)
    given = [m for m in ("audio", "visual") if m not in missing]
    rows = [logits_of(model, split, i, given) for i in range(len(split))]
    assert found.labels.tolist() == split.labels.tolist()
    assert found.predicted.tolist() == [int(row.argmax()) for row in rows]
    assert len(set(found.predicted.tolist())) > 1
    np.testing.assert_allclose(found.probabilities, [row.softmax(0).tolist() for row in rows], rtol=1e-4)
    expected = [row.softmax(0)[label].item() for row, label in zip(rows, split.labels, strict=True)]
    assert found.true_probability == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("world_size", [2, 3, 16])
@pytest.mark.parametrize("corruption", [None, GaussianNoise({"audio": 0.0, "visual": -5.0})], ids=["clean", "noisy"])
def test_ranks_classify_every_sample_once_and_agree_with_one_process(model, split, world_size, corruption):
    alone = classify(model, split, batch_size=5, corruption=corruption)
    ranks = [Rank(rank, world_size) for rank in range(world_size)]
    for rank in ranks:
        classify(model, split, batch_size=2, corruption=corruption, collective=rank)
    classes, probabilities, losses = (sum(rank.given[i] for rank in ranks) for i in range(3))
    assert (classes[:, 0] - 1).tolist() == alone.predicted.tolist()
    for i, own in enumerate(alone.modality_predicted.values()):
        assert (classes[:, 1 + i] - 1).tolist() == own.tolist()
    np.testing.assert_allclose(probabilities.numpy(), alone.probabilities, rtol=1e-4)
    np.testing.assert_allclose(losses / len(split), [*alone.losses.values()], rtol=1e-4)


def test_predictions_of_each_modality_alone_are_those_of_a_plain_loop(model, split):
    found = classify(model, split, batch_size=4)
    outputs = [model.eval()(split.batch(np.array([i]), epoch=0).inputs) for i in range(len(split))]
    for m in ("audio", "visual"):
        chosen = [output.evidence[m].mean(0).argmax().item() for output in outputs]
        assert found.modality_predicted[m].tolist() == chosen
        assert Metrics.of(found).modality_accuracy[m] == np.mean(np.array(chosen) == split.labels)


def test_losses_are_those_of_a_plain_loop(model, split):
    found = classify(model, split, batch_size=4)
    outputs = [model.eval()(split.batch(np.array([i]), epoch=0).inputs) for i in range(len(split))]
    for name in ("", "audio", "visual"):
        logits = [(output.evidence[name].mean(0) if name else output.logits)[0] for output in outputs]
        each = [(row.logsumexp(0) - row[y]).item() for row, y in zip(logits, split.labels, strict=True)]
        assert found.losses[name] == pytest.approx(sum(each) / len(split), rel=1e-5)
    assert [*classify(model, split, batch_size=4, missing=("visual",)).losses] == ["", "audio"]


def test_a_modality_alone_predicts_by_its_own_head_and_not_at_all_when_it_is_missing(model, split):
    class OwnHeads(nn.Module):
        """Sound always predicts class 2, whatever the shares are."""

        def __init__(self):
            super().__init__()
            self.spec, self.modalities, self.model = model.spec, model.modalities, model

        def forward(self, inputs):
            output = self.model(inputs)
            second = torch.tensor([0.0, 0.0, 1.0]).expand_as(output.step_logits)
            return replace(output, modality_logits=dict.fromkeys(inputs, second))

    found = classify(OwnHeads(), split, batch_size=4, missing=("visual",))
    assert {m: own.tolist() for m, own in found.modality_predicted.items()} == {"audio": [2] * len(split)}


@pytest.mark.parametrize("training", [True, False])
def test_the_model_classifies_in_eval_mode_and_returns_to_its_own(model, split, training):
    spy = Loudest(model.spec).train(training)
    classify(spy, split, batch_size=4)
    assert spy.training is training
    assert [len(inputs["audio"]) for inputs in spy.seen] == [4, 4, 3]


def test_a_missing_modality_is_withheld(model, split):
    spy = Loudest(model.spec)
    classify(spy, split, batch_size=20, missing=("visual",))
    assert [list(inputs) for inputs in spy.seen] == [["audio"]]


@pytest.mark.parametrize(
    ("missing", "sentence"), [(("visul",), "mean 'visual'"), (("visual", "audio"), "at least one")]
)
def test_nonsense_cannot_be_missing(model, split, missing, sentence):
    with pytest.raises(ColliculusError, match=sentence):
        classify(model, split, batch_size=4, missing=missing)


def test_an_empty_split_is_refused(model, split):
    with pytest.raises(ColliculusError, match="no sample"):
        classify(model, SplitRows(split, np.arange(0)), batch_size=4)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_model_that_diverged_has_no_predictions(model, split, bad):
    with torch.no_grad():
        model.head.linear.weight.fill_(bad)
    with pytest.raises(ColliculusError, match="not finite"):
        classify(model, split, batch_size=4)


@pytest.mark.parametrize("rank", [0, 1])
def test_one_sample_that_is_not_finite_is_an_error_on_every_rank(model, split, rank):
    def corrupt(inputs, rows):
        first = torch.from_numpy(rows == 0).view(-1, 1, 1, 1)
        return {m: x.masked_fill(first, torch.nan) for m, x in inputs.items()}

    def ask(collective):
        classify(Loudest(model.spec), split, batch_size=4, collective=collective, corruption=corrupt)

    other = Rank(1 - rank, 2)
    ask(other)
    with pytest.raises(ColliculusError, match="not finite"):
        ask(Rank(rank, 2, others=other.given))


def test_noise_reaches_only_its_modality(model, split):
    def asked(**snr_db):
        noise = GaussianNoise(snr_db) if snr_db else None
        return classify(model, split, batch_size=4, missing=("audio",), corruption=noise).probabilities

    assert np.array_equal(asked(), asked(audio=-20.0))
    assert not np.array_equal(asked(), asked(visual=-20.0))


@pytest.mark.parametrize("rows", [None, np.array([7, 2, 9, 0, 3])])
def test_batches_give_every_row_to_one_rank(split, rows):
    got = []
    for rank in range(2):
        here = Runtime(device=CPU, rank=rank, world_size=2)
        got += list(batches(split, rows, batch_size=2, device=CPU, collective=here))
    expected = np.arange(len(split)) if rows is None else rows
    assert sorted(np.concatenate([chosen for chosen, _ in got]).tolist()) == sorted(expected.tolist())
    for chosen, batch in got:
        assert len(chosen) <= 2
        assert torch.equal(batch.inputs["audio"], split.batch(chosen, epoch=0).inputs["audio"])


def test_random_numbers_are_fixed_inside_and_untouched_outside(model):
    state = torch.get_rng_state()
    drawn = []
    for _ in range(2):
        with inference_mode(model):
            drawn.append(torch.rand(3))
    assert torch.equal(*drawn)
    assert torch.equal(torch.get_rng_state(), state)
