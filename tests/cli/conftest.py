from __future__ import annotations

import json

import pytest

from colliculus.cli import main

TINY = {
    "method.dim": "16",
    "method.heads": "4",
    "method.time-steps": "2",
    "data.num-classes": "2",
    "data.num-train": "8",
    "data.num-validation": "4",
    "data.num-test": "6",
    "data.size": "16",
    "data.steps": "2",
    "train.epochs": "1",
    "train.device": "cpu",
}
TINY_FLAGS = [part for name, value in TINY.items() for part in (f"--{name}", value)]


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The folder of a small run of S-CMRL on synthetic data."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert main(["train", "s-cmrl-synthetic", "--out", str(folder), *TINY_FLAGS]) == 0
    return str(folder)


@pytest.fixture
def tiny_flags():
    return TINY_FLAGS


@pytest.fixture
def answer(capsys):
    """Run the command line; what it printed on stdout and on stderr, each as one line of text."""

    def ask(*arguments, code=0):
        try:
            found = main(arguments)
        except SystemExit as stop:  # how tyro ends after a mistake or --help
            found = stop.code
        printed = capsys.readouterr()
        assert found == code, printed.err
        return tuple(" ".join(text.split()) for text in (printed.out, printed.err))

    return ask


@pytest.fixture
def answer_json(answer):
    """Run the command line with --json; the object it printed."""

    def ask(*arguments):
        out, _ = answer(*arguments, "--json")
        return json.loads(out)

    return ask
