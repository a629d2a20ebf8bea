"""What a page shows works: its Python runs as it stands, block after block, and its commands are understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from types import SimpleNamespace

import pytest
import tyro

from colliculus.cli import main
from colliculus.presets import preset

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [page for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if BLOCK.search(page.read_text("utf-8"))]
COMMANDS = sorted(
    {
        line.strip()
        for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
        for block in re.findall(r"^ *```bash\n(.*?)^ *```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
        if line.strip().startswith("colliculus ")
    }
)


class Understood(Exception):  # noqa: N818 - no error
    """A verb was found and has read its options; it need not do its work."""


def run(page: str) -> dict[str, object]:
    names: dict[str, object] = {"__name__": "__example__"}
    for block in BLOCK.finditer(page):
        # leading empty lines, so that a failure tells the line of the page
        lines_before = page.count("\n", 0, block.start(1))
        exec(compile("\n" * lines_before + block[1], "page", "exec"), names)  # noqa: S102 - the pages are ours
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run(page.read_text("utf-8"))


def test_the_readme_has_an_example() -> None:
    assert ROOT / "README.md" in PAGES


def test_blocks_share_their_names_and_fail_aloud() -> None:
    assert run("```python\na = 1\n```\n```bash\nls\n```\n```python\nb = a + 1\n```\n")["b"] == 2
    with pytest.raises(ZeroDivisionError):
        run("```python\n1 / 0\n```\n")


@pytest.fixture
def understand(monkeypatch: pytest.MonkeyPatch):
    """Run a command up to the reading of its options; a run it names is one on AV-Digits."""
    cli, trained = tyro.cli, SimpleNamespace(experiment=preset("s-cmrl-av-digits"))

    def read(*arguments, **settings):
        cli(*arguments, **settings)
        raise Understood

    monkeypatch.setattr(tyro, "cli", read)
    monkeypatch.setattr("colliculus.runs.run.read_run", lambda _folder: trained)
    return lambda command: main(shlex.split(command, comments=True)[1:])


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_a_page_are_understood(understand, command: str) -> None:
    with pytest.raises(Understood):
        understand(command)


@pytest.mark.parametrize("wrong", ["tarin x", "train s-cmrl-digits --out x", "evaluate runs/x --snr 0", "show a b"])
def test_a_wrong_command_is_not(understand, wrong: str) -> None:
    try:
        code = understand(f"colliculus {wrong}")
    except SystemExit as stop:  # how tyro ends
        code = stop.code
    assert code == 2
