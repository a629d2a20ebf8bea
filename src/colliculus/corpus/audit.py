"""Whether numbers measured on a data set can be trusted: what leaks, what contradicts itself, what cannot be read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from colliculus.corpus.prepare.sample import Outcome
from colliculus.corpus.shared_content import conflicting, content_keys, sharing
from colliculus.corpus.source import Source
from colliculus.files.checks import SPLITS

KINDS: Mapping[str, tuple[bool, str]] = {
    "group-in-two-splits": (True, "groups that stand in more than one split"),
    "content-in-two-splits": (True, "identical content in more than one split"),
    "content-with-two-labels": (True, "identical content under more than one label"),
    "unreadable": (True, "files that cannot be read"),
    "label-not-trained": (True, "classes that are tested and not trained on"),
    "part-missing": (True, "splits are told, and one of train and test is empty"),
    "known-conflict": (False, "identical content under more than one label, of which all but one are left out"),
    "known-unreadable": (False, "files that cannot be read, of samples that are left out"),
    "too-short": (False, "samples shorter than the threshold"),
    "too-long": (False, "samples ten times as long as the median"),
    "missing-modality": (False, "modalities that samples lack"),
    "repeated": (False, "identical content under one label in one split: it counts more than once"),
    "labels-alike": (False, "classes whose names differ only in capitals, spaces, - or _"),
    "class-in-one-group": (False, "classes that no group-disjoint split can both train and test"),
    "small-class": (False, "classes too small to be trained, chosen and tested on (fewer than 3 samples)"),
    "unbalanced": (False, "classes with less than a tenth of the samples of the largest"),
    "without-split": (False, "samples in no split, beside others that are in one"),
    "no-groups": (False, "no groups are told: whether related samples stand in two splits cannot be known"),
}
"""Of each kind of finding, whether it makes numbers untrustworthy, and what it is."""

_LONG, _RARE, _FEW = 10, 10, 3


@dataclass(frozen=True)
class Finding:
    """Something that whoever trains on the data should know.

    Args:
        kind: one of `KINDS`.
        samples: how many samples are concerned.
        items: each case in words.
    """

    kind: str
    samples: int
    items: tuple[str, ...]

    @property
    def grave(self) -> bool:
        """Whether it makes numbers untrustworthy."""
        return KINDS[self.kind][0]

    @property
    def meaning(self) -> str:
        """What its items are."""
        return KINDS[self.kind][1]


@dataclass(frozen=True)
class Report:
    """What an audit found.

    Args:
        findings: in the order of `KINDS`.
        balance: of each class, the samples in each split ("" of those in none).
        groups: how many there are.
    """

    findings: tuple[Finding, ...]
    balance: Mapping[str, Mapping[str, int]]
    groups: int

    @property
    def trustworthy(self) -> bool:
        """Whether no finding is grave."""
        return not any(finding.grave for finding in self.findings)


def audit(sources: Sequence[Source], outcomes: Sequence[Outcome], *, shortest_s: float) -> Report:
    """Look for whatever makes numbers untrustworthy, and for what is merely good to know.

    Args:
        sources: at least one sample.
        outcomes: of each, what is known of its files; without digests, identical content is not looked for.
        shortest_s: what is shorter is told.

    Example:
        >>> ann = [Source(name=f"a{i}", label="x", files={"audio": f"{i}.wav"}, group="ann", split=s)
        ...        for i, s in enumerate(("train", "test", "test"))]
        >>> report = audit(ann, [Outcome(row, (), "") for row in range(3)], shortest_s=0.1)
        >>> [(finding.kind, finding.items) for finding in report.findings if finding.grave]
        [('group-in-two-splits', ('ann (train 1, test 2)',))]
    """
    contents = [
        content_keys(source, outcome.sha256, outcome.missing) for source, outcome in zip(sources, outcomes, strict=True)
    ]
    found = [
        *_leaks(sources, contents),
        *_conflicts(sources, contents),
        *_unreadable(sources, outcomes),
        *_lengths(sources, outcomes, shortest_s),
        *_modalities(sources),
        *_classes(sources),
        *_splits(sources),
    ]
    balance = {label: dict[str, int]() for label in sorted({source.label for source in sources})}
    for (label, split), count in Counter((source.label, source.split or "") for source in sources).items():
        balance[label][split] = count
    order = list(KINDS)
    findings = sorted((f for f in found if f.samples), key=lambda finding: order.index(finding.kind))
    return Report(tuple(findings), balance, len({source.group for source in sources} - {None}))


def _finding(kind: str, cases: Iterable[tuple[str, Sequence[int]]]) -> Finding:
    """Of cases in words and the rows that they concern."""
    told = list(cases)
    return Finding(kind, len({row for _, rows in told for row in rows}), tuple(text for text, _ in told))


def _leaks(sources: Sequence[Source], contents: Sequence[frozenset[str]]) -> Iterator[Finding]:
    groups = [() if source.group is None else (source.group,) for source in sources]
    across = [rows for rows in sharing(groups) if len(_splits_of(sources, rows)) > 1]
    yield _finding(
        "group-in-two-splits", ((f"{sources[rows[0]].group} ({_counts(sources, rows)})", rows) for rows in across)
    )
    across = [rows for rows in sharing(contents) if len(_splits_of(sources, rows)) > 1]
    told = ((f"{_names(sources, rows)} ({_counts(sources, rows)})", rows) for rows in across)
    yield _finding("content-in-two-splits", told)
    keys = [
        (content, source.start_s, source.end_s, source.label, source.split) if content else row
        for row, (source, content) in enumerate(zip(sources, contents, strict=True))
    ]
    yield _finding("repeated", ((_names(sources, rows), rows) for rows in sharing([(key,) for key in keys])))


def _conflicts(sources: Sequence[Source], contents: Sequence[frozenset[str]]) -> Iterator[Finding]:
    cases = defaultdict[str, list[tuple[str, list[int]]]](list)
    for rows in conflicting(sources, contents):
        used = {sources[row].label for row in rows if not sources[row].left_out}
        text = ", ".join(f"{sources[row].name} [{sources[row].label}]" for row in rows[:_FEW])
        cases["content-with-two-labels" if len(used) > 1 else "known-conflict"].append((_more(text, rows), rows))
    yield from (_finding(kind, told) for kind, told in cases.items())


def _unreadable(sources: Sequence[Source], outcomes: Sequence[Outcome]) -> Iterator[Finding]:
    for kind, left_out in (("unreadable", False), ("known-unreadable", True)):
        rows = [i for i, o in enumerate(outcomes) if o.problem and bool(sources[i].left_out) is left_out]
        yield _finding(kind, ((f"{sources[row].name}: {outcomes[row].problem}", [row]) for row in rows))


def _lengths(sources: Sequence[Source], outcomes: Sequence[Outcome], shortest_s: float) -> Iterator[Finding]:
    known = {row: o.duration_s for row, o in enumerate(outcomes) if o.duration_s is not None and not o.problem}
    longest_s = _LONG * median(known.values()) if known else 0.0

    def told(rows: Iterable[int]) -> Iterator[tuple[str, list[int]]]:
        return ((f"{sources[row].name}: {known[row]:.3g} s", [row]) for row in rows)

    yield _finding("too-short", told(row for row, seconds in known.items() if seconds < shortest_s))
    yield _finding("too-long", told(row for row, seconds in known.items() if seconds > longest_s))


def _modalities(sources: Sequence[Source]) -> Iterator[Finding]:
    modalities = dict.fromkeys(m for source in sources for m in source.files)
    lacking = {m: [row for row, source in enumerate(sources) if m not in source.files] for m in modalities}
    told = ((f"{m} ({_counts(sources, rows)})", rows) for m, rows in lacking.items() if rows)
    yield _finding("missing-modality", told)


def _classes(sources: Sequence[Source]) -> Iterator[Finding]:
    rows = defaultdict[str, list[int]](list)
    alike = defaultdict[str, set[str]](set)
    for row, source in enumerate(sources):
        rows[source.label].append(row)
        alike["".join(source.label.casefold().replace("_", " ").replace("-", " ").split())].add(source.label)
    twins = (sorted(labels) for labels in alike.values() if len(labels) > 1)
    yield _finding("labels-alike", ((", ".join(labels), [r for x in labels for r in rows[x]]) for labels in twins))
    groups = {label: {sources[row].group for row in own} for label, own in rows.items()}
    grouped = {label for label, own in groups.items() if len(own) == 1 and None not in own and len(rows[label]) > 1}
    yield _finding(
        "class-in-one-group", ((f"{label} ({sources[rows[label][0]].group})", rows[label]) for label in grouped)
    )
    most = max(len(own) for own in rows.values())
    small = {label: own for label, own in rows.items() if len(own) < _FEW}
    yield _finding("small-class", ((f"{label} ({len(own)})", own) for label, own in small.items()))
    rare = {label: own for label, own in rows.items() if len(own) * _RARE < most and label not in small}
    yield _finding("unbalanced", ((f"{label} ({len(own)} of {most:,})", own) for label, own in rare.items()))


def _splits(sources: Sequence[Source]) -> Iterator[Finding]:
    everything = range(len(sources))
    if not any(source.group for source in sources):
        yield _finding("no-groups", [(f"{len(sources):,} samples", everything)])
    rows = {split: [row for row in everything if sources[row].split == split] for split in (*SPLITS, None)}
    if len(rows[None]) == len(sources):
        return
    yield _finding("part-missing", ((part, everything) for part in ("train", "test") if not rows[part]))
    if rows[None]:
        yield _finding("without-split", [(_names(sources, rows[None]), rows[None])])
    trained = {sources[row].label for row in rows["train"]}
    strange = defaultdict[str, list[int]](list)
    for row in (*rows["validation"], *rows["test"]):
        if trained and sources[row].label not in trained:
            strange[sources[row].label].append(row)
    told = ((f"{label} ({_counts(sources, own)})", own) for label, own in strange.items())
    yield _finding("label-not-trained", told)


def _splits_of(sources: Sequence[Source], rows: Sequence[int]) -> set[str]:
    return {split for row in rows if (split := sources[row].split)}


def _counts(sources: Sequence[Source], rows: Sequence[int]) -> str:
    """How many stand in each split.

    Example:
        >>> both = [Source(name="a", label="x", files={"audio": "a.wav"}, split=s) for s in ("test", "train")]
        >>> _counts(both, [0, 1])
        'train 1, test 1'
    """
    counts = Counter(sources[row].split for row in rows)
    return ", ".join(f"{split or 'no split'} {counts[split]:,}" for split in (*SPLITS, None) if counts[split])


def _names(sources: Sequence[Source], rows: Sequence[int]) -> str:
    return _more(", ".join(sources[row].name for row in rows[:_FEW]), rows)


def _more(text: str, rows: Sequence[int]) -> str:
    return text if len(rows) <= _FEW else f"{text} and {len(rows) - _FEW:,} more"
