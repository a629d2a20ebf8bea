"""The reference of the command line: what `--help` prints, verb by verb."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator

from colliculus.cli import VERBS, main
from colliculus.corpus.recipes import RECIPES
from colliculus.export.targets import TARGETS

CHOICES = {
    "prepare": [["prepare", name, "--help"] for name in RECIPES],
    "export": [["export", "--to", name, "--help"] for name in TARGETS],
}
"""Commands whose help has more options than that of the bare verb."""

SECTION = re.compile(r"^ (?P<title>\S.*?) *\n -{5,} *$", re.MULTILINE)
RULE = re.compile(r"^ +-{5,} *\n", re.MULTILINE)
"""The line below the description of a section."""
MARKS = re.compile(r"(`[^`]*`)|(?<!\w)(--\w[\w.-]*\w)|([<*\[_|])")
"""Code, options, and characters that mean something in Markdown."""


def pages() -> dict[str, str]:
    """A page for each verb, and the list of them."""
    rows = "\n".join(f"| [{verb}]({verb}.md) | {does} |" for verb, does in VERBS.items())
    index = (
        "# Command line\n\n`colliculus VERB`, or `python -m colliculus VERB`.\n\n"
        f"| verb | does |\n|---|---|\n{rows}\n\n```{{toctree}}\n:hidden:\n\n" + "\n".join(VERBS) + "\n```\n"
    )
    return {
        "reference/commands/index.md": index,
        **{f"reference/commands/{verb}.md": "\n".join(_page(verb)) for verb in VERBS},
    }


def _page(verb: str) -> Iterator[str]:
    usage, description, options = parts(help_of([verb, "--help"]))
    yield f"# {verb}\n\n```text\n{usage}\n```\n\n{description}\n\n```text\n{options}\n```\n"
    if verb == "train":
        yield "The settings of every preset, with their help: [presets](../presets/index.md).\n"
    for command in CHOICES.get(verb, []):
        usage, description, options = parts(help_of(command))
        yield f"## {' '.join(command[:-1])}\n\n```text\n{options}\n```\n"


def help_of(command: list[str]) -> str:
    """Text that a command prints when asked for help."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main(command)
    return printed.getvalue()


def parts(text: str) -> tuple[str, str, str]:
    r"""Usage line, description in Markdown, and options.

    Example:
        >>> parts("usage: x [-h]\n\nDo `y` --now [z].\n\n options   \n --------- \n  --now  yes  \n")
        ('usage: x [-h]', 'Do `y` `--now` \\[z].', 'options:\n  --now  yes')
    """
    usage, _, rest = text.partition("\n\n")
    first = SECTION.search(rest)
    begin = first.start() if first else len(rest)
    options = RULE.sub("", SECTION.sub(lambda section: f"{section['title']}:", rest[begin:]))
    plain = "\n".join(line.rstrip() for line in options.splitlines())
    return usage.strip(), MARKS.sub(_marked, rest[:begin].strip()), re.sub(r"\n{3,}", "\n\n", plain).strip()


def _marked(found: re.Match[str]) -> str:
    code, option, mark = found.groups()
    return code or (f"`{option}`" if option else f"\\{mark}")
