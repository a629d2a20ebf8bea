"""Reproduction of a paper's table: published accuracies beside ours, with intervals, differences and protocols."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from statistics import fmean
from typing import TYPE_CHECKING, Any, Self

from colliculus.data.noise import SnrOf
from colliculus.evaluation.paired import PairedTest, Score, Trainings, paired_tests
from colliculus.evaluation.significance import student_interval
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.figures import Bars, BarSeries, figure
from colliculus.files.documents import as_document, package_version
from colliculus.records import Column, Record, Table
from colliculus.runs.metrics import wilson_interval
from colliculus.sweeps.plan import Variant
from colliculus.sweeps.published import PublishedAccuracy, Row, is_as_in_papers, papers_are_repeated
from colliculus.sweeps.published_tables import TABLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class ReproducedRow:
    """One row of a paper's table, with our trainings of it.

    Args:
        title: title of the row.
        preset: preset that was trained.
        settings: settings in which its trainings differ from the preset, by dotted name.
        snr_db: noise on modalities in the test, in dB.
        snr_of: input whose power these ratios refer to.
        published: accuracy in the paper; None where it is not at hand.
        ours: our accuracy; None where every training failed.
        difference: ours minus the paper's, in points; None where the data or their split differ, or one of the two is
            missing.
        published_distance: the paper's accuracy minus that of the reference row, in points.
        distance: our trainings against those of the reference row, paired.
        best_on_test: accuracy of the best epoch on the test part of each of our trainings, as most papers choose it;
            it is too high. Empty where it was not measured.
        epochs: epochs of its trainings.
    """

    title: str
    preset: str
    settings: Mapping[str, Any]
    snr_db: Mapping[str, float]
    published: PublishedAccuracy | None
    ours: Score | None
    difference: float | None
    published_distance: float | None
    distance: PairedTest | None
    best_on_test: tuple[float, ...] = ()
    snr_of: SnrOf = "standardised"
    epochs: int = 0


@dataclass(frozen=True, kw_only=True)
class Reproduction(Record):
    """A paper's table beside our trainings; accuracies of the paper in percent, ours as fractions.

    Args:
        version: version of colliculus that made the record.
        name: name of the table.
        title: title of the table.
        source: the paper.
        paper_data: dataset whose published accuracies stand beside ours.
        paper_protocol: data and training of the paper, and where ours differ.
        data: our dataset.
        protocol: how our data were split.
        fingerprint: digest of our data.
        selection: how our trainings choose the epoch that is tested.
        scaled: True where the paper did not use our data, so that only distances between rows compare.
        against: title of the reference row, from which distances are measured.
        rows: the rows of the table.
        failure: names and errors of trainings that failed; empty where none did.
        paper_selection: how the paper chose the epoch whose accuracy it prints.
        notes: published figures that no training of ours stands for.
        num_clips: clips of our test part; 0 where it is not known.
        differing: settings of the training in which rows differ, by dotted name.
    """

    version: str
    name: str
    title: str
    source: str
    paper_data: str
    paper_protocol: str
    data: str
    protocol: str
    fingerprint: str
    selection: str
    scaled: bool
    against: str
    rows: tuple[ReproducedRow, ...]
    failure: str = ""
    paper_selection: str = ""
    notes: tuple[str, ...] = ()
    num_clips: int = 0
    differing: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, plain: object) -> Self:
        """The inverse of `to_dict`; records of earlier editions have the epochs of all rows in one place."""
        found = as_document(plain)
        if "epochs" in found:
            found = {**found, "rows": [{**row, "epochs": found["epochs"]} for row in found["rows"]]}
            del found["epochs"]
        return super().from_dict(found)

    @property
    def comparable(self) -> bool:
        """True if accuracies compare with the paper's: its data, divided as in the paper."""
        return is_as_in_papers(self.data, self.protocol) and not self.scaled

    def table(self) -> Table:
        """A line for each row: the paper's accuracy, ours by either rule with its interval, and distances."""
        apart = ("difference", "distance") if self.comparable else ("distance,\npaper", "distance,\nours")
        headings = ("paper", "ours", "best\non test", *apart)
        figures = [Column(heading, "right", fold=True) for heading in headings]  # a cut figure would be a wrong one
        columns = (Column("row", style="cyan", fold=True), *figures)
        rows = [(row.title, *self._cells(row)) for row in self.rows]
        return Table(columns, rows, f"{self.source}: {self.title}, accuracy in %", tuple(self._notes()))

    def figure(self) -> Figure:
        """Accuracy of each row in the paper and in our trainings; where they do not compare, distances to one row."""
        paper, ours, low, high = zip(*map(self._bars, self.rows), strict=True)
        series = [BarSeries(name="paper", values=paper), BarSeries(name="ours", values=ours, low=low, high=high)]
        xlabel = "test accuracy, %" if self.comparable else f"difference to {self.against}, points"
        names = [row.title for row in self.rows]
        return figure([Bars(names=names, series=series, xlabel=xlabel)], title=self.name)

    def _bars(self, row: ReproducedRow) -> tuple[float, ...]:
        """Bars of a row: the paper's, ours, and the ends of the interval of ours; NaN where there is none."""
        if self.comparable:
            paper = row.published.accuracy if row.published else None
            ours = (row.ours.accuracy, *row.ours.interval) if row.ours else None
        else:
            paper, test = row.published_distance, row.distance
            ours = (test.difference, *(test.seed_interval or test.clip_interval)) if test else None
        return (nan if paper is None else paper, *(100 * share for share in ours or (nan, nan, nan)))

    def _cells(self, row: ReproducedRow) -> Iterator[str]:
        yield "not at\nhand" if row.published is None else str(row.published).replace(" ± ", "\n± ")
        yield "" if row.ours is None else _with_interval(row.ours.accuracy, row.ours.interval, ".1f")
        yield _best(row.best_on_test, self.num_clips)
        apart = row.difference if self.comparable else row.published_distance
        yield "" if apart is None else f"{apart:+.1f}"
        test = row.distance
        yield "" if test is None else _with_interval(test.difference, test.seed_interval or test.clip_interval, "+.1f")

    def _notes(self) -> Iterator[str]:
        runs = max(len(row.ours.accuracies) if row.ours else 0 for row in self.rows)
        chosen = f"epoch: {self.paper_selection}; " if self.paper_selection else ""
        yield f"Paper: {self.paper_data}; {chosen}{self.paper_protocol}; ± is the standard deviation."
        yield (
            f"Ours: {self.data}, {self.protocol}; {self._epochs()} epochs, selected by {self.selection}, "
            f"tested once; mean of {runs} training(s) with 95 % interval over {'seeds' if runs > 1 else 'clips'}; "
            f"presets {', '.join(dict.fromkeys(row.preset for row in self.rows))}."
        )
        if self.differing:
            names = ", ".join(name.rpartition(".")[2].replace("_", " ") for name in self.differing)
            yield f"Rows also differ in their training ({names}); the record has the settings of each."
        if any(row.best_on_test for row in self.rows):
            yield (
                "Best on test: the same trainings, the epoch of each chosen on the test part itself, as most papers do."
                " It is too high and no result; compare it with the paper's only where the paper chose so."
            )
            if any(row.snr_db for row in self.rows):
                yield "Rows under noise have no best on test: the epochs of a training are tested without it."
        yield from self.notes
        difference = "Difference: ours minus the paper's, in points. " if self.comparable else ""
        yield f"{difference}Distance: from the row {self.against}, in points; ours is paired by seed and clip."
        if self.scaled:
            yield (
                f"The paper has no accuracies on {self.data}: this is a scaled version of its table. Compare the "
                "distances between rows, not the accuracies."
            )
        elif not papers_are_repeated(self.data):
            yield (
                f"The paper's training and test samples of {self.data} cannot be repeated: compare the distances"
                " between rows, not the accuracies."
            )
        elif not self.comparable:
            yield (
                "The paper's accuracies are of the publisher's split, ours are not: compare the distances between rows,"
                " not the accuracies. To train on the publisher's split, run it into another folder (--out) with "
                "-- --data.protocol paper."
            )

    def _epochs(self) -> str:
        """Epochs of the rows, such as 100, or 100 to 150 where they differ."""
        epochs = {row.epochs for row in self.rows}
        return " to ".join(str(number) for number in sorted({min(epochs), max(epochs)}))


def _with_interval(share: float, interval: tuple[float, float], form: str) -> str:
    """A share in percent, and its interval on a line of its own: side by side they do not fit 80 characters."""
    return f"{format(100 * share, form)}\n{'..'.join(format(100 * bound, form) for bound in interval)}"


def _best(accuracies: Sequence[float], num_clips: int) -> str:
    """Mean of accuracies in percent, with its 95 % interval: over seeds (Student), or of one over clips (Wilson)."""
    if not accuracies:
        return ""
    mean = fmean(accuracies)
    if len(accuracies) > 1:
        low, high = student_interval(accuracies)
        return _with_interval(mean, (max(low, 0.0), min(high, 1.0)), ".1f")
    if not num_clips:
        return f"{100 * mean:.1f}\none seed"
    return _with_interval(mean, wilson_interval(round(mean * num_clips), num_clips), ".1f")


def _differing(variants: Iterable[Variant]) -> tuple[str, ...]:
    """Settings of the training and the loss in which variants differ, by dotted name."""
    settings = [variant.settings for variant in variants]
    names = (name for name in settings[0] if name.startswith(("train.", "method.label_smoothing")))
    return tuple(name for name in names if any(own.get(name) != settings[0][name] for own in settings))


def reproduction(
    name: str,
    data: str,
    variants: Mapping[str, Variant],
    correct: Mapping[str, Trainings],
    best_on_test: Mapping[str, tuple[float, ...]],
    run: TrainedRun | None,
    failure: str = "",
) -> Reproduction:
    """The record of trainings that are done.

    Args:
        name: name of the table.
        data: our dataset.
        variants: preset and settings of each row by title.
        correct: correctness of each row's trainings by title; none where all failed.
        best_on_test: accuracy of the best epoch on the test part of each row's trainings by title.
        run: any of the trainings; None where all failed.
        failure: names and errors of trainings that failed.
    """
    table = TABLES[name]
    scaled = data not in table.datasets
    paper_data = table.datasets[0] if scaled else data
    base = correct[table.against]
    paired = {title: row for title, row in correct.items() if row.keys() & base.keys()}
    distances = {test.first: test for test in paired_tests(paired, table.against)} if paired else {}
    published = {row.title: row.published.get(paper_data) for row in table.rows}
    reference = published[table.against]
    protocol = run.run.protocol if run else ""
    comparable = not scaled and is_as_in_papers(data, protocol)

    def row(of: Row) -> ReproducedRow:
        paper, ours = published[of.title], Score.of(correct[of.title]) if correct[of.title] else None
        apart = paper.accuracy - reference.accuracy if paper and reference and of.title != table.against else None
        return ReproducedRow(
            title=of.title,
            preset=variants[of.title].preset,
            settings=variants[of.title].changes,
            snr_db=of.snr_db,
            snr_of=of.snr_of,
            published=paper,
            ours=ours,
            difference=None if not (comparable and paper and ours) else 100 * ours.accuracy - paper.accuracy,
            published_distance=apart,
            distance=distances.get(of.title),
            best_on_test=best_on_test.get(of.title, ()),
            epochs=variants[of.title].experiment.train.epochs,
        )

    return Reproduction(
        version=package_version(),
        name=name,
        title=table.title,
        source=table.source,
        paper_data=paper_data,
        paper_protocol=table.protocol,
        paper_selection=table.selection,
        notes=table.notes,
        data=data,
        protocol=protocol,
        fingerprint=run.run.fingerprint if run else "",
        selection=run.result.selection if run else "",
        scaled=scaled,
        against=table.against,
        rows=tuple(map(row, table.rows)),
        failure=failure,
        num_clips=max((len(clips) for trainings in correct.values() for clips in trainings.values()), default=0),
        differing=_differing(variants.values()),
    )
