from __future__ import annotations

import csv
import io

import numpy as np
import pytest
import torch

from colliculus.evaluation.evaluate import evaluate_clips
from colliculus.runs.predictions import Predictions
from colliculus.types import ColliculusError


class OneRank:
    """Stands for one of several processes; what it hands to `sum` is kept."""

    def __init__(self, rank=0, world_size=1, others=0):
        self.rank, self.world_size, self.others, self.given = rank, world_size, others, []

    def sum(self, value):
        self.given.append(value)
        return value + self.others


def ask(model, split, rank, batch_size=4):
    cpu = torch.device("cpu")
    return evaluate_clips(
        model, split, batch_size=batch_size, collective=rank, device=cpu, corruption=None, missing=()
    ).predictions


def test_each_clip_gets_the_answer_a_plain_loop_gives_it(model, split):
    found = ask(model, split, OneRank())
    with torch.no_grad():
        logits = [model.eval()(split.batch(np.array([i]), epoch=0).inputs).logits[0] for i in range(len(split))]
    assert found.labels.tolist() == split.labels.tolist()
    assert found.predicted.tolist() == [int(row.argmax()) for row in logits]
    assert len(set(found.predicted.tolist())) > 1
    np.testing.assert_allclose(found.probabilities, [row.softmax(0).tolist() for row in logits], rtol=1e-5)
    assert found.right.sum() == sum(int(r.argmax()) == label for r, label in zip(logits, split.labels, strict=True))


def test_the_ranks_fill_each_row_once(model, split):
    alone = ask(model, split, OneRank())
    ranks = [OneRank(rank, 3, others=len(split)) for rank in range(3)]
    for rank in ranks:
        ask(model, split, rank, batch_size=2)
    assert sum(rank.given[2] for rank in ranks).tolist() == alone.predicted.tolist()
    np.testing.assert_allclose(sum(rank.given[3] for rank in ranks), alone.probabilities, rtol=1e-5)


def some(num_clips=50, names=("owl, tawny", 'the "fox"', "7")):
    random = np.random.default_rng(0)
    shares = random.dirichlet(np.ones(len(names)), num_clips).astype(np.float32)
    return Predictions(random.integers(0, len(names), num_clips), shares.argmax(axis=1), shares, names)


def test_a_table_comes_back_in_every_digit():
    before = some()
    after = Predictions.from_csv(before.to_csv())
    assert after.names == before.names
    for name in ("labels", "predicted", "probabilities"):
        there, back = getattr(before, name), getattr(after, name)
        assert back.dtype == there.dtype
        np.testing.assert_array_equal(back, there)


def test_another_program_reads_the_table():
    before = some()
    rows = list(csv.DictReader(io.StringIO(before.to_csv())))
    assert [int(row["index"]) for row in rows] == list(range(50))
    assert sum(row["label"] == row["predicted"] for row in rows) == before.right.sum()
    assert float(rows[3]["probability of owl, tawny"]) == pytest.approx(before.probabilities[3, 0])


LINES = some(3, ("a", "b")).to_csv().splitlines()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "columns"),
        ("\n".join(["index,label", *LINES[1:]]), "columns"),
        ("\n".join([LINES[0], LINES[1], LINES[3]]), "not all there"),
        ("\n".join([*LINES[:-1], LINES[-1][:6]]), "too few cells"),
        ("\n".join([*LINES[:-1], "2,1,one,0.5,0.5"]), "no number"),
        ("\n".join([*LINES[:-1], "2,1,2,0.5,0.5"]), "from 0 to 1"),
        ("\n".join([*LINES[:-1], "2,0.5,1,0.5,0.5"]), "from 0 to 1"),
        ("\n".join([*LINES[:-1], "2,1,1,0.5,0.6"]), "sum to 1"),
        ("\n".join([*LINES[:-1], "2,1,1,nan,1"]), "sum to 1"),
    ],
    ids=["empty", "no columns", "a row lost", "cut off", "a word", "a class too many", "half a class", "sum", "nan"],
)
def test_a_damaged_table_is_told(text, told):
    with pytest.raises(ColliculusError, match=told):
        Predictions.from_csv(text)
