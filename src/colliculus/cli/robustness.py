"""`colliculus robustness`: accuracy of a trained run against noise, blur, losses, shifts, silence and attacks."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import tyro

from colliculus.cli.options import NoSettings, RunFolder, Settings, SettingsT, Switch, leading_name, parse
from colliculus.cli.run_data import load_data, part_of
from colliculus.records import console
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from colliculus.data.dataset import Dataset, Split
    from colliculus.evaluation.conditions import Condition, RobustnessSettings
    from colliculus.evaluation.robustness import Curve
    from colliculus.files.cache import Cache
    from colliculus.model import MultimodalSNN
    from colliculus.runs.run import Run

FOLDER, RECORD, TABLE, PICTURE, POINTS = "robustness", "result.json", "curves.csv", "curves.png", "points"
CLEAN = "clean"
KINDS = Literal["white", "pink", "blur", "occlusion", "drops", "shift", "missing", "fgsm", "pgd"]
SHORT = {
    "white": "white, dB",
    "pink": "pink, dB",
    "blur": "blur, pixels",
    "occlusion": "share covered",
    "drops": "share lost",
    "shift": "steps late",
    "missing": "missing",
    "fgsm": "FGSM, change",
    "pgd": "PGD, change",
}
"""Kinds and what their levels are, on the screen."""
ATTACKS: tuple[Literal["fgsm", "pgd"], ...] = ("fgsm", "pgd")

ConditionsT = TypeVar("ConditionsT")


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT, ConditionsT]):
    """Measure accuracy against what may happen to the inputs, to each modality and to all together.

    White and pink noise by SNR, blur, a covered patch, lost frames, one modality late or early, a modality missing (raw
    zeros, its mean, or not given at all) and, on request, adversarial inputs. The area under a curve is the mean
    accuracy along it; what is retained is that area beyond chance, of the accuracy without harm beyond chance.

    Written into RUN/robustness: curves.csv, curves.png and result.json. Under the noise that the run learned under, if
    it did; noise that is measured stands in its place. A point that is done is not measured again after an
    interruption.
    """

    run: RunFolder
    """folder of the run"""
    split: Literal["test", "validation", "train"] = "test"
    """part of the data"""
    only: tuple[KINDS, ...] = ()
    """measure these alone, such as --only white missing; other kinds stay as they were measured with these settings"""
    clean: Switch = False
    """add no noise of the training"""
    device: str = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""
    json: Switch = False
    """print one JSON object"""
    conditions: Settings[ConditionsT]
    """levels and seeds"""
    data: SettingsT
    """the data to measure on"""


def run(arguments: list[str]) -> int:
    """Measure, write, draw and print."""
    usage = "colliculus robustness RUN [options]"
    folder = Path(leading_name(arguments, Options[NoSettings, NoSettings], "robustness", usage))

    from colliculus.evaluation.conditions import RobustnessSettings
    from colliculus.evaluation.robustness import curves
    from colliculus.runs.identity import identity
    from colliculus.runs.run import read_run

    trained = read_run(folder)
    data = trained.experiment.data
    default = Options(run=tyro.MISSING, conditions=RobustnessSettings(), data=data)
    options = parse(Options[type(data), RobustnessSettings], "robustness", arguments, default)
    dataset = load_data(trained, options.data)
    about = identity(folder, trained, dataset.fingerprint) | {
        "split": options.split,
        "snr_db": {} if options.clean else dict(trained.experiment.train.snr_db),
    }
    settings = _meant(options)
    measured, why_not = _measure(trained, dataset, options, settings, about)
    clean, chance = measured[None], 1 / trained.spec.num_classes
    found = curves({c: accuracy for c, accuracy in measured.items() if c is not None}, clean, chance)
    record = about | {
        "settings": asdict(settings),
        "total": len(part_of(dataset, options.split)),
        "clean": clean,
        "chance": chance,
        "curves": [asdict(curve) for curve in found],
        "not_applicable": why_not,
    }
    _say_what_stays(folder / FOLDER / RECORD, found, options.only)
    (folder / FOLDER / PICTURE).unlink(missing_ok=True)  # or a kill would leave it beside other curves
    _write(folder / FOLDER, record, found)
    picture = _draw(folder / FOLDER / PICTURE, trained.preset, found, clean, chance)
    if options.json:
        console.show_json({"run": str(folder), "picture": picture} | record)
        return 0
    console.show(*_tables(record, found), f"Written into {folder / FOLDER}")
    for kind, why in why_not.items():
        if not options.only or kind in options.only:
            console.remark(f"{kind} was not measured: {why}")
    return 0


def _meant(options: Options[Any, RobustnessSettings]) -> RobustnessSettings:
    """The settings, with an attack that `--only` names switched on."""
    from dataclasses import replace

    settings = options.conditions
    named = [kind for kind in ATTACKS if kind in options.only]
    return replace(settings, attack=named[0]) if named and settings.attack not in named else settings


def _plan(
    settings: RobustnessSettings, only: Sequence[str], modalities: Sequence[str], steps: Mapping[str, int]
) -> tuple[dict[Condition, bool], dict[str, str]]:
    """Every condition of these settings, under either attack, with whether it is asked for; why a kind cannot be.

    Raises:
        ColliculusError: `only` names a kind that has no levels.
    """
    from dataclasses import replace

    from colliculus.evaluation.conditions import plan

    wanted = only or [kind for kind in SHORT if kind not in ATTACKS or kind == settings.attack]
    plans = [plan(replace(settings, attack=attack), modalities, steps) for attack in ATTACKS]
    planned = {condition: condition.kind in wanted for conditions, _ in plans for condition in conditions}
    _, why_not = plans[0]
    if without := [kind for kind in only if kind not in why_not and kind not in {c.kind for c in planned}]:
        raise ColliculusError(f"there is nothing to measure of {without[0]}, which --only names: give it levels")
    return planned, why_not


def _measure(
    run: Run, dataset: Dataset, options: Options[Any, Any], settings: RobustnessSettings, about: Mapping[str, Any]
) -> tuple[dict[Condition | None, float], dict[str, str]]:
    """Accuracy under every condition that is asked for, and without any (None); what was measured before is read.

    So is a kind that is not asked for, where all of it was measured with these settings.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from colliculus.evaluation.conditions import Circumstances
    from colliculus.files.cache import Cache
    from colliculus.runs.run import load_model
    from colliculus.runtime import choose_device

    model = load_model(options.run).to(choose_device(options.device))
    split = part_of(dataset, options.split)
    planned, why_not = _plan(settings, options.only, model.modalities, dataset.spec.steps)
    points = Cache(options.run / FOLDER / POINTS, about)
    attacks = Cache(options.run / FOLDER / POINTS, {**about, "attack_steps": settings.attack_steps})
    around = Circumstances(
        model=model,
        labels=split.labels,
        spec=run.spec,
        normalisation=dataset.normalisation,
        snr_db=about["snr_db"],
        attack_steps=settings.attack_steps,
    )
    kept = {c: (attacks if c.kind == "pgd" else points) for c in planned}
    conditions: dict[Condition | None, Cache] = {None: points} | {c: kept[c] for c in planned if planned[c]}
    _say_what_changed(conditions)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    measured: dict[Condition | None, float] = {}
    with Progress(*columns, console=console.progress_console(), transient=True) as bar:
        task = bar.add_task("", total=len(conditions))
        for condition, pieces in conditions.items():
            bar.update(task, description=_name(condition))
            found = pieces.find(_name(condition))
            if found is None:
                found = _accuracy(model, split, run, around, condition)
                pieces.keep(_name(condition), found)
            measured[condition] = found
            bar.advance(task)
    before = {c: pieces.find(c.name) for c, pieces in kept.items() if not planned[c]}
    partly = {c.kind for c, found in before.items() if found is None}
    measured |= {c: found for c, found in before.items() if found is not None and c.kind not in partly}
    return {c: measured[c] for c in (None, *planned) if c in measured}, why_not


def _name(condition: Condition | None) -> str:
    return CLEAN if condition is None else condition.name


def _say_what_changed(conditions: Mapping[Condition | None, Cache]) -> None:
    if changed := sorted({key for condition, pieces in conditions.items() for key in pieces.changed(_name(condition))}):
        console.remark(f"an earlier measurement differs in {', '.join(changed)}: what differs is measured anew")


def _say_what_stays(record: Path, found: Sequence[Curve], only: Sequence[str]) -> None:
    """Tell which kinds of an earlier measurement stay beside those that were asked for, and which do not."""
    kinds = list(dict.fromkeys(curve.kind for curve in found))
    if only and (stay := [kind for kind in kinds if kind not in only]):
        console.remark(f"measured before and kept: {', '.join(stay)}")
    try:
        earlier = json.loads(record.read_text(encoding="utf-8"))["curves"]
    except (OSError, ValueError, KeyError):
        return
    if gone := [kind for kind in dict.fromkeys(curve["kind"] for curve in earlier) if kind not in kinds]:
        console.remark(f"measured before with other settings and left out now: {', '.join(gone)}")


def _accuracy(model: MultimodalSNN, split: Split, run: Run, around: Any, condition: Condition | None) -> float:
    from colliculus.evaluation import evaluate
    from colliculus.evaluation.frames import InTurn
    from colliculus.runtime import Runtime

    device = next(model.parameters()).device
    return evaluate.evaluate(
        model,
        split,
        batch_size=run.experiment.train.batch_size,
        collective=Runtime(device=device),
        device=device,
        corruption=InTurn(around.anyway(None)) if condition is None else around.corruption(condition),
        missing=condition.targets if condition and condition.level == "absent" else (),
    ).accuracy


def _write(folder: Path, record: Mapping[str, Any], found: Sequence[Curve]) -> None:
    from colliculus.files.atomic import write_atomic

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["kind", "target", "unit", "level", "accuracy", "lowest", "highest"])
    for curve in found:
        points = zip(curve.levels, curve.accuracy, curve.lowest, curve.highest, strict=True)
        writer.writerows([curve.kind, curve.target, curve.unit, *point] for point in points)
    write_atomic(folder / TABLE, text.getvalue().encode())
    write_atomic(folder / RECORD, json.dumps(record, indent=1, allow_nan=False).encode())


def _draw(path: Path, preset: str, found: Sequence[Curve], clean: float, chance: float) -> str | None:
    """Draw the curves; without matplotlib, tell what it takes. Returns where they lie."""
    from colliculus.cli import robustness_picture

    if not found:
        return None
    try:
        robustness_picture.draw(found, f"{preset}: robustness", path, clean=clean, chance=chance)
    except ImportError:
        console.remark("no picture was drawn: it takes matplotlib, install colliculus[report]")
        return None
    return str(path)


def _tables(record: Mapping[str, Any], found: Sequence[Curve]) -> Sequence[RenderableType]:
    rows = {
        "data": f"{record['split']} split, {record['total']:,} clips",
        "accuracy": f"{console.percent(record['clean'])} without harm, {console.percent(record['chance'])} by chance",
    }
    noise = ", ".join(f"{snr_db:g} dB on {m}" for m, snr_db in record["snr_db"].items())
    facts = console.facts("Robustness", rows | ({"noise anyway": noise} if noise else {}))
    table = console.plain_table()
    table.padding = (0, 0, 0, 1)
    table.add_column("", style="cyan", no_wrap=True)
    for heading in ("by level", "area", "retained"):
        table.add_column(heading, justify="right" if heading != "by level" else "left", no_wrap=True)
    kind, width = "", 0
    for curve in found:
        if curve.kind != kind:
            kind = curve.kind
            levels = [x if isinstance(x, str) else f"{x:g}" for x in curve.levels]
            width = max(5, *map(len, levels))
            table.add_row(SHORT[kind], _in_columns(levels, width))
        beyond = ("" if x is None else f"{100 * x:.1f}" for x in (curve.area, curve.retained))
        table.add_row(f" {curve.target}", _in_columns((f"{100 * x:.1f}" for x in curve.accuracy), width), *beyond)
    return facts, console.titled("Accuracy by level, %", table)


def _in_columns(words: Iterable[str], width: int) -> str:
    return " ".join(word.rjust(width) for word in words)
