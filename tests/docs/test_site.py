"""The site: every page is reached, links lead somewhere, the reference is complete, drawings are up to date."""

from __future__ import annotations

import ast
import doctest
import importlib.util
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

import colliculus as cl
from colliculus.cli import VERBS
from colliculus.presets import PRESETS

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "site"
TOCTREE = re.compile(r"```\{toctree\}\n(?::[^\n]*\n)*\n?(.*?)```", re.DOTALL)


def tool(name: str):
    """A module of `docs/site`, which is no package."""
    specification = importlib.util.spec_from_file_location(name, SITE / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def listed(page: Path) -> set[str]:
    """Pages in the tables of contents of a page, by their path from `docs`."""
    entries = [line for block in TOCTREE.findall(page.read_text("utf-8")) for line in block.split()]
    return {(page.parent / entry).relative_to(ROOT / "docs").as_posix() for entry in entries}


def test_every_page_is_in_a_table_of_contents() -> None:
    gathering = tool("gathering")
    written = {name for name in gathering.pages(ROOT) if name.endswith(".md")}
    reached = {f"{name}.md" for name in listed(ROOT / "docs" / "index.md")}
    assert "project/results.md" in written
    assert written - reached == {"index.md"}


def test_every_example_is_a_tutorial() -> None:
    examples = {path.stem for path in ROOT.glob("examples/*.py")} - {"demo"}
    assert listed(ROOT / "docs" / "tutorials" / "index.md") == {f"tutorials/{name}" for name in examples}
    tree = ast.parse((SITE / "tutorials.py").read_text("utf-8"))
    (order,) = (n.value for n in tree.body if isinstance(n, ast.Assign) and n.targets[0].id == "ORDER")
    assert sorted(ast.literal_eval(order)) == sorted(examples)


def test_links_lead_to_the_places_of_the_site() -> None:
    places = {"docs/a/x.md": "a/x.md", "RESULTS.md": "project/results.md", "docs/pictures/p.svg": "pictures/p.svg"}
    text = (
        "[r](../../RESULTS.md#here) ![p](../pictures/p.svg) [code](../../src/y.py) [w](https://w.org/z.md) [up](#part)"
        "\n```python\nf[0](x)\n```\n`f[0](x)`"
    )
    assert tool("gathering").linked(text, "docs/a/x.md", places) == (
        "[r](../project/results.md#here) ![p](../pictures/p.svg) `code` [w](https://w.org/z.md) [up](#part)"
        "\n```python\nf[0](x)\n```\n`f[0](x)`"
    )


def test_the_drawings_are_those_of_the_program() -> None:
    drawings = tool("drawings")
    for name, draw in drawings.DRAWINGS.items():
        assert (drawings.FOLDER / f"{name}.svg").read_text("utf-8") == draw().svg(), "run python docs/site/drawings.py"


@pytest.mark.parametrize(("name", "needs"), [("conf", "sphinx"), ("helptext", "colliculus"), ("settings", "sphinx")])
def test_the_examples_of_the_tools_run(name: str, needs: str) -> None:
    pytest.importorskip(needs)
    found = doctest.testmod(tool(name))
    assert found.attempted > 0
    assert not found.failed


@pytest.mark.parametrize("verb", ["audit", "sweep"])
def test_the_page_of_a_verb_has_all_that_its_help_says(verb: str) -> None:
    helptext = tool("helptext")
    text = helptext.help_of([verb, "--help"])
    usage, description, options = helptext.parts(text)
    assert usage.startswith(f"usage: colliculus {verb}")
    assert options.startswith("positional arguments:\n")
    assert "\noptions:\n" in options
    shown = re.sub(r"[`\\:]", "", f"{usage} {description} {options}").split()
    assert shown == re.sub(r"[`:]| -{5,} *$", "", text, flags=re.MULTILINE).split()


def test_every_setting_of_every_preset_is_on_a_page() -> None:
    pytest.importorskip("sphinx")
    from colliculus.files.documents import flat
    from colliculus.runs.document import experiment_to_plain

    pages = tool("settings").pages()
    for name, preset in PRESETS.items():
        method = name.removesuffix(f"-{preset.data}")
        rows = rows_of(pages[f"reference/presets/method-{method}.md"]) | rows_of(
            pages[f"reference/presets/data-{preset.data}.md"]
        )
        for key, value in flat(experiment_to_plain(preset.experiment)).items():
            if not key.endswith(".name"):
                other = preset.data if key.startswith("method.") else method
                shown = " ".join(map(str, value)) if isinstance(value, list) else str(value)
                assert value_at(rows[f"--{key.replace('_', '-')}"], other) == shown, (name, key)


def rows_of(page: str) -> dict[str, str]:
    """Cells of values by setting."""
    return dict(re.findall(r"^\| `(--[\w.-]+)` \| (.*?) \| ", page, re.MULTILINE))


def value_at(cell: str, name: str) -> str:
    """The value that a cell gives a preset: one that names it, or the first."""
    usual, *others = cell.split("; ")
    chosen = next(
        (value for value, _, names in (o.partition(": ") for o in others) if name in names.split(", ")), usual
    )
    return "" if chosen == "empty" else chosen.strip("`")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site of this version, built without running the tutorials, which are run by other tests."""
    for name in ("sphinx", "myst_nb", "jupytext", "furo", "sphinx_copybutton"):
        pytest.importorskip(name, reason="the site needs pip install 'colliculus[docs]'")
    folder, work = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("work")
    command = [sys.executable, str(SITE / "build.py"), "--execute", "off", "--to", str(folder), "--work", str(work)]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_site_is_built_without_warnings_and_is_complete(site) -> None:
    (home,) = site.glob("*/index.html")
    assert f"url={home.parent.name}/index.html" in (site / "index.html").read_text("utf-8")
    inventory = (home.parent / "objects.inv").read_bytes().split(b"\n", 4)[4]
    known = zlib.decompress(inventory).decode()
    assert not {name for name in cl.__all__ if not re.search(rf"^colliculus\.{name} py:", known, re.MULTILINE)}
    reference = home.parent / "reference"
    assert all((reference / "commands" / f"{verb}.html").exists() for verb in VERBS)
    downloads = [path.name for path in (home.parent / "_downloads").rglob("*.*")]
    assert sum(name.endswith(".ipynb") for name in downloads) == sum(name.endswith(".py") for name in downloads) == 7


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_page_asks_no_other_server(site) -> None:
    pages = [*site.glob("*/**/*.html")]
    assert len(pages) > 100
    for page in pages:
        text = page.read_text("utf-8")
        asked = re.findall(
            r"<(?:script|img|iframe)[^>]+src=\"(https?:[^\"]+)|<link[^>]+rel=\"stylesheet\"[^>]+href=\"(https?:[^\"]+)",
            text,
        )
        assert not asked, page
