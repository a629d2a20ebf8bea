"""Division of a manifest: written again with the split of every sample."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from colliculus.corpus.class_table import class_counts, class_table
from colliculus.corpus.manifest import samples_of
from colliculus.corpus.splits import stratified_folds, stratified_parts
from colliculus.files.checks import SPLITS
from colliculus.files.tables import TableFile, read_table, write_table
from colliculus.records import Record, Table
from colliculus.types import ColliculusError, unknown_name


@dataclass(frozen=True)
class Division(Record):
    """Result of `split`.

    Args:
        files: tables that were written.
        group: column that names the groups.
        groups: number of groups.
        classes: samples of each class by split, or by fold ("0", "1", ...); "" for samples that are left out.
        untrained: for each file, classes that are tested or validated on and not trained on.
    """

    files: tuple[Path, ...]
    group: str
    groups: int
    classes: Mapping[str, Mapping[str, int]]
    untrained: Mapping[str, tuple[str, ...]]

    @property
    def warnings(self) -> list[str]:
        """Reasons why results on these splits may mislead."""
        found = [] if self.groups else [f"no column {self.group!r} names groups: related samples may be on both sides"]
        return found + [
            f"{path} tests classes that it does not train on: {', '.join(classes)}; they have too few groups"
            for path, classes in self.untrained.items()
            if classes
        ]

    def table(self) -> Table:
        """Samples of each class, with the written files and warnings below."""
        notes = (*(f"Written: {path}" for path in self.files), *self.warnings)
        return replace(class_table(self.classes), notes=notes)


def split(
    table: Path | str,
    out: Path | str,
    *,
    fractions: Sequence[float] = (),
    folds: int = 0,
    group: str = "group",
    seed: int = 0,
) -> Division:
    r"""Write a manifest again with a column `split`, so that classes keep their proportion and groups stay on one side.

    Args:
        table: manifest to divide. Its other columns are kept, and a column `split` is replaced.
        out: file to write, in the folder of `table`, because its paths start there. The names of the files of folds are
            derived from it.
        fractions: shares of train, validation and test, or of train and test.
        folds: number of folds, instead of fractions. Each file has another fold as test and all others as train, and a
            column "#fold".
        group: column that names groups; it becomes the column `group`. Samples without a group form one each.
        seed: seed of the assignment.

    Raises:
        ColliculusError: the manifest cannot be read, `out` is in another folder, a file to write exists, there are too
            few samples or groups, or not exactly one of `fractions` and `folds` is given.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder, "clips.csv")
        ...     rows = [f"{label},{speaker}{label}.wav,{speaker}" for speaker in "abcd" for label in ("cat", "dog")]
        ...     _ = table.write_text("\n".join(["label,audio,group", *rows]))
        ...     division = split(table, Path(folder, "split.csv"), fractions=(0.5, 0.5))
        >>> division.groups, division.classes["cat"]
        (4, {'test': 2, 'train': 2})
    """
    if bool(fractions) == bool(folds) or len(fractions) not in (0, 2, 3):
        raise ColliculusError("choose how to divide: 2 or 3 fractions, such as 0.7 0.1 0.2, or folds, such as 5")
    path, out = Path(table), Path(out)
    targets = _targets(path, out, folds)
    manifest = read_table(path)
    samples = samples_of(manifest)
    groups = _groups(manifest, group)
    used = np.array([row for row, sample in enumerate(samples) if not sample.left_out], dtype=np.int64)
    strata = np.array([f"{samples[row].label}\0{samples[row].stratum or ''}" for row in used])
    named = {groups[row] for row in used} - {""}
    grouping = np.array([groups[row] or f"\0{row}" for row in used]) if named else None
    if fractions:
        part = stratified_parts(strata, shares=fractions, seed=seed, groups=grouping)
        names = np.array(SPLITS if len(fractions) == 3 else ("train", "test"))[part]
        numbers = _spread(names.tolist(), used, len(samples))
        divisions = [numbers]
    else:
        fold = stratified_folds(strata, folds=folds, seed=seed, groups=grouping)
        divisions = [_spread(np.where(fold == f, "test", "train").tolist(), used, len(samples)) for f in range(folds)]
        numbers = _spread(fold.astype(str).tolist(), used, len(samples))
    for target, splits in zip(targets, divisions, strict=True):
        new = {"split": splits} | ({"group": groups} if named else {}) | ({"#fold": numbers} if folds else {})
        _write(target, manifest, new)
    labels = [sample.label for sample in samples]
    return Division(
        files=targets,
        group=group,
        groups=len(named),
        classes=class_counts(labels, numbers),
        untrained={str(t): _untrained(labels, splits) for t, splits in zip(targets, divisions, strict=True)},
    )


def _targets(path: Path, out: Path, folds: int) -> tuple[Path, ...]:
    """Files to write, after a check that they lie beside `path` and do not exist."""
    if os.path.realpath(path.parent) != os.path.realpath(out.parent):
        raise ColliculusError(f"{out} is not in the folder of {path}, where paths begin: use {path.parent / out.name}")
    targets = tuple(out.with_name(f"{out.stem}-fold-{i}{out.suffix}") for i in range(folds)) or (out,)
    if existing := [target for target in targets if os.path.lexists(target)]:
        raise ColliculusError(f"{existing[0]} exists: choose another name, or delete it")
    return targets


def _groups(table: TableFile, column: str) -> list[str]:
    """Group of each row, "" if it has none."""
    if column not in table.columns:
        if column != "group":
            raise unknown_name(f"column of {table.path}", column, table.columns)
        return [""] * len(table.rows)
    at = table.columns.index(column)
    return [cells[at].strip() for cells in table.rows]


def _spread(texts: Sequence[str], rows: Sequence[int] | np.ndarray, length: int) -> list[str]:
    """A column with `texts` in `rows` and "" elsewhere."""
    column = [""] * length
    for row, text in zip(rows, texts, strict=True):
        column[row] = text
    return column


def _write(path: Path, table: TableFile, new: Mapping[str, Sequence[str]]) -> None:
    """Write the table with columns replaced, or added at its end."""
    columns = tuple(dict.fromkeys((*table.columns, *new)))
    old = {name: at for at, name in enumerate(table.columns)}
    rows = [
        [new[name][number] if name in new else cells[old[name]] for name in columns]
        for number, cells in enumerate(table.rows)
    ]
    write_table(path, columns, rows)


def _untrained(labels: Sequence[str], splits: Sequence[str]) -> tuple[str, ...]:
    by_split = {name: {label for label, split in zip(labels, splits, strict=True) if split == name} for name in SPLITS}
    return tuple(sorted((by_split["validation"] | by_split["test"]) - by_split["train"]))
