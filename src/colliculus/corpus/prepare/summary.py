"""What a preparation came to, in numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from colliculus.corpus.prepare.sample import Outcome
from colliculus.corpus.prepare.storage import Sound, Storage
from colliculus.corpus.source import Source


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
        kept_without: how many samples with a problem are kept without this or that modality.
        cut: of each sound of a set length, how many clips are longer, how many there are, and the length in seconds.
        passed_over: how many files the recipe did not take, by their ending.
    """

    folder: Path
    samples: int
    usable: int
    kept: int
    problems: Mapping[str, int]
    example: Mapping[str, str]
    kept_without: Mapping[str, int]
    cut: Mapping[str, tuple[int, int, float]]
    passed_over: Mapping[str, int] = field(default_factory=dict[str, int])


def summarise(
    folder: Path,
    sources: Sequence[Source],
    outcomes: Sequence[Outcome],
    storages: Mapping[str, Storage],
    *,
    kept: int,
) -> Summary:
    """Count what became of the samples."""
    told = [(s, o.problem) for s, o in zip(sources, outcomes, strict=True) if o.problem]
    kinds = [(kind_of(problem, source), problem) for source, problem in told]
    whole = [len(outcome.missing) == len(storages) for outcome in outcomes]
    lost = zip(sources, outcomes, whole, strict=True)
    without = Counter(m for s, o, gone in lost if o.problem and not gone for m in o.missing if m in s.files)
    return Summary(
        folder=folder,
        samples=len(outcomes),
        usable=whole.count(False),
        kept=kept,
        problems=dict(Counter(kind for kind, _ in kinds).most_common()),
        example=dict(reversed(kinds)),
        kept_without=dict(without),
        cut=_cut(outcomes, storages),
    )


def _cut(outcomes: Sequence[Outcome], storages: Mapping[str, Storage]) -> dict[str, tuple[int, int, float]]:
    """Of each sound that is stored in a set length, how many of how many clips are longer than it."""
    found: dict[str, tuple[int, int, float]] = {}
    for modality, storage in storages.items():
        if isinstance(storage, Sound) and storage.duration_s is not None:
            lengths = [o.duration_s or 0.0 for o in outcomes if modality not in o.missing]
            if longer := sum(length > storage.duration_s for length in lengths):
                found[modality] = longer, len(lengths), storage.duration_s
    return found


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
