"""House rules on English: plain sentences and the field's words in docstrings, comments and messages."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

import pytest

FIRST_WORDS = re.compile(r"(What|Of|Whether)\b")
"""A docstring says what a thing is or does; it does not start with a question or a genitive."""

WORDS: dict[str, str] = {
    r"\b(?:is|are|be|been|was|were|being) told\b": "say who reports what",
    r"\btells? of\b|\bhears? of\b": "say who reports what",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bharm(?:s|ed|less)?\b|\bspoil(?:s|t|ed)?\b": "corruption, corrupted",
    r"\btwins?\b": "ANN counterpart",
    r"\brevived?\b": "non-silent initialisation",
    r"\bnever acts?\b|\bnever-acting\b": "unused",
    r"\bstands? still\b": "static",
    r"\bnobody\b|\bwhoever\b": "name the user, the caller or the rank",
    r"\bin one go\b": "atomically",
    r"(?<!there )\bis no (?!longer|more|default|other)[a-z]+": "is not a ...",
    r"(?<!there )\b(?:is|are) (?-i:none)\b": "say what is missing",
    r"\blitter\b": "leftover files",
    r"\bmemberships?\b": "one-hot",
}
"""Words and turns that are read twice, each with what to write."""


def texts_of(source: str) -> Iterator[tuple[int, str]]:
    """Comments and strings of a file with their lines; single words are names, not sentences."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING) and " " in token.string:
            yield token.start[0], token.string


def odd_first_words(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                text = statement.value.value
                if isinstance(text, str) and FIRST_WORDS.match(text):
                    yield statement.lineno, f"{text.splitlines()[0]!r}: begin with what the thing is or does"


def odd_words(source: str) -> Iterator[tuple[int, str]]:
    for line, text in texts_of(source):
        for pattern, better in WORDS.items():
            if found := re.search(pattern, text, re.IGNORECASE):
                yield line, f"{found[0]!r}: write {better}"


def test_docstrings_begin_with_what_a_thing_is(modules) -> None:
    broken = [f"{module.name}:{line}: {why}" for module in modules for line, why in odd_first_words(module.tree)]
    assert not broken, "\n".join(broken)


def test_the_words_are_those_of_the_field(modules) -> None:
    broken = [f"{module.name}:{line}: {why}" for module in modules for line, why in odd_words(module.text)]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize(
    "sin",
    [
        '"""What a run is."""',
        'def f():\n    """Of each modality, its share."""',
        'class A:\n    x: int\n    """Whether x."""',
    ],
)
def test_an_odd_first_word_is_noticed(sin: str) -> None:
    assert list(odd_first_words(ast.parse(sin)))


@pytest.mark.parametrize(
    "sin", ["# the user is told", 'f"{path} is no run folder"', "# mend it", "# its twin", "x = 'nobody knows'"]
)
def test_an_odd_word_is_noticed(sin: str) -> None:
    assert list(odd_words(sin))


@pytest.mark.parametrize(
    "good", ['"""Whatever remains."""', "# is no longer read", 'f"{path} is not a run folder"', "recommend"]
)
def test_plain_english_passes(good: str) -> None:
    assert not [*odd_words(good), *odd_first_words(ast.parse(good if good.startswith('"') else "0"))]
