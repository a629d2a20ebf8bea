from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from colliculus.corpus.sample import Sample
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
    assert all(row["class"] == before.names[int(row["label"])] for row in rows)
    assert all(row["predicted class"] == before.names[int(row["predicted"])] for row in rows)
    assert float(rows[3]["probability of owl, tawny"]) == pytest.approx(before.probabilities[3, 0])


LINES = some(3, ("a", "b")).to_csv().splitlines()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "columns"),
        ("\n".join(["index,label", *LINES[1:]]), "columns"),
        ("\n".join([LINES[0], LINES[1], LINES[3]]), "missing or out of order"),
        ("\n".join([*LINES[:-1], LINES[-1][:6]]), "too short"),
        ("\n".join([*LINES[:-1], "2,1,one,b,a,0.5,0.5"]), "not a number"),
        ("\n".join([*LINES[:-1], "2,1,2,b,a,0.5,0.5"]), "from 0 to 1"),
        ("\n".join([*LINES[:-1], "2,0.5,1,b,a,0.5,0.5"]), "from 0 to 1"),
        ("\n".join([*LINES[:-1], "2,1,1,b,b,0.5,0.6"]), "sum to 1"),
        ("\n".join([*LINES[:-1], "2,1,1,b,b,nan,1"]), "sum to 1"),
    ],
    ids=["empty", "no columns", "a row lost", "cut off", "a word", "a class too many", "half a class", "sum", "nan"],
)
def test_a_damaged_table_is_refused(text, sentence):
    with pytest.raises(ColliculusError, match=sentence):
        Predictions.from_csv(text)


def test_a_clip_has_its_name_its_files_and_the_choice_of_each_modality():
    alone = {"audio": np.array([2, 0]), "visual": np.array([1, 1])}
    shares = np.float32([[0.2, 0.3, 0.5], [0.9, 0.1, 0.0]])
    found = Predictions(np.array([1, 0]), np.array([2, 0]), shares, ("owl", "fox", "cat"), alone)
    clips = [
        Sample(name="fox/a, b", label="fox", files={"audio": "fox/a, b.wav", "visual": "fox/a, b.png"}),
        Sample(name="owl/1", label="owl", files={"audio": "owl/1.mp4", "visual": "owl/1.mp4"}),
    ]
    first, second = csv.DictReader(io.StringIO(found.to_csv(clips)))
    assert (first["clip"], first["files"]) == ("fox/a, b", "fox/a, b.wav | fox/a, b.png")
    assert (second["clip"], second["files"]) == ("owl/1", "owl/1.mp4")
    assert (first["class"], first["predicted class"]) == ("fox", "cat")
    assert (first["predicted by audio"], first["predicted by visual"], second["predicted by audio"]) == (
        "cat",
        "fox",
        "owl",
    )
    np.testing.assert_array_equal(Predictions.from_csv(found.to_csv(clips)).probabilities, shares)


def test_seconds_of_clips_come_back_in_every_digit():
    spans = [(12345.678, 12345.678901234), (np.float64(1) / 3, None)]
    clips = [
        Sample(name=str(i), label="a", files={"audio": "a.wav"}, start_s=start, end_s=end)
        for i, (start, end) in enumerate(spans)
    ]
    rows = list(csv.DictReader(io.StringIO(some(2, ("a", "b")).to_csv(clips))))
    assert [float(row["start"]) for row in rows] == [start for start, _ in spans]
    assert float(rows[0]["end"]) == spans[0][1]
    assert rows[1]["end"] == ""


def test_a_table_of_an_earlier_version_is_read():
    before = some(3, ("a", "b"))
    rows = list(csv.reader(io.StringIO(before.to_csv())))
    former = "\n".join(",".join([*row[:3], *row[5:]]) for row in rows)
    assert former.startswith("index,label,predicted,probability of a")
    np.testing.assert_array_equal(Predictions.from_csv(former).probabilities, before.probabilities)
