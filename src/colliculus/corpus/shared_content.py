"""What samples share: files of the same bytes, and through these, or through their group, each other's company."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.source import Source


def content_keys(source: Source, digests: Mapping[str, str], missing: Collection[str] = ()) -> frozenset[str]:
    """What names the contents of a sample: samples with a key in common hold the same recording.

    Args:
        source: the sample.
        digests: of each modality, the SHA-256 of all bytes of its file; where it is not known, the path stands for it.
        missing: modalities whose files cannot be decoded: two empty files are no copies of one recording.

    Example:
        >>> cut = Source(name="a", label="0", files={"audio": "digits.hdf5::train/7"})
        >>> sorted(content_keys(cut, {"audio": "00ff"}))
        ['00ff::train/7']
    """
    return frozenset(
        (digests.get(modality) or file.partition("::")[0]) + "".join(file.partition("::")[1:])
        for modality, file in source.files.items()
        if modality not in missing
    )


def sharing(keys: Sequence[Iterable[Hashable]]) -> list[list[int]]:
    """The rows of each key that several rows have, ascending; of keys of the same rows, once.

    Example:
        >>> sharing([{"a", "b"}, {"c"}, {"b"}])
        [[0, 2]]
    """
    rows = defaultdict[Hashable, list[int]](list)
    for row, own in enumerate(keys):
        for key in own:
            rows[key].append(row)
    return [list(found) for found in sorted({tuple(found) for found in rows.values() if len(found) > 1})]


def related(keys: Sequence[Collection[Hashable]]) -> NDArray[np.int64]:
    """(n,) numbers: rows have the same one if they have a key in common, or are so related through others.

    Example:
        >>> related([{"a", "b"}, {"c"}, {"b", "d"}, {"d"}]).tolist()
        [0, 1, 0, 0]
    """
    first = list(range(len(keys)))

    def find(row: int) -> int:
        while first[row] != row:
            first[row] = row = first[first[row]]
        return row

    for rows in sharing(keys):
        for row in rows[1:]:
            low, high = sorted((find(rows[0]), find(row)))
            first[high] = low
    return np.unique([find(row) for row in range(len(keys))], return_inverse=True)[1].reshape(-1)


def companies(sources: Sequence[Source], contents: Sequence[Collection[str]]) -> NDArray[np.int64]:
    """(n,) numbers: samples have the same one if they share a group or content, or are so related through others.

    Args:
        sources: n samples; one without a group is alone, unless it shares content.
        contents: the `content_keys` of each.

    Example:
        >>> ann, bob = (Source(name=n, label="0", files={"audio": "x.wav"}, group=n) for n in ("ann", "bob"))
        >>> companies([ann, bob, ann], [set(), set(), set()]).tolist()
        [0, 1, 0]
        >>> companies([ann, bob, ann], [set(), {"00ff"}, {"00ff"}]).tolist()
        [0, 0, 0]
    """
    groups = [() if source.group is None else (("group", source.group),) for source in sources]
    return related([(*group, *content) for group, content in zip(groups, contents, strict=True)])


def conflicting(sources: Sequence[Source], contents: Sequence[Collection[str]]) -> list[list[int]]:
    """The rows, for each content, of samples that show the same moments of it under different labels."""
    found = {tuple(_contradicting(rows, sources)) for rows in sharing(contents)}
    return [list(rows) for rows in sorted(found) if rows]


def _contradicting(rows: Sequence[int], sources: Sequence[Source]) -> list[int]:
    """Those of one content whose segment overlaps one of another label, in one pass by their starts."""
    found = set[int]()
    ends = defaultdict[str, float](float)  # of each label, where the last of its segments so far ends
    unmatched = defaultdict[str, list[int]](list)
    for row in sorted(rows, key=lambda row: sources[row].start_s or 0.0):
        start, label = sources[row].start_s or 0.0, sources[row].label
        if any(end > start for other, end in ends.items() if other != label):
            found.add(row)
        for other, earlier in unmatched.items():
            if other != label:
                found.update(r for r in earlier if _end(sources[r]) > start)
                earlier.clear()  # the others of them end before whatever comes now
        unmatched[label].append(row)
        ends[label] = max(ends[label], _end(sources[row]))
    return sorted(found)


def _end(source: Source) -> float:
    return math.inf if source.end_s is None else source.end_s
