"""House rule: the mutants that `benchmarks/known_mutants.py` names exist, so that none is lost when a line changes."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mutants(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import mutants

    yield mutants
    sys.modules.pop("mutants")


def test_named_mutants_change_a_text_that_stands_once(mutants) -> None:
    assert len(mutants.named_mutants()) == len(mutants.NAMED)


def test_equivalent_mutants_change_a_line_that_is_there(mutants) -> None:
    lines: dict[str, list[str]] = {}
    for name in mutants.EQUIVALENT:
        file, _, change = name.partition(": ")
        if file not in lines:
            tree = ast.parse((mutants.SOURCE / file).read_text("utf-8"))
            lines[file] = [line.strip() for line in ast.unparse(tree).splitlines()]
        assert change.partition(" -> ")[0] in lines[file], name
