"""What a preparation came to, in numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from colliculus.data.prepare.sample import Outcome
from colliculus.data.source import Source


@dataclass(frozen=True)
class Summary:
    """What a preparation came to.

    Args:
        folder: the prepared folder.
        samples: all that the recipe named.
        usable: how many of them can be trained on.
        kept: how many had been prepared before.
        problems: of each kind of problem, in how many samples it is, the most frequent first.
        example: of each kind, the first sentence.
    """

    folder: Path
    samples: int
    usable: int
    kept: int
    problems: Mapping[str, int]
    example: Mapping[str, str]


def summarise(
    folder: Path, sources: Sequence[Source], outcomes: Sequence[Outcome], modalities: int, *, kept: int
) -> Summary:
    """Count what became of the samples."""
    told = [(s, o.problem) for s, o in zip(sources, outcomes, strict=True) if o.problem]
    kinds = [(kind_of(problem, source), problem) for source, problem in told]
    return Summary(
        folder=folder,
        samples=len(outcomes),
        usable=sum(len(outcome.missing) < modalities for outcome in outcomes),
        kept=kept,
        problems=dict(Counter(kind for kind, _ in kinds).most_common()),
        example=dict(reversed(kinds)),
    )


def kind_of(problem: str, source: Source) -> str:
    """What is wrong with a sample, without its file and its numbers.

    Example:
        >>> source = Source(name="a", label="0", files={"visual": "a is b.mp4"})
        >>> kind_of("a is b.mp4 ends at 1.5 s and the sample begins at 2 s: mend `start`", source)
        'ends at N s and the sample begins at N s'
    """
    sentence = problem
    for file in sorted(source.files.values(), key=len, reverse=True):
        sentence = sentence.removeprefix(file)
    return re.sub(r"-?\d[\d.]*", "N", re.split(r" \(|: |; ", sentence)[0].strip())
