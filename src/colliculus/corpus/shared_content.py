"""Shared content: samples whose files have the same bytes, and the groups that such samples and their groups form."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from colliculus.corpus.sample import Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def content_keys(sample: Sample, digests: Mapping[str, str], missing: Collection[str] = ()) -> frozenset[str]:
    """Keys of the contents of a sample: samples with a common key hold the same recording.

    A key is the SHA-256 of a whole file, or its path where that is unknown, and the entry. Modalities that are
    `missing`, because their files cannot be decoded, get none: two empty files are not copies of one recording.

    Example:
        >>> cut = Sample(name="a", label="0", files={"audio": "digits.hdf5::train/7"})
        >>> sorted(content_keys(cut, {"audio": "00ff"}))
        ['00ff::train/7']
    """
    return frozenset(
        (digests.get(modality) or file.partition("::")[0]) + "".join(file.partition("::")[1:])
        for modality, file in sample.files.items()
        if modality not in missing
    )


def sharing(keys: Sequence[Iterable[Hashable]]) -> list[list[int]]:
    """Rows of every key that several rows have, ascending; keys of the same rows count once.

    Example:
        >>> sharing([{"a", "b"}, {"c"}, {"b"}])
        [[0, 2]]
    """
    rows = defaultdict[Hashable, list[int]](list)
    for row, own in enumerate(keys):
        for key in own:
            rows[key].append(row)
    return [list(found) for found in sorted({tuple(found) for found in rows.values() if len(found) > 1})]


def connected(keys: Sequence[Collection[Hashable]]) -> NDArray[np.int64]:
    """(n,) group number per row: rows that share a key, directly or through others, get the same one.

    Example:
        >>> connected([{"a", "b"}, {"c"}, {"b", "d"}, {"d"}]).tolist()
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
    import numpy as np  # not above: `colliculus audit --help` imports this module

    return np.unique([find(row) for row in range(len(keys))], return_inverse=True)[1].reshape(-1)


def linked_groups(samples: Sequence[Sample], contents: Sequence[Collection[str]]) -> NDArray[np.int64]:
    """(n,) group number per sample: samples that share a group or content, directly or through others, get the same.

    `contents` holds the `content_keys` of each. A sample without a group and shared content is a group of its own.

    Example:
        >>> ann, bob = (Sample(name=n, label="0", files={"audio": "x.wav"}, group=n) for n in ("ann", "bob"))
        >>> linked_groups([ann, bob, ann], [set(), set(), set()]).tolist()
        [0, 1, 0]
        >>> linked_groups([ann, bob, ann], [set(), {"00ff"}, {"00ff"}]).tolist()
        [0, 0, 0]
    """
    groups = [() if sample.group is None else (("group", sample.group),) for sample in samples]
    return connected([(*group, *content) for group, content in zip(groups, contents, strict=True)])


def conflicting(samples: Sequence[Sample], contents: Sequence[Collection[str]]) -> list[list[int]]:
    """Rows, for each content, of samples that show the same moments of it under different labels."""
    found = {tuple(_contradicting(rows, samples)) for rows in sharing(contents)}
    return [list(rows) for rows in sorted(found) if rows]


def _contradicting(rows: Sequence[int], samples: Sequence[Sample]) -> list[int]:
    """Rows of one content whose segment overlaps a segment of another label, found in one pass over the starts."""
    found = set[int]()
    ends = defaultdict[str, float](float)  # end of the last segment so far, per label
    unmatched = defaultdict[str, list[int]](list)
    for row in sorted(rows, key=lambda row: samples[row].start_s or 0.0):
        start, label = samples[row].start_s or 0.0, samples[row].label
        if any(end > start for other, end in ends.items() if other != label):
            found.add(row)
        for other, earlier in unmatched.items():
            if other != label:
                found.update(r for r in earlier if _end(samples[r]) > start)
                earlier.clear()  # the rest end before any later segment starts
        unmatched[label].append(row)
        ends[label] = max(ends[label], _end(samples[row]))
    return sorted(found)


def _end(sample: Sample) -> float:
    return math.inf if sample.end_s is None else sample.end_s
