"""Form of a published table: its accuracies, and which of our trainings stands for each row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from colliculus.corpus.recipes import RECIPES
from colliculus.data.noise import SnrOf


@dataclass(frozen=True)
class PublishedAccuracy:
    """A published accuracy in percent, with its standard deviation over seeds where the paper gives one.

    Example:
        >>> str(PublishedAccuracy(70.74, 1.08)), str(PublishedAccuracy(73.25))
        ('70.74 ± 1.08', '73.25')
    """

    accuracy: float
    deviation: float | None = None

    def __str__(self) -> str:
        return f"{self.accuracy:.2f}" + ("" if self.deviation is None else f" ± {self.deviation:.2f}")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table.

    Args:
        title: title as it is printed.
        method: our method; followed by the name of a dataset it names a preset.
        settings: settings of this row by dotted name.
        base: settings of its training by dotted name, not part of folder names; those that a user gives come before
            them.
        suffix: end of its folder names, where `settings` do not tell it from another row.
        snr_db: white noise on modalities in the test, in dB.
        snr_of: input whose power these ratios refer to.
        published: the paper's accuracy by dataset.
    """

    title: str
    method: str
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    base: Mapping[str, Any] = field(default_factory=dict[str, Any])
    suffix: str = ""
    snr_db: Mapping[str, float] = field(default_factory=dict[str, float])
    snr_of: SnrOf = "standardised"
    published: Mapping[str, PublishedAccuracy] = field(default_factory=dict[str, PublishedAccuracy])


@dataclass(frozen=True, kw_only=True)
class PublishedTable:
    """A table of a paper.

    Args:
        title: subject of the table.
        source: the paper.
        selection: how the paper chose the epoch whose accuracy it prints.
        protocol: data and training of the paper, and where ours differ.
        datasets: datasets of the table, by our names.
        against: title of the reference row, from which distances are measured.
        rows: rows in order.
        base: settings of all rows by dotted name; those that a user gives come before them.
        notes: published figures that no training of ours stands for.
    """

    title: str
    source: str
    selection: str
    protocol: str
    datasets: tuple[str, ...]
    against: str
    rows: tuple[Row, ...]
    base: Mapping[str, Any] = field(default_factory=dict[str, Any])
    notes: tuple[str, ...] = ()

    @property
    def is_about_noise(self) -> bool:
        """True if rows differ in the noise of the test."""
        return any(row.snr_db for row in self.rows)


def is_as_in_papers(data: str, protocol: str) -> bool:
    """True if a run trained and was tested on the samples of the papers, but for a validation part from training.

    Args:
        data: dataset by its name in the presets.
        protocol: protocol of the run.

    Example:
        >>> is_as_in_papers("crema-d", "paper, validation from training"), is_as_in_papers("crema-d", "group-disjoint")
        (True, False)
        >>> is_as_in_papers("urbansound8k-av", "paper")  # near the split of the papers
        False
    """
    return papers_are_repeated(data) and protocol.partition(",")[0] == "paper"


def papers_are_repeated(data: str) -> bool:
    """True if the protocol `paper` of a dataset, by its name in the presets, has the samples of the papers."""
    return data in RECIPES and RECIPES[data].repeats_papers


def published(datasets: tuple[str, ...], *accuracies: float) -> dict[str, PublishedAccuracy]:
    """Accuracies by dataset.

    Example:
        >>> published(("crema-d", "ave"), 77.55, 70.65)["ave"].accuracy
        70.65
    """
    return {name: PublishedAccuracy(accuracy) for name, accuracy in zip(datasets, accuracies, strict=True)}


def balanced(title: str, kind: str, accuracies: Mapping[str, PublishedAccuracy], **settings: Any) -> Row:
    """A row of late fusion with a balance.

    Args:
        title: title of the row.
        kind: kind of balance.
        accuracies: published accuracy by dataset.
        settings: settings of the balance by name.

    Example:
        >>> balanced("OGM-GE", "ogm-ge", {}, alpha=0.8).settings
        {'method.balance.kind': 'ogm-ge', 'method.balance.ogm_ge.alpha': 0.8}
    """
    own = {f"method.balance.{kind.replace('-', '_')}.{name}": value for name, value in settings.items()}
    return Row(
        title=title,
        method="late-fusion-concat",
        settings={"method.balance.kind": kind, **own},
        published=accuracies,
    )
