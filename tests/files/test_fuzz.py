"""The program `benchmarks/fuzz.py` for a moment: its corpus is valid, and mutations end in a sentence."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from colliculus.types import ColliculusError

ROOT = Path(__file__).parents[2]
REFUSED = {"d.yaml", "r", "s", "a.gif"}
"""Files that hold too little for their reader, or whose reader needs a name that the test does not give."""


@pytest.fixture
def fuzz(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return pytest.importorskip("fuzz")


@pytest.mark.filterwarnings("ignore")
def test_each_file_of_the_corpus_is_read_and_its_mutations_are_read_or_refused(fuzz, tmp_path):
    for number, reader in enumerate(fuzz.corpus(tmp_path)):
        path = tmp_path / reader.name
        path.write_bytes(reader.content)
        if reader.name not in REFUSED:
            reader.read(path)
        for seed in range(8):
            content = fuzz.mutated(reader.content, np.random.default_rng([seed, number]))
            path.write_bytes(content)
            with suppress(ColliculusError):
                reader.read(path)


def test_a_mutation_differs_and_depends_on_its_seed_alone(fuzz):
    content = bytes(range(256))
    made = [fuzz.mutated(content, np.random.default_rng(seed)) for seed in range(20)]
    assert made == [fuzz.mutated(content, np.random.default_rng(seed)) for seed in range(20)]
    assert len(set(made)) > 15


def test_a_failure_of_a_reader_is_reported(fuzz, monkeypatch):
    def broken(path):
        raise ZeroDivisionError

    monkeypatch.setattr(fuzz, "corpus", lambda folder: [fuzz.Reader("x", b"abc", broken)])
    done, failures = fuzz.attack(0, seed=0, seconds=0.2)
    assert done
    assert "FAILED x, seed 0: ZeroDivisionError" in failures[0]
