"""The pages that are written by hand, with their links led to where the pages are on the site."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

PROJECT = {
    "ARCHITECTURE.md": "project/architecture.md",
    "CHANGELOG.md": "project/changelog.md",
    "CODE_OF_CONDUCT.md": "project/code_of_conduct.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "README.md": "index.md",
    "RESULTS.md": "project/results.md",
    "SECURITY.md": "security.md",
}
"""Pages beside the package, and their place on the site; the README's is the home page, which has its own text."""

LINK = re.compile(
    r"(?P<code>^ *```.*?^ *```$|`[^`\n]+`)"
    r"|(?P<mark>!?)\[(?P<label>[^\]\n]*)\]\((?P<path>(?!\w+:|#)[^)#\s]+)(?P<part>#[^)\s]*)?\)",
    re.MULTILINE | re.DOTALL,
)
"""Code, which is left alone, or a link to another file."""


def pages(root: Path) -> dict[str, str | bytes]:
    """Every page of `docs/` and beside the package by its path on the site, and their pictures."""
    places = {
        path.relative_to(root).as_posix(): path.relative_to(root / "docs").as_posix()
        for path in sorted((root / "docs").rglob("*"))
        if path.suffix in (".md", ".svg", ".png")
    } | {name: place for name, place in PROJECT.items() if (root / name).exists()}
    examples = {f"examples/{p.name}": f"tutorials/{p.stem}.ipynb" for p in root.glob("examples/*.py")}
    found: dict[str, str | bytes] = {}
    for origin, place in places.items():
        if origin in ("README.md", "SECURITY.md"):
            continue
        path = root / origin
        text = path.suffix == ".md"
        found[place] = linked(path.read_text("utf-8"), origin, places | examples) if text else path.read_bytes()
    return found


def linked(text: str, origin: str, places: dict[str, str]) -> str:
    """The page with links to other pages led to their places; a link to code becomes the name of the code.

    Args:
        text: of the page.
        origin: its path in the repository.
        places: path on the site of every page and picture, by its path in the repository.
    """
    here = PurePosixPath(places[origin]).parent

    def lead(link: re.Match[str]) -> str:
        if link["code"]:
            return link["code"]
        target = os.path.normpath(PurePosixPath(origin).parent / link["path"])
        if target in places:
            path = os.path.relpath(places[target], here)
            return f"{link['mark']}[{link['label']}]({path}{link['part'] or ''})"
        return link["label"] if link["label"].startswith("`") else f"`{link['label']}`"

    return LINK.sub(lead, text)
