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

BOX = re.compile(r"^╭─ (?P<title>.+?) ─+╮$|^│ ?(?P<line>.*?) *│$|^╰─+╯$", re.MULTILINE)


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
    """Usage line, description in Markdown, and options without the frames around them.

    Example:
        >>> parts("usage: x [-h]\\n\\nDo it --now.\\n\\n╭─ options ──╮\\n│ --now  yes │\\n╰────────────╯\\n")
        ('usage: x [-h]', 'Do it `--now`.', 'options:\\n  --now  yes')
    """
    usage, _, rest = text.partition("\n\n")
    description, _, framed = rest.partition("╭")
    plain = BOX.sub(lambda m: f"\n{m['title']}:" if m["title"] else f"  {m['line']}" if m["line"] else "", "╭" + framed)
    escaped = re.sub(r"([<*\[_|])", r"\\\1", description.strip())
    marked = re.sub(r"(?<![\w`])(--[\w.\\-]+\w)", lambda m: f"`{m[1]}`".replace("\\", ""), escaped)
    return usage.strip(), marked, re.sub(r"\n{3,}", "\n\n", plain).strip()
