"""Comparison of methods by their finished runs: mean, spread and interval of each, and paired tests with a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from colliculus.evaluation.evaluate import predictions_of
from colliculus.evaluation.groups import Group, find_runs, group_runs, method_named, open_finished, settings_of
from colliculus.evaluation.paired import PairedTest, Score, Training, Trainings, paired_tests
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.evaluation.verdict import p_value, verdict
from colliculus.figures import Bars, BarSeries, figure
from colliculus.files.documents import package_version
from colliculus.files.tables import csv_bytes
from colliculus.records import Record, Table, Tables, console
from colliculus.records.console import span
from colliculus.runs.kept_predictions import Condition, read_predictions
from colliculus.runs.predictions import Predictions
from colliculus.types import ColliculusError, SnrOf

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AnyRun = TrainedRun | Path | str
"""A trained run, its folder, or a folder of runs."""


@dataclass(frozen=True, kw_only=True)
class ComparedMethod:
    """One method of a comparison.

    Args:
        name: the preset, and the settings in which it differs from other methods of that preset.
        preset: name of the preset.
        runs: run folders.
        trainings: test part and seed of each run.
        score: accuracy over the trainings.
        settings: settings of the first run by dotted name.
    """

    name: str
    preset: str
    runs: tuple[str, ...]
    trainings: tuple[Training, ...]
    score: Score
    settings: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Comparison(Record):
    """Methods that were tested on the same clips; accuracies and differences are fractions, not percent.

    Args:
        version: version of colliculus that made the comparison.
        dataset: name of the dataset.
        protocols: how the data were split, each once.
        fingerprints: digests of the data, each once.
        modalities: modalities of the data.
        classes: class names.
        num_clips: test clips, over all test parts.
        condition: corruption of the test clips.
        baseline: name of the method that the others are compared with.
        methods: the methods, in the order in which their runs were given.
        tests: each other method against the baseline.
        verdicts: result of each test in one or two sentences.
    """

    version: str
    dataset: str
    protocols: tuple[str, ...]
    fingerprints: tuple[str, ...]
    modalities: tuple[str, ...]
    classes: tuple[str, ...]
    num_clips: int
    condition: Condition
    baseline: str
    methods: tuple[ComparedMethod, ...]
    tests: tuple[PairedTest, ...]
    verdicts: tuple[str, ...]

    @property
    def repeats(self) -> str:
        """Unit of repetition: "seeds", or "test parts" where there are several."""
        return "test parts" if any(test.repeats == "test parts" for test in self.tests) else "seeds"

    @property
    def scores(self) -> dict[str, Score]:
        """Score of each method by name."""
        return {method.name: method.score for method in self.methods}

    def table(self) -> Tables:
        """The data, the methods, and the paired tests with their verdicts."""
        data = {
            "data": f"{self.dataset}, {', '.join(self.protocols)}",
            "test": f"{self.num_clips:,} clips, {self.condition.describe()}",
        }
        tests = (self._tests(),) if self.tests else ()
        return Tables((Table.facts("Comparison", data), self._methods(), *tests))

    def _methods(self) -> Table:
        rows: list[tuple[str, ...]] = []
        for name, score in self.scores.items():
            spread = "" if score.deviation is None else f" ± {100 * score.deviation:.1f}"
            interval = span(score.interval) + ("" if spread else " (clips)")
            reach = span((min(score.accuracies), max(score.accuracies)))
            rows.append((name, str(len(score.accuracies)), f"{100 * score.accuracy:.1f}{spread}", interval, reach))
        title = f"Methods: mean, standard deviation and interval over {self.repeats}"
        return Table.of(title, ("method", "runs", "accuracy, %", "95 % interval", "range"), rows)

    def _tests(self) -> Table:
        rows: list[tuple[str, ...]] = []
        for test in self.tests:
            seeds, clips = _points(test.seed_interval), _points(test.clip_interval)
            p_seeds, p = ("" if value is None else p_value(value) for value in (test.p_seeds, test.p))
            rows.append((test.first, f"{100 * test.difference:+.1f}", seeds, p_seeds, clips, p_value(test.p_clips), p))
        title = f"Difference to {self.baseline}, paired, 95 % intervals; both: the larger p, adjusted (Holm)"
        headings = ("method", "points", f"over {self.repeats}", "p", "over clips", "p", "both")
        return Table.of(title, headings, rows, self.verdicts)

    def figure(self) -> Figure:
        """Accuracy of each method and difference of each to the baseline, with 95 % intervals."""
        scores = list(self.scores.values())
        methods = Bars(
            names=list(self.scores),
            series=[_bars([score.accuracy for score in scores], [score.interval for score in scores], ".1f")],
            xlabel="test accuracy, %",
            low=0,
        )
        if not self.tests:
            return figure([methods])
        differences = [test.difference for test in self.tests]
        intervals = [test.seed_interval or test.clip_interval for test in self.tests]
        tests = Bars(
            names=[test.first for test in self.tests],
            series=[_bars(differences, intervals, "+.1f")],
            xlabel=f"difference to {self.baseline}, points",
        )
        return figure([methods], [tests])

    def to_csv(self) -> str:
        """A row of CSV for each method, in fractions; cells that do not apply are empty."""
        against = {test.first: test for test in self.tests}
        columns = (
            "method", "trainings", "accuracy", "deviation", "low", "high", "baseline", "difference", "difference_low",
            "difference_high", "p_seeds", "p_clips", "p", "shown",
        )  # fmt: skip
        rows: list[list[object]] = []
        for name, score in self.scores.items():
            row: list[object] = [name, len(score.accuracies), score.accuracy, score.deviation, *score.interval]
            if test := against.get(name):
                interval = test.seed_interval or (None, None)
                row += [test.second, test.difference, *interval, test.p_seeds, test.p_clips, test.p, test.is_shown]
            rows.append(row + [None] * (len(columns) - len(row)))
        return csv_bytes(columns, rows).decode()


def compare(
    runs: AnyRun | Iterable[AnyRun],
    *,
    baseline: str | None = None,
    over: Sequence[str] = (),
    snr_db: Mapping[str, float] | None = None,
    snr_of: SnrOf = "standardised",
    missing: Sequence[str] = (),
    device: str | None = "auto",
) -> Comparison:
    """Compare methods by their finished runs, all tested on the same clips.

    Runs that differ in nothing but the seed are one method. Each method gets its mean, spread and 95 % interval over
    seeds; each is tested against the baseline, paired, over seeds and over clips, and a difference is shown where both
    tests agree. With more than two methods the p-values are adjusted by Holm's method. Predictions that a run folder
    keeps are read; others are measured and kept.

    Args:
        runs: trained runs, run folders, or folders of runs.
        baseline: method that the others are compared with, by preset or full name; None: the first one.
        over: settings that may differ within a method, such as "data.fold": each fold then counts as one seed.
        snr_db: Gaussian noise on modalities of the test clips, in dB; None and no `missing`: as each run was tested.
        snr_of: input whose power `snr_db` refers to: "standardised", as the networks get it, or "raw", before it is
            standardised. Without `snr_db` each run keeps the noise and the power of its training.
        missing: modalities withheld in the test.
        device: device for runs whose predictions must be measured, such as "cuda:0"; None: only read predictions.

    Raises:
        ColliculusError: the runs are not finished or cannot be compared, a name is unknown, `snr_of` is changed without
            `snr_db` or where the raw power is not known, or SciPy is not installed.

    Example:
        >>> import tempfile
        >>> import colliculus as cl
        >>> data = {"num_train": 64, "num_test": 60, "size": 16}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("late-fusion-synthetic", "weighted-attention-synthetic"):
        ...         _ = cl.fit(cl.preset(name, data=data, train={"epochs": 1}), out=Path(folder) / name, progress=False)
        ...     found = compare(folder)
        >>> [method.name for method in found.methods], found.num_clips
        (['late-fusion-synthetic', 'weighted-attention-synthetic'], 60)
        >>> found.tests[0].p_seeds is None  # one training each says nothing about other seeds
        True
    """
    given = [runs] if isinstance(runs, TrainedRun | Path | str) else list(runs)
    if not given:
        raise ColliculusError("there is nothing to compare: pass run folders, or a folder of runs")
    folders = find_runs([one.folder if isinstance(one, TrainedRun) else Path(one) for one in given])
    groups = group_runs([open_finished(folder, device or "cpu") for folder in folders], over)
    presets = {group.name: group.preset for group in groups}
    chosen = groups[0].name if baseline is None else method_named(baseline, presets)
    asked = Condition(dict(snr_db or {}), tuple(missing), snr_of)  # the default: as each run was tested
    correct: dict[str, dict[Training, NDArray[np.bool_]]] = {name: {} for name in presets}
    members = [(group.name, *member) for group in groups for member in group.members.items()]
    for name, training, run in console.steps(members, "test"):
        condition = Condition.of(run.run) if asked == Condition() else asked
        correct[name][training] = (_kept(run, condition) if device is None else predictions_of(run, condition)).correct
    return _record(groups, correct, chosen, Condition.of(members[0][2].run) if asked == Condition() else asked)


def _kept(run: TrainedRun, condition: Condition) -> Predictions:
    if (kept := read_predictions(run.folder, run.run, condition)) is None:
        raise ColliculusError(
            f"{run.folder} does not keep its predictions ({condition.describe()}): run `colliculus compare` once"
        )
    return kept


def _record(
    groups: Sequence[Group], correct: Mapping[str, Trainings], baseline: str, condition: Condition
) -> Comparison:
    runs = [member.run for group in groups for member in group.members.values()]
    clips = {part: len(right) for trainings in correct.values() for (part, _), right in trainings.items()}
    tests = paired_tests(correct, baseline)
    return Comparison(
        version=package_version(),
        dataset=runs[0].experiment.data.name,
        protocols=tuple(dict.fromkeys(run.protocol for run in runs)),
        fingerprints=tuple(dict.fromkeys(run.fingerprint for run in runs)),
        modalities=runs[0].spec.modalities,
        classes=runs[0].spec.names,
        num_clips=sum(clips.values()),
        condition=condition,
        baseline=baseline,
        methods=tuple(
            ComparedMethod(
                name=group.name,
                preset=group.preset,
                runs=tuple(str(member.folder) for member in group.members.values()),
                trainings=tuple(group.members),
                score=Score.of(correct[group.name]),
                settings=settings_of(next(iter(group.members.values())).run),
            )
            for group in groups
        ),
        tests=tests,
        verdicts=tuple(map(verdict, tests)),
    )


def _bars(values: Sequence[float], intervals: Sequence[tuple[float, float]], form: str) -> BarSeries:
    """Fractions with their intervals as bars in percent."""
    return BarSeries(
        values=[100 * value for value in values],
        low=[100 * low for low, _ in intervals],
        high=[100 * high for _, high in intervals],
        labels=[format(100 * value, form) for value in values],
    )


def _points(interval: tuple[float, float] | None) -> str:
    """Bounds of a difference in points, such as -1.2 to +20.0; empty without an interval."""
    return "" if interval is None else " to ".join(f"{100 * bound:+.1f}" for bound in interval)
