"""The examples as pages that are notebooks, and as notebooks and scripts to download."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

ORDER = (
    "own_training_loop",
    "own_dataset",
    "own_fusion_and_loss",
    "three_sensors",
    "compare_two_methods",
    "look_inside",
    "export_and_stream",
)
"""The tutorials as the index lists them."""

DOWNLOAD = "Download: {{download}}`notebook <../downloads/{0}.ipynb>`, {{download}}`script <../downloads/{0}.py>`"


def pages(root: Path) -> dict[str, str | bytes]:
    """A page of each example, and its files to download."""
    found: dict[str, str | bytes] = {}
    for name in ORDER:
        script = (root / "examples" / f"{name}.py").read_text("utf-8")
        book = notebook(script)
        found[f"downloads/{name}.py"] = script
        found[f"downloads/{name}.ipynb"] = nbformat.writes(book)
        book.cells.insert(1, _numbered(new_markdown_cell(DOWNLOAD.format(name)), "download"))
        found[f"tutorials/{name}.ipynb"] = nbformat.writes(book)
    return found


def notebook(script: str) -> NotebookNode:
    """A script in the percent format as a notebook, the titles of its cells as headings."""
    book = jupytext.reads(script, fmt="py:percent")
    book.metadata = nbformat.from_dict(
        {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    cells: list[NotebookNode] = []
    for cell in book.cells:
        if title := cell.metadata.pop("title", ""):
            cells.append(new_markdown_cell(f"## {title}"))
        cells.append(cell)
    book.cells = [_numbered(cell, str(i)) for i, cell in enumerate(cells)]
    return book


def _numbered(cell: NotebookNode, number: str) -> NotebookNode:
    """The cell with a name that is the same in every build, where nbformat draws one."""
    cell.id = f"cell-{number}"
    return cell
