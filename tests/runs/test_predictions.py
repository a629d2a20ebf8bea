from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from colliculus.runs.predictions import Predictions
from colliculus.types import ColliculusError


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
    assert sum(row["label"] == row["predicted"] for row in rows) == before.correct.sum()
    assert float(rows[3]["probability of owl, tawny"]) == pytest.approx(before.probabilities[3, 0])


LINES = some(3, ("a", "b")).to_csv().splitlines()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "columns"),
        ("\n".join(["index,label", *LINES[1:]]), "columns"),
        ("\n".join([LINES[0], LINES[1], LINES[3]]), "missing or out of order"),
        ("\n".join([*LINES[:-1], LINES[-1][:6]]), "too short"),
        ("\n".join([*LINES[:-1], "2,1,one,0.5,0.5"]), "not a number"),
        ("\n".join([*LINES[:-1], "2,1,2,0.5,0.5"]), "from 0 to 1"),
        ("\n".join([*LINES[:-1], "2,0.5,1,0.5,0.5"]), "from 0 to 1"),
        ("\n".join([*LINES[:-1], "2,1,1,0.5,0.6"]), "sum to 1"),
        ("\n".join([*LINES[:-1], "2,1,1,nan,1"]), "sum to 1"),
    ],
    ids=["empty", "no columns", "a row lost", "cut off", "a word", "a class too many", "half a class", "sum", "nan"],
)
def test_a_damaged_table_is_refused(text, sentence):
    with pytest.raises(ColliculusError, match=sentence):
        Predictions.from_csv(text)
