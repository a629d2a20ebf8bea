"""House rules on text: what a page names exists, and nothing names the machine it was written on."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

import pytest

from colliculus.presets import PRESETS

CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])(?:/(?:work|home|root|Users|opt|mnt|scratch)|[A-Z]:\\Users)[/\\]\w+")
OURS = re.compile(r"(?:(?:src|tests|docs|benchmarks|examples|\.ci)/[\w./-]*|[\w./-]+\.(?:py|md|cff))")


def machine_paths(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for path in MACHINE_PATH.findall(line):
            yield f"{number}: {path} exists on one machine only: write a path relative to the repository"


def paths_named(text: str) -> set[str]:
    """Links, and code spans that look like a file or a room of this repository."""
    return set(LINK.findall(text)) | {span for span in CODE.findall(text) if OURS.fullmatch(span)}


def missing_paths(text: str, exists: Callable[[str], bool]) -> Iterator[str]:
    for path in sorted(paths_named(text)):
        if not exists(path):
            yield f"{path} does not exist: mend the page, or write the file it promises"


def missing_presets(text: str, presets: Collection[str], datasets: Collection[str]) -> Iterator[str]:
    """Presets told to the command line (`colliculus train NAME`), and code spans that end like one (`x-av-digits`)."""
    named = set(re.findall(r"colliculus train ([a-z][\w-]*)", text))
    named |= {span for span in CODE.findall(text) if re.fullmatch(rf"[a-z-]+-(?:{'|'.join(datasets)})", span)}
    for name in sorted(named - set(presets)):
        yield f"the preset {name} does not exist: `colliculus show presets` lists those that do"


def test_no_text_names_a_machine(texts) -> None:
    broken = [f"{name}:{line}" for name, text in texts.items() for line in machine_paths(text)]
    assert not broken, "\n".join(broken)


def test_paths_named_in_pages_exist(pages, root: Path) -> None:
    def broken(page: str) -> Iterator[str]:
        places = (root / page).parent, root, root / "src" / "colliculus"
        return missing_paths(pages[page], lambda path: any((place / path).exists() for place in places))

    lines = [f"{page}: {line}" for page in pages for line in broken(page)]
    assert not lines, "\n".join(lines)


def test_every_room_is_on_the_map(root: Path) -> None:
    package = root / "src" / "colliculus"
    rooms = [*package.glob("[!_]*.py"), *(door.parent for door in package.glob("*/__init__.py"))]
    named = paths_named((root / "ARCHITECTURE.md").read_text("utf-8"))
    missing = {room.relative_to(root).as_posix() for room in rooms} - named
    assert not missing, f"ARCHITECTURE.md does not link to {sorted(missing)}: give each a row"


def known(page: str) -> set[str]:
    """Presets that a page may name; that of the template has presets with its own parts (`tests/plugins`)."""
    return {*PRESETS, *(("gated-synthetic", "late-fusion-two-beeps") if page.startswith("examples/plugin/") else ())}


def test_presets_named_in_pages_exist(pages) -> None:
    data = {preset.data for preset in PRESETS.values()}
    lines = [f"{page}: {line}" for page, text in pages.items() for line in missing_presets(text, known(page), data)]
    assert not lines, "\n".join(lines)


def test_the_version_is_the_same_everywhere(root: Path) -> None:
    version = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert f"\nversion: {version}\n" in (root / "CITATION.cff").read_text("utf-8")
    assert f"{version}]" in (root / "CHANGELOG.md").read_text("utf-8")


@pytest.mark.parametrize("path", ["/" + "home/ada/clips", "/" + "work/x", "C:" + "\\Users\\ada"])
def test_a_machine_path_is_noticed(path: str) -> None:
    assert list(machine_paths(f"root = '{path}'"))


@pytest.mark.parametrize(
    "text", ["../shared/data", "src/home/ada", "https://example.org/home/x", "#!/usr/bin/env python"]
)
def test_other_paths_pass(text: str) -> None:
    assert not list(machine_paths(text))


def test_a_missing_path_is_noticed() -> None:
    text = "see `docs/gone.md`, [here](docs/lost.md), `neurons/lif.py`, `tokens/s`, `run.yaml` and [web](https://example.org)"
    assert paths_named(text) == {"docs/gone.md", "docs/lost.md", "neurons/lif.py"}
    assert len(list(missing_paths(text, lambda path: path == "neurons/lif.py"))) == 2


def test_a_missing_preset_is_noticed() -> None:
    text = "colliculus train s-cmrl-gone --out RUN, then `audio-toys` and `s-cmrl-toys`, not `best-on-validation`"
    assert len(list(missing_presets(text, {"s-cmrl-toys"}, {"toys"}))) == 2
