"""Protocols: the samples that train a model, choose its weights, and test it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.sample import Sample
from colliculus.corpus.shared_content import conflicting, linked_groups
from colliculus.corpus.splits import stratified_folds, stratified_holdout
from colliculus.files.checks import SPLITS
from colliculus.types import ColliculusError, unknown_name

Rows = NDArray[np.int64]
ProtocolName = Literal["group-disjoint", "paper", "given"]

FORMER_NAME = "honest"
"""Name of the protocol `group-disjoint` in version 0.1, still accepted in settings."""


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


class SplitProtocol(Protocol):
    """A protocol: a frozen dataclass of its settings."""

    name: ClassVar[ProtocolName]

    @property
    def description(self) -> str:
        """The rule of the protocol in one sentence."""
        ...

    def divide(self, samples: Sequence[Sample], contents: Sequence[Collection[str]]) -> Partition:
        """Assign samples to parts.

        Args:
            samples: n readable samples.
            contents: `content_keys` of each; empty where they are unknown.

        Raises:
            ColliculusError: the data lack something that the protocol needs, or a class would have no training sample.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class GroupDisjoint:
    """Folds that keep related samples together.

    Raises:
        ColliculusError: a setting is out of range.

    Example:
        >>> GroupDisjoint(fold=1, folds=3, validation_fraction=0.2, seed=0).description[:54]
        'fold 1 of 3 is the test part; groups and identical con'
    """

    name: ClassVar[ProtocolName] = "group-disjoint"

    fold: int
    """Number of the fold that is the test part, from 0."""
    folds: int
    """Number of folds."""
    validation_fraction: float
    """Share of the other folds that becomes the validation part."""
    seed: int
    """Seed of the assignment of groups to folds."""

    def __post_init__(self) -> None:
        if not 0 <= self.fold < self.folds or self.folds < 2:
            raise ColliculusError(f"there is no fold {self.fold} of {self.folds}: give `fold` 0 to {self.folds - 1}")
        _check_fraction(self.validation_fraction)

    @property
    def description(self) -> str:
        """See `SplitProtocol.description`."""
        return (
            f"fold {self.fold} of {self.folds} is the test part; groups and identical content stay on one side, classes"
            " (and strata) keep their proportion, and samples that are left out or carry two labels are only tested on"
        )

    def divide(self, samples: Sequence[Sample], contents: Sequence[Collection[str]]) -> Partition:
        """See `SplitProtocol.divide`. Without groups only shared content links samples; the name says so."""
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
        train, validation = _take_validation(
            np.flatnonzero((fold != self.fold) & usable), samples, linked, self.validation_fraction, self.seed
        )
        known = "group" if any(sample.group for sample in samples) else "content" if any(contents) else "sample"
        name = f"{self.name} by {known}{'' if known == 'group' else ' (no groups are known)'}"
        parts = Partition(
            train, validation, np.flatnonzero(fold == self.fold), f"{name}, fold {self.fold} of {self.folds}"
        )
        return _checked(parts, samples)


@dataclass(frozen=True, kw_only=True)
class Paper:
    """The publisher's split, for numbers that can be compared with papers.

    The split is kept as published: samples that `left_out` marks stay in the publisher's part.

    Raises:
        ColliculusError: a setting is out of range.
    """

    name: ClassVar[ProtocolName] = "paper"

    validation_fraction: float
    """Share of each class of the training part that becomes the validation part, if none was published."""
    seed: int
    """Seed of the choice of these samples."""

    def __post_init__(self) -> None:
        _check_fraction(self.validation_fraction)

    @property
    def description(self) -> str:
        """See `SplitProtocol.description`."""
        return (
            "the publisher's split as it is, with related samples on both sides; if no validation part was published,"
            " a share of each class of the training part becomes one"
        )

    def divide(self, samples: Sequence[Sample], contents: Sequence[Collection[str]]) -> Partition:  # noqa: ARG002
        """See `SplitProtocol.divide`; samples without a split are in no part."""
        splits = [sample.split or "" for sample in samples]
        remedy = f"name the publisher's lists when you prepare the data, or use `{GroupDisjoint.name}`"
        parts = _by_split(splits, self.name, remedy)
        alone = np.arange(len(samples))
        return _checked(_with_validation(parts, samples, alone, self.validation_fraction, self.seed), samples)


@dataclass(frozen=True, kw_only=True)
class Given:
    """The split of your own manifest or folders.

    Samples that `left_out` marks are in no part.

    Raises:
        ColliculusError: a setting is out of range.
    """

    name: ClassVar[ProtocolName] = "given"

    validation_fraction: float
    """Share of the training part that becomes the validation part, if there is none."""
    seed: int
    """Seed of the choice of these samples or groups."""

    def __post_init__(self) -> None:
        _check_fraction(self.validation_fraction)

    @property
    def description(self) -> str:
        """See `SplitProtocol.description`."""
        return (
            "the split of the data, without samples that are left out; if there is no validation part, a share of the"
            " training part becomes one, with groups and identical content on one side"
        )

    def divide(self, samples: Sequence[Sample], contents: Sequence[Collection[str]]) -> Partition:
        """See `SplitProtocol.divide`; samples without a split, and those that are left out, are in no part."""
        splits = ["" if sample.left_out else sample.split or "" for sample in samples]
        remedy = f"write a column `split` (`colliculus split` makes one), or use `{GroupDisjoint.name}`"
        parts = _by_split(splits, self.name, remedy)
        linked = linked_groups(samples, contents)
        return _checked(_with_validation(parts, samples, linked, self.validation_fraction, self.seed), samples)


def choose_protocol(
    name: str, *, fold: int, folds: int, validation_fraction: float, seed: int
) -> GroupDisjoint | Paper | Given:
    """The protocol of that name; only `group-disjoint` has folds.

    Raises:
        ColliculusError: a setting is out of range, or a fold is given for a protocol without folds.

    Example:
        >>> choose_protocol("paper", fold=0, folds=5, validation_fraction=0.1, seed=3)
        Paper(validation_fraction=0.1, seed=3)
    """
    name = current_name(name)
    if name not in get_args(ProtocolName):
        raise unknown_name("protocol", name, get_args(ProtocolName))
    if name == GroupDisjoint.name:
        return GroupDisjoint(fold=fold, folds=folds, validation_fraction=validation_fraction, seed=seed)
    if fold:
        raise ColliculusError(
            f"the protocol `{name}` has no folds, and `fold` is {fold}: leave it at 0, or use `{GroupDisjoint.name}`"
        )
    kind = Paper if name == Paper.name else Given
    return kind(validation_fraction=validation_fraction, seed=seed)


def current_name(protocol: str) -> str:
    """The present spelling of a protocol in settings or in the record of a run.

    Example:
        >>> current_name("honest"), current_name("honest by group, fold 0 of 5"), current_name("paper")
        ('group-disjoint', 'group-disjoint by group, fold 0 of 5', 'paper')
    """
    former = protocol == FORMER_NAME or protocol.startswith(f"{FORMER_NAME} ")
    return GroupDisjoint.name + protocol.removeprefix(FORMER_NAME) if former else protocol


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise ColliculusError(f"`validation_fraction` must lie between 0 and 1, and is {fraction}")


def _by_split(splits: Sequence[str], name: str, remedy: str) -> Partition:
    named = np.array(splits)
    train, validation, test = (np.flatnonzero(named == split) for split in SPLITS)
    if not len(train) or not len(test):
        lacking = "test" if len(train) else "train"
        raise ColliculusError(
            f"the protocol `{name}` needs samples of the split {lacking!r}, and there are none: {remedy}"
        )
    return Partition(train, validation, test, name)


def _with_validation(
    parts: Partition, samples: Sequence[Sample], linked: Rows, fraction: float, seed: int
) -> Partition:
    if len(parts.validation):
        return parts
    train, validation = _take_validation(parts.train, samples, linked, fraction, seed)
    return Partition(train, validation, parts.test, f"{parts.name}, validation from training")


def _take_validation(
    rows: Rows, samples: Sequence[Sample], linked: Rows, fraction: float, seed: int
) -> tuple[Rows, Rows]:
    """Divide `rows` into training and validation by whole linked groups."""
    labels = np.array([samples[row].label for row in rows])
    try:
        kept, held = stratified_holdout(labels, fraction=fraction, seed=seed, groups=_grouping(linked[rows]))
    except ColliculusError as error:
        raise ColliculusError(
            f"no validation part can be taken from {len(rows)} training samples without losing a class: add samples,"
            " groups that hold several classes, or a validation part"
        ) from error
    return rows[kept], rows[held]


def _grouping(linked: Rows) -> Rows | None:
    """None if every sample is a group of its own: then every class can be divided exactly."""
    return None if len(np.unique(linked)) == len(linked) else linked


def _checked(parts: Partition, samples: Sequence[Sample]) -> Partition:
    """Check that every class of the test and validation parts has training samples."""
    trained = {samples[row].label for row in parts.train}
    for row in (*parts.validation, *parts.test):
        if (label := samples[row].label) not in trained:
            raise ColliculusError(
                f"{parts.name}: no training sample of the class {label!r} is left: add samples of more groups, or"
                " remove the class"
            )
    return parts
