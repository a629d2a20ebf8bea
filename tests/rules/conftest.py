"""What the house rules read: the modules of the package and the text of the repository."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "colliculus"
NOT_OURS = {".git", ".venv", "build", "runs", "shared", "__pycache__"}


@dataclass(frozen=True)
class Module:
    """One file of the package; `name` is its path below `src/colliculus`."""

    name: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)


def repository_files() -> Iterator[Path]:
    """The files git tracks or would track; without git (an unpacked archive) all that are not made by a program."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split("\0")
        paths = (ROOT / name for name in listed if name)
    except (OSError, subprocess.CalledProcessError):
        paths = (p for p in ROOT.rglob("*") if not NOT_OURS.intersection(p.relative_to(ROOT).parts))
    return (path for path in paths if path.is_file())


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def modules() -> list[Module]:
    return [Module(str(path.relative_to(SOURCE)), path.read_text("utf-8")) for path in sorted(SOURCE.rglob("*.py"))]


@pytest.fixture(scope="session")
def texts() -> dict[str, str]:
    """The text files of the repository by their path from its root."""
    found: dict[str, str] = {}
    for path in repository_files():
        try:
            found[str(path.relative_to(ROOT))] = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # a picture or a recording
    return found


@pytest.fixture(scope="session")
def pages(texts: dict[str, str]) -> dict[str, str]:
    """The Markdown pages; the change log is left out, for it tells of what was."""
    return {name: text for name, text in texts.items() if name.endswith(".md") and name != "CHANGELOG.md"}
