"""The scripts in `examples/` run from top to bottom on small settings, and open as notebooks."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = [p for p in sorted(Path(__file__).parents[2].glob("examples/*.py")) if p.name != "demo.py"]
SMALL = {"EPOCHS": 1, "SAMPLES": 36, "SIZE": 16, "SEEDS": 2}


def shrunk(source: str) -> ast.Module:
    """The script with its constants at the top made small."""
    tree = ast.parse(source)
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple):
            names = [name.id for name in node.targets[0].elts]
            if set(names) <= set(SMALL):
                node.value = ast.Tuple([ast.Constant(SMALL[name]) for name in names], ast.Load())
                return ast.fix_missing_locations(tree)
    raise AssertionError(f"no line of constants {', '.join(SMALL)}")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_a_script_runs(script, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = ModuleType("example")  # dataclasses look their module up by name
    monkeypatch.setitem(sys.modules, "example", module)
    exec(compile(shrunk(script.read_text("utf-8")), str(script), "exec"), vars(module))  # noqa: S102 - ours
    printed = capsys.readouterr().out
    assert "%" in printed  # an accuracy
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_a_script_is_short_and_opens_as_a_notebook(script):
    lines = script.read_text("utf-8").splitlines()
    assert len(lines) < 60
    assert lines[0] == "# %% [markdown]"
    cells = [i for i, line in enumerate(lines) if line.startswith("# %%")]
    assert len(cells) >= 5
    assert all(after - before > 1 for before, after in zip(cells, [*cells[1:], len(lines)], strict=True))


def test_the_seven_scripts_are_there():
    assert len(SCRIPTS) == 7
