"""RESULTS.md has a place for every table that a study writes, and names programs that exist."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


@pytest.fixture
def study(monkeypatch):
    """The module that the studies share, which is no part of the package."""
    path = ROOT / "benchmarks" / "study.py"
    specification = importlib.util.spec_from_file_location("study", path)
    module = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, "study", module)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_programs_a_page_names_exist(page) -> None:
    for name in re.findall(r"benchmarks/\w+\.py", page.read_text("utf-8")):
        assert (ROOT / name).exists()


def test_every_table_has_one_place_and_something_in_it() -> None:
    text = (ROOT / "RESULTS.md").read_text("utf-8")
    names = re.findall(r"^<!-- (?!end of )(.+) -->$", text, re.MULTILINE)
    assert len(set(names)) == len(names) > 5
    for name in names:
        assert len(re.findall(rf"<!-- {name} -->\n.+?\n<!-- end of {name} -->", text, re.DOTALL)) == 1, name


def test_a_table_takes_the_place_of_the_one_before(study, tmp_path, capsys) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- end of x -->\nb\n<!-- y -->\n<!-- end of y -->\n")
    tables = study.Tables(into=page)
    tables.publish("x", [r"| \1 |", "| 2 |"])
    tables.publish("y", ["z"])
    assert page.read_text() == (
        "a\n<!-- x -->\n| \\1 |\n| 2 |\n<!-- end of x -->\nb\n<!-- y -->\nz\n<!-- end of y -->\n"
    )
    assert capsys.readouterr().out == "x:\n\n| \\1 |\n| 2 |\n\ny:\n\nz\n\n"


def test_a_table_without_a_place_is_refused_and_nothing_is_lost(study, tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n")
    with pytest.raises(SystemExit, match="0 places for the table x"):
        study.Tables(into=page).publish("x", ["1"])
    assert page.read_text() == "a\n"
