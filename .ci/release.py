"""Set the version everywhere: pyproject.toml, CITATION.cff and CHANGELOG.md.

python .ci/release.py VERSION
"""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
UNRELEASED = re.compile(r"^## \[Unreleased(?:, (?P<version>[\d.]+))?\]$", re.MULTILINE)


def release(root: Path, version: str, today: str) -> None:
    """Write the version into the files below `root`, or none of them.

    Args:
        root: of the repository.
        version: MAJOR.MINOR.PATCH, above the present one; the present one itself while the change log calls it
            unreleased.
        today: date of the release, YYYY-MM-DD.

    Raises:
        ValueError: the version is not above the present one, or there is nothing to release.
    """
    paths = {name: root / name for name in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md")}
    project, citation, changes = (path.read_text("utf-8") for path in paths.values())
    present = _found(r'^version = "(.+?)"', project, "pyproject.toml has no version")
    heading = UNRELEASED.search(changes)
    if heading is None:
        raise ValueError('CHANGELOG.md has no heading "## [Unreleased]": write one, with what has changed below it')
    section = changes[heading.end() :].partition("\n## ")[0]
    if not section.strip():
        raise ValueError('CHANGELOG.md says nothing under "Unreleased": write what has changed')
    if _numbers(version) < _numbers(present) or (version == present and heading["version"] != present):
        raise ValueError(f"the version {version} is not above {present}, the present one: choose a higher one")
    dated = re.sub(r"^date-released: .*\n", "", citation, flags=re.MULTILINE)
    texts = {
        "pyproject.toml": re.sub(r'^version = ".+?"', f'version = "{version}"', project, flags=re.MULTILINE),
        "CITATION.cff": re.sub(
            r"^version: .+$", f"version: {version}\ndate-released: {today}", dated, flags=re.MULTILINE
        ),
        "CHANGELOG.md": UNRELEASED.sub(f"## [Unreleased]\n\n## [{version}] - {today}", changes, count=1),
    }
    for name, path in paths.items():
        path.write_text(texts[name], encoding="utf-8")


def _found(pattern: str, text: str, problem: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise ValueError(problem)
    return match[1]


def _numbers(version: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise ValueError(f"the version {version!r} is not MAJOR.MINOR.PATCH, such as 0.2.0")
    return tuple(map(int, version.split(".")))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python .ci/release.py VERSION")
    try:
        release(ROOT, sys.argv[1], datetime.now(UTC).date().isoformat())
    except ValueError as problem:
        sys.exit(str(problem))
