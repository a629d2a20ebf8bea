"""Findings of an audit: leaks, contradictions and damage in a data set."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from colliculus.corpus.sample import Sample
from colliculus.corpus.shared_content import conflicting, content_keys, sharing
from colliculus.files.checks import SPLITS
from colliculus.media.notes import NOTES

if TYPE_CHECKING:
    from colliculus.corpus.prepare.result import PreparationResult

KINDS: Mapping[str, tuple[bool, str]] = {
    "group-in-two-splits": (True, "groups in more than one split"),
    "content-in-two-splits": (True, "identical content in more than one split"),
    "content-with-two-labels": (True, "identical content under more than one label"),
    "unreadable": (True, "files that cannot be read"),
    "label-not-trained": (True, "classes that are tested and not trained on"),
    "part-missing": (True, "train or test is empty although samples have splits"),
    "known-conflict": (False, "identical content under more than one label, all but one of which are left out"),
    "known-unreadable": (False, "files that cannot be read, of samples that are left out"),
    **{kind: (False, meaning) for kind, meaning in NOTES.items()},
    "too-short": (False, "samples shorter than the threshold"),
    "too-long": (False, "samples ten times as long as the median"),
    "missing-modality": (False, "modalities that some samples lack"),
    "repeated": (False, "identical content under one label in one split, which counts more than once"),
    "labels-alike": (False, "classes whose names differ only in capitals, spaces, - or _"),
    "class-in-one-group": (False, "classes of one group, which no group-disjoint split can both train and test"),
    "small-class": (False, "classes too small for training, validation and test (fewer than 3 samples)"),
    "unbalanced": (False, "classes with less than a tenth of the samples of the largest class"),
    "without-split": (False, "samples in no split although others have one"),
    "no-groups": (False, "no groups are given, so related samples may be in two splits unnoticed"),
}
"""Kinds of findings: whether they make results untrustworthy, and what they are."""

SHORTEST_S = 0.1
"""Shorter samples are reported unless another threshold is given."""
_LONG, _RARE, _FEW = 10, 10, 3
_Cases = Iterable[tuple[str, Sequence[int]]]  # cases in words, and the rows they concern


@dataclass(frozen=True)
class Finding:
    """Something that users of the data should know.

    Args:
        kind: one of `KINDS`.
        untrustworthy: whether it makes results untrustworthy.
        meaning: description of the kind.
        samples: number of samples concerned.
        cases: every case in words.
    """

    kind: str
    untrustworthy: bool
    meaning: str
    samples: int
    cases: tuple[str, ...]


def examine(
    samples: Sequence[Sample], results: Sequence[PreparationResult], *, shortest_s: float = SHORTEST_S
) -> tuple[Finding, ...]:
    """Findings about at least one sample, in the order of `KINDS`.

    Args:
        samples: the samples.
        results: known facts about the files of each; without digests, identical content is not searched.
        shortest_s: shorter samples are reported.

    Example:
        >>> from colliculus.corpus.prepare.result import PreparationResult
        >>> ann = [Sample(name=f"a{i}", label="x", files={"audio": f"{i}.wav"}, group="ann", split=s)
        ...        for i, s in enumerate(("train", "test", "test"))]
        >>> findings = examine(ann, [PreparationResult(row, (), "") for row in range(3)])
        >>> [(finding.kind, finding.cases) for finding in findings if finding.untrustworthy]
        [('group-in-two-splits', ('ann (train 1, test 2)',))]
    """
    contents = [
        content_keys(sample, result.sha256, result.missing) for sample, result in zip(samples, results, strict=True)
    ]
    found = [
        *_leaks(samples, contents),
        *_conflicts(samples, contents),
        *_unreadable(samples, results),
        *_noted(samples, results),
        *_lengths(samples, results, shortest_s),
        *_modalities(samples),
        *_classes(samples),
        *_splits(samples),
    ]
    order = list(KINDS)
    return tuple(sorted((f for f in found if f.samples), key=lambda finding: order.index(finding.kind)))


def _finding(kind: str, cases: _Cases) -> Finding:
    listed = list(cases)
    return Finding(
        kind, *KINDS[kind], len({row for _, rows in listed for row in rows}), tuple(text for text, _ in listed)
    )


def _leaks(samples: Sequence[Sample], contents: Sequence[frozenset[str]]) -> Iterator[Finding]:
    groups = [() if sample.group is None else (sample.group,) for sample in samples]
    across = [rows for rows in sharing(groups) if len(_splits_of(samples, rows)) > 1]
    yield _finding(
        "group-in-two-splits", ((f"{samples[rows[0]].group} ({_counts(samples, rows)})", rows) for rows in across)
    )
    across = [rows for rows in sharing(contents) if len(_splits_of(samples, rows)) > 1]
    cases = ((f"{_names(samples, rows)} ({_counts(samples, rows)})", rows) for rows in across)
    yield _finding("content-in-two-splits", cases)
    keys = [
        (content, sample.start_s, sample.end_s, sample.label, sample.split) if content else row
        for row, (sample, content) in enumerate(zip(samples, contents, strict=True))
    ]
    yield _finding("repeated", ((_names(samples, rows), rows) for rows in sharing([(key,) for key in keys])))


def _conflicts(samples: Sequence[Sample], contents: Sequence[frozenset[str]]) -> Iterator[Finding]:
    cases = defaultdict[str, list[tuple[str, list[int]]]](list)
    for rows in conflicting(samples, contents):
        used = {samples[row].label for row in rows if not samples[row].left_out}
        text = ", ".join(f"{samples[row].name} [{samples[row].label}]" for row in rows[:_FEW])
        cases["content-with-two-labels" if len(used) > 1 else "known-conflict"].append((_more(text, rows), rows))
    yield from (_finding(kind, found) for kind, found in cases.items())


def _unreadable(samples: Sequence[Sample], results: Sequence[PreparationResult]) -> Iterator[Finding]:
    for kind, left_out in (("unreadable", False), ("known-unreadable", True)):
        rows = [i for i, result in enumerate(results) if result.problem and bool(samples[i].left_out) is left_out]
        yield _finding(kind, ((f"{samples[row].name}: {results[row].problem}", [row]) for row in rows))


def _noted(samples: Sequence[Sample], results: Sequence[PreparationResult]) -> Iterator[Finding]:
    for kind in NOTES:
        rows = [row for row, result in enumerate(results) if kind in result.notes]
        yield _finding(kind, ((f"{samples[row].name}: {results[row].notes[kind]}", [row]) for row in rows))


def _lengths(samples: Sequence[Sample], results: Sequence[PreparationResult], shortest_s: float) -> Iterator[Finding]:
    known = {row: r.duration_s for row, r in enumerate(results) if r.duration_s is not None and not r.problem}
    longest_s = _LONG * median(known.values()) if known else 0.0

    def cases(rows: Iterable[int]) -> Iterator[tuple[str, list[int]]]:
        return ((f"{samples[row].name}: {known[row]:.3g} s", [row]) for row in rows)

    yield _finding("too-short", cases(row for row, seconds in known.items() if seconds < shortest_s))
    yield _finding("too-long", cases(row for row, seconds in known.items() if seconds > longest_s))


def _modalities(samples: Sequence[Sample]) -> Iterator[Finding]:
    modalities = dict.fromkeys(m for sample in samples for m in sample.files)
    lacking = {m: [row for row, sample in enumerate(samples) if m not in sample.files] for m in modalities}
    cases = ((f"{m} ({_counts(samples, rows)})", rows) for m, rows in lacking.items() if rows)
    yield _finding("missing-modality", cases)


def _classes(samples: Sequence[Sample]) -> Iterator[Finding]:
    rows = defaultdict[str, list[int]](list)
    alike = defaultdict[str, set[str]](set)
    for row, sample in enumerate(samples):
        rows[sample.label].append(row)
        alike["".join(sample.label.casefold().replace("_", " ").replace("-", " ").split())].add(sample.label)
    similar = (sorted(labels) for labels in alike.values() if len(labels) > 1)
    yield _finding("labels-alike", ((", ".join(labels), [r for x in labels for r in rows[x]]) for labels in similar))
    groups = {label: {samples[row].group for row in own} for label, own in rows.items()}
    grouped = {label for label, own in groups.items() if len(own) == 1 and None not in own and len(rows[label]) > 1}
    yield _finding(
        "class-in-one-group", ((f"{label} ({samples[rows[label][0]].group})", rows[label]) for label in grouped)
    )
    most = max(len(own) for own in rows.values())
    small = {label: own for label, own in rows.items() if len(own) < _FEW}
    yield _finding("small-class", ((f"{label} ({len(own)})", own) for label, own in small.items()))
    rare = {label: own for label, own in rows.items() if len(own) * _RARE < most and label not in small}
    yield _finding("unbalanced", ((f"{label} ({len(own)} of {most:,})", own) for label, own in rare.items()))


def _splits(samples: Sequence[Sample]) -> Iterator[Finding]:
    everything = range(len(samples))
    if not any(sample.group for sample in samples):
        yield _finding("no-groups", [(f"{len(samples):,} samples", everything)])
    rows = {split: [row for row in everything if samples[row].split == split] for split in (*SPLITS, None)}
    if len(rows[None]) == len(samples):
        return
    yield _finding("part-missing", ((part, everything) for part in ("train", "test") if not rows[part]))
    if rows[None]:
        yield _finding("without-split", [(_names(samples, rows[None]), rows[None])])
    trained = {samples[row].label for row in rows["train"]}
    unknown = defaultdict[str, list[int]](list)
    for row in (*rows["validation"], *rows["test"]):
        if trained and samples[row].label not in trained:
            unknown[samples[row].label].append(row)
    yield _finding("label-not-trained", ((f"{label} ({_counts(samples, own)})", own) for label, own in unknown.items()))


def _splits_of(samples: Sequence[Sample], rows: Sequence[int]) -> set[str]:
    return {split for row in rows if (split := samples[row].split)}


def _counts(samples: Sequence[Sample], rows: Sequence[int]) -> str:
    """Number of samples in each split, in words.

    Example:
        >>> both = [Sample(name="a", label="x", files={"audio": "a.wav"}, split=s) for s in ("test", "train")]
        >>> _counts(both, [0, 1])
        'train 1, test 1'
    """
    counts = Counter(samples[row].split for row in rows)
    return ", ".join(f"{split or 'no split'} {counts[split]:,}" for split in (*SPLITS, None) if counts[split])


def _names(samples: Sequence[Sample], rows: Sequence[int]) -> str:
    return _more(", ".join(samples[row].name for row in rows[:_FEW]), rows)


def _more(text: str, rows: Sequence[int]) -> str:
    return text if len(rows) <= _FEW else f"{text} and {len(rows) - _FEW:,} more"
