from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from torch import nn

from colliculus.data.noise import GaussianNoise
from colliculus.evaluation.evaluate import evaluate
from colliculus.types import ColliculusError, Output

CPU = torch.device("cpu")


@dataclass
class Rank:
    """One of several processes; what it hands to `sum` is kept, so that a test can play the others."""

    rank: int = 0
    world_size: int = 1
    others: torch.Tensor | int = 0
    given: list[torch.Tensor] = field(default_factory=list)

    def sum(self, value):
        self.given.append(value)
        return value + self.others


class Loudest(nn.Module):
    """Classifies by the channel that is loudest; notes what it was given."""

    def __init__(self, spec):
        super().__init__()
        self.spec, self.modalities, self.seen = spec, spec.modalities, []

    def forward(self, inputs):
        assert not self.training
        assert not torch.is_grad_enabled()
        self.seen.append(inputs)
        logits = next(iter(inputs.values())).flatten(1)[:, :3]
        return Output(logits=logits, step_logits=logits[None], evidence={})


def test_the_figures_are_those_of_a_plain_loop(model, split):
    model.eval()
    with torch.no_grad():
        chosen = [model(split.batch(np.array([i]), epoch=0).inputs).logits.argmax().item() for i in range(len(split))]
    assert len(set(chosen)) > 1
    metrics = evaluate(model, split, batch_size=4, collective=Rank(), device=CPU)
    assert metrics.correct == sum(a == b for a, b in zip(chosen, split.labels, strict=True))
    assert [sum(column) for column in zip(*metrics.confusion, strict=True)] == [chosen.count(k) for k in range(3)]
    assert [c.name for c in metrics.per_class] == ["a", "b", "c"]


@pytest.mark.parametrize("world_size", [2, 3, 16])
@pytest.mark.parametrize("corruption", [None, GaussianNoise({"audio": 0.0, "visual": -5.0})], ids=["clean", "noisy"])
def test_ranks_count_every_sample_once_and_agree_with_one_process(model, split, world_size, corruption):
    alone = evaluate(model, split, batch_size=5, collective=Rank(), device=CPU, corruption=corruption)
    ranks = [Rank(rank, world_size, others=len(split)) for rank in range(world_size)]
    for rank in ranks:
        evaluate(model, split, batch_size=2, collective=rank, device=CPU, corruption=corruption)
    together = sum(rank.given[0] for rank in ranks)
    assert together.tolist() == [list(row) for row in alone.confusion]
    assert together.sum() == len(split)


def test_what_each_modality_has_right_alone_is_that_of_a_plain_loop(model, split):
    ranks = [Rank(rank, 2, others=len(split)) for rank in range(2)]
    for rank in ranks:
        evaluate(model, split, batch_size=2, collective=rank, device=CPU)
    found = evaluate(model, split, batch_size=4, collective=Rank(), device=CPU).modality_accuracy
    outputs = [model.eval()(split.batch(np.array([i]), epoch=0).inputs) for i in range(len(split))]
    for m, modality in enumerate(("audio", "visual")):
        chosen = [output.evidence[modality].mean(0).argmax().item() for output in outputs]
        right = sum(a == b for a, b in zip(chosen, split.labels, strict=True))
        assert found[modality] == right / len(split)
        assert sum(rank.given[1] for rank in ranks)[m].tolist() == [right, len(split)]


def test_a_modality_answers_by_its_own_head_where_it_has_one_and_not_at_all_when_it_is_missing(model, split):
    class OwnHeads(nn.Module):
        """Sound always says class 2, whatever the shares are."""

        def __init__(self):
            super().__init__()
            self.spec, self.modalities = model.spec, model.modalities

        def forward(self, inputs):
            output = model(inputs)
            second = torch.tensor([0.0, 0.0, 1.0]).expand_as(output.step_logits)
            return replace(output, modality_logits=dict.fromkeys(inputs, second))

    found = evaluate(OwnHeads(), split, batch_size=4, collective=Rank(), device=CPU, missing=("visual",))
    assert found.modality_accuracy == {"audio": sum(split.labels == 2) / len(split)}


@pytest.mark.parametrize("training", [True, False])
def test_the_model_classifies_in_eval_mode_and_keeps_its_own(model, split, training):
    spy = Loudest(model.spec).train(training)
    evaluate(spy, split, batch_size=4, collective=Rank(), device=CPU)
    assert spy.training is training
    assert [len(inputs["audio"]) for inputs in spy.seen] == [4, 4, 3]


def test_a_missing_modality_is_withheld(model, split):
    spy = Loudest(model.spec)
    evaluate(spy, split, batch_size=20, collective=Rank(), device=CPU, missing=("visual",))
    assert [list(inputs) for inputs in spy.seen] == [["audio"]]


@pytest.mark.parametrize(
    ("missing", "sentence"), [(("visul",), "mean 'visual'"), (("visual", "audio"), "at least one")]
)
def test_nonsense_cannot_be_missing(model, split, missing, sentence):
    with pytest.raises(ColliculusError, match=sentence):
        evaluate(model, split, batch_size=4, collective=Rank(), device=CPU, missing=missing)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_model_that_diverged_has_no_figures(model, split, bad):
    with torch.no_grad():
        model.head.linear.weight.fill_(bad)
    with pytest.raises(ColliculusError, match="not finite"):
        evaluate(model, split, batch_size=4, collective=Rank(), device=CPU)


@pytest.mark.parametrize("rank", [0, 1])
def test_one_answer_that_is_not_finite_is_told_on_every_rank(model, split, rank):
    def spoil(inputs, rows):
        first = torch.from_numpy(rows == 0).view(-1, 1, 1, 1)
        return {m: x.masked_fill(first, torch.nan) for m, x in inputs.items()}

    def ask(collective):
        evaluate(Loudest(model.spec), split, batch_size=4, collective=collective, device=CPU, corruption=spoil)

    other = Rank(1 - rank, 2, others=len(split))
    ask(other)
    with pytest.raises(ColliculusError, match="not finite"):
        ask(Rank(rank, 2, others=other.given[0]))
