"""Protocols: which samples train, which choose the model, and which test it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.shared_content import companies, conflicting
from colliculus.corpus.source import Source
from colliculus.corpus.splits import stratified_folds, stratified_holdout
from colliculus.files.checks import SPLITS
from colliculus.types import ColliculusError

Rows = NDArray[np.int64]
ProtocolName = Literal["honest", "paper", "given"]


@dataclass(frozen=True)
class Partition:
    """The rows of each part, ascending; some samples may be in none.

    Args:
        train, validation, test: rows.
        name: how they were chosen, for the record of a run.
    """

    train: Rows
    validation: Rows
    test: Rows
    name: str


class Division(Protocol):
    """A protocol: a frozen dataclass of its settings."""

    name: ClassVar[ProtocolName]

    @property
    def description(self) -> str:
        """What it does, in one sentence."""
        ...

    def divide(self, sources: Sequence[Source], contents: Sequence[Collection[str]]) -> Partition:
        """The parts of the samples.

        Args:
            sources: n samples, all of which can be read.
            contents: the `content_keys` of each; empty where they are not known.

        Raises:
            ColliculusError: the data do not tell what the protocol needs, or a class would have nothing to train on.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Honest:
    """Folds that keep related samples together.

    Raises:
        ColliculusError: a setting is out of range.

    Example:
        >>> Honest(fold=1, folds=3, validation_fraction=0.2, seed=0).description[:53]
        'fold 1 of 3 is the test; groups and identical content'
    """

    name: ClassVar[ProtocolName] = "honest"

    fold: int
    """Which fold is the test, from 0."""
    folds: int
    """How many there are."""
    validation_fraction: float
    """Share of the other folds that chooses the model."""
    seed: int
    """Decides which groups are in which fold."""

    def __post_init__(self) -> None:
        if not 0 <= self.fold < self.folds or self.folds < 2:
            raise ColliculusError(f"there is no fold {self.fold} of {self.folds}: give `fold` 0 to {self.folds - 1}")
        _check_fraction(self.validation_fraction)

    @property
    def description(self) -> str:
        """As `Division.description`."""
        return (
            f"fold {self.fold} of {self.folds} is the test; groups and identical content stay on one side, classes (and"
            " strata) keep their proportion, and what is left out or stands under two labels is only tested"
            " on"
        )

    def divide(self, sources: Sequence[Source], contents: Sequence[Collection[str]]) -> Partition:
        """As `Division.divide`; without groups each sample is alone, unless it shares content, and the name says so."""
        company = companies(sources, contents)
        strata = np.array([f"{source.label}\0{source.stratum or ''}" for source in sources])
        try:
            fold = stratified_folds(strata, folds=self.folds, seed=self.seed, groups=_grouping(company))
        except ColliculusError as error:
            raise ColliculusError(
                f"the samples share groups or content so that they fall into {len(np.unique(company))} independent"
                f" part(s), too few for {self.folds} folds: ask for fewer, or name finer groups"
            ) from error
        barred = {row for rows in conflicting(sources, contents) for row in rows}
        barred |= {row for row, source in enumerate(sources) if source.left_out}
        usable = np.array([row not in barred for row in range(len(sources))])
        train, validation = _take_validation(
            np.flatnonzero((fold != self.fold) & usable), sources, company, self.validation_fraction, self.seed
        )
        known = "group" if any(source.group for source in sources) else "content" if any(contents) else "sample"
        name = f"honest by {known}{'' if known == 'group' else ' (no groups are known)'}"
        parts = Partition(
            train, validation, np.flatnonzero(fold == self.fold), f"{name}, fold {self.fold} of {self.folds}"
        )
        return _checked(parts, sources)


@dataclass(frozen=True, kw_only=True)
class Paper:
    """The publisher's split, for numbers that can be compared.

    It is kept as it was published: samples that `left_out` marks stay in the part that the publisher put them in.

    Raises:
        ColliculusError: a setting is out of range.
    """

    name: ClassVar[ProtocolName] = "paper"

    validation_fraction: float
    """Share of each class of the training part that chooses the model, where no validation part was published."""
    seed: int
    """Decides which samples these are."""

    def __post_init__(self) -> None:
        _check_fraction(self.validation_fraction)

    @property
    def description(self) -> str:
        """As `Division.description`."""
        return (
            "the publisher's split, with all it holds, related samples on both sides too; validation, where none was"
            " published, is taken from each class of training"
        )

    def divide(self, sources: Sequence[Source], contents: Sequence[Collection[str]]) -> Partition:  # noqa: ARG002
        """As `Division.divide`; samples without a split are in no part."""
        splits = [source.split or "" for source in sources]
        parts = _by_split(splits, "paper", "name the publisher's lists when you prepare it, or take `honest`")
        alone = np.arange(len(sources))
        return _checked(_with_validation(parts, sources, alone, self.validation_fraction, self.seed), sources)


@dataclass(frozen=True, kw_only=True)
class Given:
    """The split that your manifest or folders tell.

    A sample that `left_out` marks is in no part.

    Raises:
        ColliculusError: a setting is out of range.
    """

    name: ClassVar[ProtocolName] = "given"

    validation_fraction: float
    """Share of the training part that chooses the model, where there is no validation part."""
    seed: int
    """Decides which samples or groups these are."""

    def __post_init__(self) -> None:
        _check_fraction(self.validation_fraction)

    @property
    def description(self) -> str:
        """As `Division.description`."""
        return (
            "the split that the data tell, without what is left out; validation, where there is none, is taken from"
            " training, with groups and identical content on one side"
        )

    def divide(self, sources: Sequence[Source], contents: Sequence[Collection[str]]) -> Partition:
        """As `Division.divide`; samples without a split, and those that are left out, are in no part."""
        mend = "write a column `split` (`colliculus split` makes one), or take `honest`"
        splits = ["" if source.left_out else source.split or "" for source in sources]
        parts = _by_split(splits, "given", mend)
        company = companies(sources, contents)
        return _checked(_with_validation(parts, sources, company, self.validation_fraction, self.seed), sources)


def choose_protocol(
    name: ProtocolName, *, fold: int, folds: int, validation_fraction: float, seed: int
) -> Honest | Paper | Given:
    """The protocol of that name; only `honest` has folds.

    Raises:
        ColliculusError: a setting is out of range, or a fold is asked of a protocol that has none.

    Example:
        >>> choose_protocol("paper", fold=0, folds=5, validation_fraction=0.1, seed=3)
        Paper(validation_fraction=0.1, seed=3)
    """
    if name == "honest":
        return Honest(fold=fold, folds=folds, validation_fraction=validation_fraction, seed=seed)
    if fold:
        raise ColliculusError(
            f"the protocol `{name}` has no folds, and `fold` is {fold}: leave it at 0, or take `honest`"
        )
    kind = Paper if name == "paper" else Given
    return kind(validation_fraction=validation_fraction, seed=seed)


def _check_fraction(fraction: float) -> None:
    if not 0 < fraction < 1:
        raise ColliculusError(f"`validation_fraction` must lie between 0 and 1, and is {fraction}")


def _by_split(splits: Sequence[str], name: str, mend: str) -> Partition:
    told = np.array(splits)
    train, validation, test = (np.flatnonzero(told == split) for split in SPLITS)
    if not len(train) or not len(test):
        lacking = "test" if len(train) else "train"
        raise ColliculusError(
            f"the protocol `{name}` needs samples of the split {lacking!r}, and there are none: {mend}"
        )
    return Partition(train, validation, test, name)


def _with_validation(
    parts: Partition, sources: Sequence[Source], company: Rows, fraction: float, seed: int
) -> Partition:
    if len(parts.validation):
        return parts
    train, validation = _take_validation(parts.train, sources, company, fraction, seed)
    return Partition(train, validation, parts.test, f"{parts.name}, validation from training")


def _take_validation(
    rows: Rows, sources: Sequence[Source], company: Rows, fraction: float, seed: int
) -> tuple[Rows, Rows]:
    """Part `rows` into training and validation, whole companies at a time."""
    labels = np.array([sources[row].label for row in rows])
    try:
        kept, held = stratified_holdout(labels, fraction=fraction, seed=seed, groups=_grouping(company[rows]))
    except ColliculusError as error:
        raise ColliculusError(
            f"of {len(rows)} samples to train on, no part can be held out for validation without losing a class: add"
            " samples, or groups that hold several classes, or a validation part"
        ) from error
    return rows[kept], rows[held]


def _grouping(company: Rows) -> Rows | None:
    """None where all are alone: then every class can be divided exactly."""
    return None if len(np.unique(company)) == len(company) else company


def _checked(parts: Partition, sources: Sequence[Source]) -> Partition:
    """Refuse a test or validation part with a class that is not trained on."""
    trained = {sources[row].label for row in parts.train}
    for row in (*parts.validation, *parts.test):
        if (label := sources[row].label) not in trained:
            raise ColliculusError(
                f"{parts.name}: nothing of the class {label!r} is left to train on: give it samples of more groups, or"
                " remove it"
            )
    return parts
