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


@pytest.mark.parametrize(
    ("status", "output", "fault"), [(1, "", "status 1"), (2, "Traceback (most recent call last)", "traceback")]
)
def test_a_command_that_fails_on_a_mutated_file_is_reported(fuzz, tmp_path, monkeypatch, status, output, fault):
    from command_fuzz import Commands

    ran: list[tuple[str, ...]] = []

    def run(self, arguments):
        ran.append(arguments)
        return (0, "") if len(ran) < 3 else (status, output)  # the training, and the command on the valid file

    monkeypatch.setattr(Commands, "_run", run)
    content = {"a.flac": b"f" * 99, "a.wav": b"w" * 99}
    commands = Commands(tmp_path, content, fuzz.mutated)
    (failure,) = commands.failures(1)
    assert failure.startswith(f"FAILED prepare with odd/a.wav/odd/x/a.wav, seed 1: {fault}")
    assert [arguments[0] for arguments in ran] == ["train", "prepare", "prepare"]
    assert (tmp_path / "odd/a.wav/odd/x/a.wav").read_bytes() == content["a.wav"]
