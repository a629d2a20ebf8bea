"""A manifest divided: written again with the split of every sample."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from colliculus.corpus.manifest import sources_of
from colliculus.corpus.splits import stratified_folds, stratified_parts
from colliculus.files.checks import SPLITS
from colliculus.files.tables import Table, read_table, write_table
from colliculus.types import ColliculusError, unknown_name


@dataclass(frozen=True)
class Divided:
    """What was written.

    Args:
        paths: the files.
        balance: of each class, the samples by split, or by fold ("0", "1", ...); "" of those left out.
        groups: how many groups were told.
        untrained: of each file, the classes that are tested or chosen on and not trained on.
    """

    paths: tuple[Path, ...]
    balance: Mapping[str, Mapping[str, int]]
    groups: int
    untrained: Mapping[Path, tuple[str, ...]]


def divide_manifest(path: Path, out: Path, *, fractions: Sequence[float], folds: int, group: str, seed: int) -> Divided:
    """Write `path` again with a column `split`, in which classes keep their proportion and groups stay on one side.

    Args:
        path: a manifest; its other columns are kept, a column `split` is replaced.
        out: the file to write, in the folder of `path`; of folds, what their files are named after.
        fractions: shares of train, validation and test, or of train and test; empty: folds are made.
        folds: how many; each file has another part as its test and all others as train, and a column "#fold".
        group: the column that tells groups; it becomes the column `group`. Samples without one are alone.
        seed: decides who goes where.

    Raises:
        ColliculusError: the manifest cannot be read or lies elsewhere than `out`, a file to write exists, or there are
            too few samples or groups.
    """
    if len(fractions) not in ((2, 3) if not folds else (0,)):
        raise ColliculusError("say how to divide: by 2 or 3 fractions, such as 0.7 0.1 0.2, or by folds, such as 5")
    if os.path.realpath(path.parent) != os.path.realpath(out.parent):
        raise ColliculusError(
            f"{out} does not lie beside {path}, where its paths begin: write {path.parent / out.name}"
        )
    paths = tuple(out.with_name(f"{out.stem}-fold-{i}{out.suffix}") for i in range(folds)) or (out,)
    if existing := [target for target in paths if os.path.lexists(target)]:
        raise ColliculusError(f"{existing[0]} exists: choose another name, or remove it")
    table = read_table(path)
    sources = sources_of(table)
    groups = _groups(table, group)
    used = np.array([row for row, source in enumerate(sources) if not source.left_out], dtype=np.int64)
    strata = np.array([f"{sources[row].label}\0{sources[row].stratum or ''}" for row in used])
    told = {groups[row] for row in used} - {""}
    company = np.array([groups[row] or f"\0{row}" for row in used]) if told else None
    if fractions:
        part = stratified_parts(strata, shares=fractions, seed=seed, groups=company)
        names = np.array(SPLITS if len(fractions) == 3 else ("train", "test"))[part]
        divisions = [_spread(names.tolist(), used, len(sources))]
        numbers = divisions[0]
    else:
        fold = stratified_folds(strata, folds=folds, seed=seed, groups=company)
        divisions = [_spread(np.where(fold == f, "test", "train").tolist(), used, len(sources)) for f in range(folds)]
        numbers = _spread(fold.astype(str).tolist(), used, len(sources))
    labels = [source.label for source in sources]
    for target, splits in zip(paths, divisions, strict=True):
        new = {"split": splits, "group": groups} | ({"#fold": numbers} if folds else {})
        _write(target, table, new if told else {name: cells for name, cells in new.items() if name != "group"})
    return Divided(
        paths,
        _balance(labels, numbers),
        len(told),
        {target: _untrained(labels, splits) for target, splits in zip(paths, divisions, strict=True)},
    )


def _groups(table: Table, column: str) -> list[str]:
    """The group of each row, "" of one that has none."""
    if column not in table.columns:
        if column != "group":
            raise unknown_name(f"column of {table.path}", column, table.columns)
        return [""] * len(table.rows)
    at = table.columns.index(column)
    return [cells[at].strip() for cells in table.rows]


def _spread(texts: Sequence[str], rows: Sequence[int] | np.ndarray, length: int) -> list[str]:
    """A column that holds `texts` in `rows`, and nothing elsewhere."""
    column = [""] * length
    for row, text in zip(rows, texts, strict=True):
        column[row] = text
    return column


def _write(path: Path, table: Table, new: Mapping[str, Sequence[str]]) -> None:
    """Write the table with columns replaced, or added at its end."""
    columns = tuple(dict.fromkeys((*table.columns, *new)))
    old = {name: at for at, name in enumerate(table.columns)}
    rows = [
        [new[name][number] if name in new else cells[old[name]] for name in columns]
        for number, cells in enumerate(table.rows)
    ]
    write_table(path, columns, rows)


def _balance(labels: Sequence[str], parts: Sequence[str]) -> dict[str, dict[str, int]]:
    counts = Counter(zip(labels, parts, strict=True))
    return {
        label: {part: counts[label, part] for part in sorted(set(parts)) if counts[label, part]}
        for label in sorted(set(labels))
    }


def _untrained(labels: Sequence[str], splits: Sequence[str]) -> tuple[str, ...]:
    by_split = {name: {label for label, split in zip(labels, splits, strict=True) if split == name} for name in SPLITS}
    return tuple(sorted((by_split["validation"] | by_split["test"]) - by_split["train"]))
