"""Robustness of a trained run: accuracy under corruptions by severity, and the area under each curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from colliculus.data.dataset import Dataset, DataSettings
from colliculus.data.noise import in_words
from colliculus.evaluation.corruption.corrupter import sounds_of
from colliculus.evaluation.corruption.plan import ATTACKS, KINDS, NOISES, Kind, RobustnessSettings, plan
from colliculus.evaluation.corruption.points import measure_points
from colliculus.evaluation.curves import Curve, curves
from colliculus.evaluation.trained_run import Part, TrainedRun, open_run, stored_part
from colliculus.figures import Bars, BarSeries, Lines, Panel, Series, figure, grid, to_png
from colliculus.files.atomic import write_atomic
from colliculus.files.documents import as_document
from colliculus.files.tables import csv_bytes
from colliculus.records import Column, Table, Tables
from colliculus.records.console import percent, remark
from colliculus.runs.identity import RunRecord
from colliculus.runtime import InferencePrecision
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Robustness(RunRecord):
    """Accuracy of a trained run under corruptions; `robustness/result.json` of a run folder.

    Args:
        settings: severities and seeds.
        total: clips.
        clean: accuracy without a corruption.
        chance: accuracy of guessing.
        curves: a curve for each kind of corruption and corrupted modalities.
        not_applicable: kinds that these data do not allow, with the reason.
        precision: precision of the network.
    """

    settings: RobustnessSettings
    total: int
    clean: float
    chance: float
    curves: tuple[Curve, ...]
    not_applicable: Mapping[str, str]
    precision: InferencePrecision = "fp32"
    FILE: ClassVar[str] = "robustness/result.json"

    @classmethod
    def from_dict(cls, plain: object) -> Self:
        """The inverse of `to_dict`; it also reads records of version 0.1."""
        found = as_document(plain)
        if isinstance(former := found.get("curves"), list):
            found["curves"] = [_renamed(curve) for curve in former]
        return super().from_dict(found)

    def table(self) -> Tables:
        """Clean accuracy, and accuracy by severity with the area and the relative robustness of each curve."""
        facts = {
            "data": f"{self.split} split, {self.total:,} clips",
            "accuracy": f"clean {percent(self.clean)}, chance {percent(self.chance)}",
            "precision": "" if self.precision == "fp32" else self.precision,
            "training noise": ", ".join(in_words(self.snr_db, self.snr_of)),
        }
        summary = Table.facts("Robustness", {name: text for name, text in facts.items() if text})
        columns = (
            Column("", style="cyan"),
            Column("by severity"),
            Column("area", "right"),
            Column("relative", "right"),
        )
        note = "relative: area beyond chance as a share of the clean accuracy beyond chance"
        return Tables((summary, Table(columns, self._rows(), "Accuracy by severity, %", (note,))))

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for kind, curves_of_kind in groupby(self.curves, key=lambda curve: curve.kind):
            for number, curve in enumerate(curves_of_kind):
                severities = [x if isinstance(x, str) else f"{x:g}" for x in curve.severities]
                width = max(5, *map(len, severities))
                if not number:
                    rows.append((KINDS[kind].short, " ".join(word.rjust(width) for word in severities), "", ""))
                accuracies = " ".join(f"{100 * x:{width}.1f}" for x in curve.accuracy)
                shown = ("" if x is None else f"{100 * x:.1f}" for x in (curve.area, curve.relative_robustness))
                rows.append((f" {curve.target}", accuracies, *shown))
        return rows

    def figure(self) -> Figure:
        """A panel per kind of corruption: accuracy by severity, a line per target."""
        return figure(*grid(self.panels()), title=f"{self.preset}: robustness", legend="shared")

    def panels(self) -> Sequence[Panel]:
        """The panels of `figure`."""
        return [self._panel(kind) for kind in dict.fromkeys(curve.kind for curve in self.curves)]

    def _panel(self, kind: str) -> Panel:
        mine = [curve for curve in self.curves if curve.kind == kind]
        colours = {m: i for i, m in enumerate(self.modalities, start=1)}  # all together are 0
        if mine[0].area is None:
            bars = [
                BarSeries(name=c.target, values=_percent(c.accuracy), colour=colours.get(c.target, 0)) for c in mine
            ]
            names = [str(severity) for severity in mine[0].severities]
            return Bars(names=names, series=bars, title=KINDS[kind].title, xlabel="accuracy, %", low=0, high=100)
        lines = [
            Series(
                name=c.target,
                x=[float(severity) for severity in c.severities],
                y=_percent(c.accuracy),
                low=_percent(c.lowest),
                high=_percent(c.highest),
                colour=colours.get(c.target, 0),
            )
            for c in mine
        ]
        return Lines(
            series=lines,
            title=KINDS[kind].title,
            xlabel=mine[0].unit,
            ylabel="accuracy, %",
            low=0,
            high=100,
            levels=[(100 * self.clean, "clean"), (100 * self.chance, "chance")],
            falling=kind in NOISES,  # the severity grows to the right in every panel
            whole=kind == "shift",
        )

    def to_csv(self) -> str:
        """A line per point of a curve."""
        columns = ("kind", "target", "unit", "severity", "accuracy", "lowest", "highest")
        rows = (
            (curve.kind, curve.target, curve.unit, *point)
            for curve in self.curves
            for point in zip(curve.severities, curve.accuracy, curve.lowest, curve.highest, strict=True)
        )
        return csv_bytes(columns, rows).decode()


def robustness(
    run: TrainedRun | Path | str,
    settings: RobustnessSettings = RobustnessSettings(),
    *,
    only: Sequence[Kind] = (),
    clean: bool = False,
    split: Part = "test",
    device: str = "auto",
    data: DataSettings | Dataset | None = None,
    precision: InferencePrecision = "fp32",
) -> Robustness:
    """Measure the accuracy of a trained run under noise, blur, occlusion, dropped frames, shifts and attacks.

    Each kind corrupts every modality alone and all together, and each modality is left out once. The folder
    `robustness` of the run gets `result.json`, `curves.csv` and, with matplotlib, `curves.png`. It also keeps finished
    points, so an interrupted measurement goes on where it stopped. Kinds that were measured before with the same
    settings stay in the record.

    Args:
        run: trained run or its folder.
        settings: severities and seeds.
        only: kinds to measure now, such as ("white", "missing"); empty means all but
            "white-raw", with the attack of the settings.
        clean: leave out the noise of the training, which is otherwise kept (measured noise replaces it).
        split: part of the data.
        device: as in `open_run`.
        data: settings of the data or loaded data; None takes the run's own.
        precision: precision of the network; with another than "fp32" the folder is `robustness-PRECISION`.

    Raises:
        ColliculusError: the model cannot take these data, or `only` names a kind without severities.

    Example:
        >>> import colliculus as cl
        >>> small = {"data": {"num_train": 32, "num_test": 6, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
        >>> run = cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False)
        >>> found = robustness(run, RobustnessSettings(blur=(1.0, 2.0)), only=("blur",))
        >>> [(curve.target, curve.severities) for curve in found.curves]
        [('audio', (0.0, 1.0, 2.0)), ('visual', (0.0, 1.0, 2.0)), ('audio+visual', (0.0, 1.0, 2.0))]
    """
    trained = open_run(run, device, precision=precision)
    dataset = trained.load(data)
    named = [kind for kind in ATTACKS if kind in only]
    if named and settings.attack not in named:
        settings = replace(settings, attack=named[0])
    about = trained.about(dataset, split)
    if clean:
        about |= {"snr_db": {}}
        about.pop("snr_of", None)
    if precision != "fp32":
        about["precision"] = precision
    path = trained.folder / robustness_file(precision)
    sounds = tuple(sounds_of(stored_part(dataset, split, trained)).values())
    planned = plan(settings, trained.model.modalities, dataset.spec.steps, only, sounds)
    measured = measure_points(trained, dataset, settings.attack_steps, planned, about, path.with_name("points"))
    accuracy, chance = measured[None], 1 / trained.run.spec.num_classes
    found = Robustness(
        **about,
        settings=settings,
        total=len(stored_part(dataset, split, trained)),
        clean=accuracy,
        chance=chance,
        curves=tuple(curves({c: x for c, x in measured.items() if c is not None}, accuracy, chance)),
        not_applicable=planned.not_applicable,
    )
    _write(path, found, only)
    return found


def robustness_file(precision: InferencePrecision) -> Path:
    """Path of the record in a run folder.

    Example:
        >>> str(robustness_file("int8"))
        'robustness-int8/result.json'
    """
    file = Path(Robustness.FILE)
    return file if precision == "fp32" else file.parent.with_name(f"{file.parent.name}-{precision}") / file.name


def _write(path: Path, found: Robustness, only: Sequence[Kind]) -> None:
    """Write the record and its table, and remark which kinds of an earlier measurement stay and which do not."""
    kinds = list(dict.fromkeys(curve.kind for curve in found.curves))
    if only and (stay := [kind for kind in kinds if kind not in only]):
        remark(f"measured before and kept: {', '.join(stay)}")
    with suppress(ColliculusError):
        earlier = dict.fromkeys(curve.kind for curve in Robustness.read(path).curves)
        if gone := [kind for kind in earlier if kind not in kinds]:
            remark(f"measured before with other settings and left out now: {', '.join(gone)}")
    image = path.with_name("curves.png")
    image.unlink(missing_ok=True)  # after a kill it must not stand beside other curves
    write_atomic(path.with_name("curves.csv"), found.to_csv().encode())
    found.save(path)
    if found.curves:
        try:
            write_atomic(image, to_png(found.figure()))
        except ColliculusError as error:  # without matplotlib the numbers remain
            remark(f"nothing was drawn: {error}")


def _renamed(curve: Any) -> Any:
    """A curve of version 0.1, which had other names for two fields."""
    names = {"levels": "severities", "retained": "relative_robustness"}
    return {names.get(key, key): value for key, value in curve.items()} if isinstance(curve, dict) else curve


def _percent(shares: Sequence[float]) -> list[float]:
    return [100 * share for share in shares]
