"""The Python a page shows runs as it stands: the blocks of a page, one after another, as a reader would type them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = [page for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")] if BLOCK.search(page.read_text("utf-8"))]


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
