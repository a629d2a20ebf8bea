"""Protocols: the samples that train a model, choose its weights, and test it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.sample import Sample
from colliculus.corpus.shared_content import conflicting, linked_groups
from colliculus.corpus.splits import held_out, stratified_folds
from colliculus.files.checks import SPLITS
from colliculus.types import ColliculusError, unknown_name

Rows = NDArray[np.int64]
ProtocolName = Literal["group-disjoint", "paper", "given"]

_REMEDIES = {
    "paper": "name the publisher's lists when you prepare the data",
    "given": "write a column `split` (`colliculus split` makes one)",
}


@dataclass(frozen=True)
class Partition:
    """Rows of each part, ascending; some samples may be in no part.

    Args:
        train, validation, test: rows.
        name: how they were chosen, for the record of a run.
    """

    train: Rows
    validation: Rows
    test: Rows
    name: str


@dataclass(frozen=True, kw_only=True)
class SplitProtocol:
    """Rule by which samples become the training, validation and test part.

    `group-disjoint`: one of several folds is the test part. Groups and identical content stay on one side, classes (and
    strata) keep their proportion, and samples that are left out or carry two labels are only tested on.

    `paper`: the publisher's split as it is, for numbers that can be compared with papers: related samples may be on
    both sides, and samples that are left out stay in their part.

    `given`: the split of your own manifest or folders, without samples that are left out.

    Where `paper` and `given` have no validation part, a share of the training part becomes one: of each class, and
    under `given` with groups and identical content on one side. Samples without a split are in no part. With a share of
    0 there is no validation part.

    Raises:
        ColliculusError: a setting is out of range, or a fold is given for a protocol without folds.
    """

    name: ProtocolName
    """Which of the rules."""
    fold: int
    """Number of the fold that is the test part, from 0; 0 for protocols without folds."""
    folds: int
    """Number of folds."""
    validation_fraction: float
    """Share of the samples outside the test part that becomes the validation part, where none is given; 0: no part."""
    seed: int
    """Seed of the folds and of the validation part."""

    def __post_init__(self) -> None:
        if self.name not in get_args(ProtocolName):
            raise unknown_name("protocol", self.name, get_args(ProtocolName))
        if self.name != "group-disjoint" and self.fold:
            raise ColliculusError(
                f"the protocol `{self.name}` has no folds, and `fold` is {self.fold}: leave it at 0, or use"
                " `group-disjoint`"
            )
        if self.name == "group-disjoint" and (not 0 <= self.fold < self.folds or self.folds < 2):
            raise ColliculusError(f"there is no fold {self.fold} of {self.folds}: give `fold` 0 to {self.folds - 1}")
        if not 0 <= self.validation_fraction < 1:
            raise ColliculusError(
                f"`validation_fraction` is {self.validation_fraction}: choose at least 0 and less than 1"
            )

    def divide(self, samples: Sequence[Sample], contents: Sequence[Collection[str]]) -> Partition:
        """Assign samples to parts.

        Args:
            samples: n readable samples.
            contents: `content_keys` of each; empty where they are unknown.

        Raises:
            ColliculusError: the data lack something that the protocol needs, or a class would have no training sample.
        """
        if self.name == "group-disjoint":
            parts = self._by_fold(samples, contents)
        elif self.name == "paper":
            parts = self._by_split([sample.split for sample in samples], samples, np.arange(len(samples)))
        else:
            splits = [None if sample.left_out else sample.split for sample in samples]
            parts = self._by_split(splits, samples, linked_groups(samples, contents))
        trained = {samples[row].label for row in parts.train}
        for row in (*parts.validation, *parts.test):
            if (label := samples[row].label) not in trained:
                raise ColliculusError(
                    f"{parts.name}: no training sample of the class {label!r} is left: add samples of more groups, or"
                    " remove the class"
                )
        return parts

    def _by_fold(self, samples: Sequence[Sample], contents: Sequence[Collection[str]]) -> Partition:
        """One fold as test; without groups only shared content links samples, and the name says so."""
        linked = linked_groups(samples, contents)
        strata = np.array([f"{sample.label}\0{sample.stratum or ''}" for sample in samples])
        try:
            fold = stratified_folds(strata, folds=self.folds, seed=self.seed, groups=_grouping(linked))
        except ColliculusError as error:
            raise ColliculusError(
                f"the samples share groups or content so that they fall into {len(np.unique(linked))} independent"
                f" part(s), too few for {self.folds} folds: ask for fewer folds, or define finer groups"
            ) from error
        barred = {row for rows in conflicting(samples, contents) for row in rows}
        barred |= {row for row, sample in enumerate(samples) if sample.left_out}
        usable = np.array([row not in barred for row in range(len(samples))])
        train, validation = self._take_validation(np.flatnonzero((fold != self.fold) & usable), samples, linked)
        known = "group" if any(sample.group for sample in samples) else "content" if any(contents) else "sample"
        name = f"{self.name} by {known}{'' if known == 'group' else ' (no groups are known)'}"
        test = np.flatnonzero(fold == self.fold)
        unvalidated = "" if self.validation_fraction else ", no validation part"
        return Partition(train, validation, test, f"{name}, fold {self.fold} of {self.folds}{unvalidated}")

    def _by_split(self, splits: Sequence[str | None], samples: Sequence[Sample], linked: Rows) -> Partition:
        """The parts that are named; a missing validation part is taken from training by whole linked groups."""
        named = np.array([split or "" for split in splits])
        train, validation, test = (np.flatnonzero(named == split) for split in SPLITS)
        if not len(train) or not len(test):
            raise ColliculusError(
                f"the protocol `{self.name}` needs samples of the split {'test' if len(train) else 'train'!r}, and"
                f" there are none: {_REMEDIES[self.name]}, or use `group-disjoint`"
            )
        if len(validation):
            return Partition(train, validation, test, self.name)
        taken = "validation from training" if self.validation_fraction else "no validation part"
        return Partition(*self._take_validation(train, samples, linked), test, f"{self.name}, {taken}")

    def _take_validation(self, rows: Rows, samples: Sequence[Sample], linked: Rows) -> tuple[Rows, Rows]:
        """Divide `rows` into training and validation by whole linked groups."""
        labels = np.array([samples[row].label for row in rows])
        groups = _grouping(linked[rows])
        try:
            kept, held = held_out(labels, fraction=self.validation_fraction, seed=self.seed, groups=groups)
        except ColliculusError as error:
            raise ColliculusError(
                f"no validation part can be taken from {len(rows)} training samples without losing a class: add"
                " samples, groups that hold several classes, or a validation part"
            ) from error
        return rows[kept], rows[held]


def current_name(protocol: str) -> str:
    """The present spelling of a protocol in settings or in the record of a run.

    Example:
        >>> current_name("honest"), current_name("honest by group, fold 0 of 5"), current_name("paper")
        ('group-disjoint', 'group-disjoint by group, fold 0 of 5', 'paper')
    """
    return re.sub(r"^honest(?= |$)", "group-disjoint", protocol)


def _grouping(linked: Rows) -> Rows | None:
    """None if every sample is a group of its own: then every class can be divided exactly."""
    return None if len(np.unique(linked)) == len(linked) else linked
