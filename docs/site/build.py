"""Build the site: gather the pages, write the reference from the code, and run Sphinx with warnings as errors.

    python docs/site/build.py [--to FOLDER] [--work FOLDER] [--execute off] [--links]

The site of a version is in a folder of its own, FOLDER/VERSION, and FOLDER/index.html leads to the newest one.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import gathering
import reference
import tutorials
from packaging.version import InvalidVersion, Version
from sphinx.cmd.build import main as sphinx

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
BUILD = ROOT / "build" / "docs"
REDIRECT = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={0}/index.html">{0}\n'


def pages() -> dict[str, str | bytes]:
    """Every page and picture of the site by its path there."""
    return {**gathering.pages(ROOT), **tutorials.pages(ROOT), **reference.pages()}


def write(files: dict[str, str | bytes], folder: Path) -> None:
    """Make the folder hold just these files; those that stay the same keep their time, so that Sphinx skips them."""
    for old in folder.rglob("*"):
        if old.is_file() and old.relative_to(folder).as_posix() not in files:
            old.unlink()
    for name, content in files.items():
        path, data = folder / name, content.encode() if isinstance(content, str) else content
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def versions(folder: Path) -> Iterator[Version]:
    """Versions whose sites are in the folder."""
    for index in folder.glob("*/index.html"):
        try:
            yield Version(index.parent.name)
        except InvalidVersion:
            continue


def build(to: Path, work: Path, execute: str) -> int:
    """Build the site of this version into a folder of its own in `to`, and return Sphinx's exit status."""
    made = work / f"made-{execute}" / "html"  # beside it the pictures of the notebooks, which a next build needs
    code = run("html", made, work, execute)
    if code == 0:
        release = re.search(r'^version = "(.+?)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
        out = to / (release[1] if release else "unknown")
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(made, out, ignore=shutil.ignore_patterns(".buildinfo*"))
        (to / "index.html").write_text(REDIRECT.format(max(versions(to))), encoding="utf-8")
    return code


def run(builder: str, out: Path, work: Path, execute: str) -> int:
    """Gather the pages and run Sphinx with warnings as errors."""
    source = work / "source"
    write(pages(), source)
    options = ["-W", "--keep-going", "-q", "-b", builder, "-D", f"nb_execution_mode={execute}"]
    return sphinx([*options, "-c", str(HERE), "-d", str(work / f"doctrees-{execute}"), str(source), str(out)])


def main() -> int:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=BUILD / "html", help="folder of the sites of all versions")
    parser.add_argument("--work", type=Path, default=BUILD, help="folder of what the next build need not do again")
    parser.add_argument("--execute", choices=["cache", "off"], default="cache", help="run tutorials that changed")
    parser.add_argument("--links", action="store_true", help="ask for every external link; needs a network")
    options = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the tutorials
    os.environ["COLUMNS"] = os.environ["JUPYTER_COLUMNS"] = "88"  # of help, and of tables in the tutorials
    if options.links:
        return run("linkcheck", options.work / "links", options.work, "off")
    return build(options.to, options.work, options.execute)


if __name__ == "__main__":
    sys.exit(main())
