"""House rule: every dependency has a row that says why it is there."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path


def name_of(requirement: str) -> str:
    return re.split(r"[^\w-]", requirement, maxsplit=1)[0].lower()


def declared(root: Path) -> set[str]:
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return {name_of(requirement) for requirements in lists for requirement in requirements} - {project["name"]}


def mismatches(requirements: set[str], page: str) -> Iterator[str]:
    rows = {name.lower() for name in re.findall(r"^\| `([\w-]+)", page, re.MULTILINE)}
    yield from (f"{name}: say in docs/dependencies.md why it is needed" for name in sorted(requirements - rows))
    yield from (f"{name}: no longer in pyproject.toml, take out its row" for name in sorted(rows - requirements))


def test_every_dependency_is_accounted_for(root: Path) -> None:
    broken = list(mismatches(declared(root), (root / "docs" / "dependencies.md").read_text("utf-8")))
    assert not broken, "\n".join(broken)


def test_a_missing_and_a_stale_row_are_noticed() -> None:
    assert name_of("torch>=2.6,<3") == "torch"
    assert len(list(mismatches({"torch", "numpy"}, "| `torch` | computes |\n| `scipy` | filters |\n"))) == 2
