"""Settings of a run, in short and in full, and the command lines that reproduce it."""

from __future__ import annotations

from collections.abc import Mapping
from shlex import join

from colliculus.data.noise import in_words
from colliculus.files.documents import flat
from colliculus.records import Column, Table
from colliculus.records.console import accuracy
from colliculus.report.material import ANALYSES, Material
from colliculus.runs.document import experiment_to_plain
from colliculus.runs.identity import RunRecord
from colliculus.runs.kept_predictions import Condition
from colliculus.runs.result import TrainingResult
from colliculus.sweeps.command import train_command


def facts(material: Material) -> Mapping[str, str]:
    """The main settings, and the main figures of a finished training."""
    run, train = material.run, material.run.experiment.train
    rows = {
        "preset": run.preset,
        "method": run.experiment.method.name,
        "data": f"{run.experiment.data.name}, {run.protocol}",
        "modalities": ", ".join(f"{m} ({run.spec.frame(m)})" for m in run.spec.modalities),
        "classes": str(run.spec.num_classes),
        "fingerprint of the data": run.fingerprint or "not known",
    }
    if not material.imported:
        noise = ", ".join(in_words(train.snr_db, train.snr_of))
        rows |= {"added noise": noise or "none", "epochs": _epochs(material), "seed": f"{train.seed}"}
    if (result := material.result) is not None:
        rows |= {
            "epoch kept": f"{result.best_epoch} ({result.selection})",
            **_optional(result),
            "parameters": f"{result.parameters:,}",
            "training speed": f"{result.samples_per_second:,.0f} clips/s on {result.device}",
            "versions": ", ".join(f"{name} {version}" for name, version in result.versions.items()),
        }
    return rows


def _epochs(material: Material) -> str:
    planned, result = material.run.experiment.train.epochs, material.result
    if result is None or result.test_before_refit is None or result.epochs == planned:
        return f"{planned}"
    return f"{result.epochs} of {planned} (refit up to the epoch that the first training kept)"


def _optional(result: TrainingResult) -> dict[str, str]:
    """Figures that some trainings have: decisions on optional parts, convergence, other accuracies on the test part."""
    before = result.test_before_refit
    found: dict[str, object] = {
        "convergence of each modality alone": result.coordination,
        "test accuracy before the refit": before
        and accuracy(before.accuracy, before.interval, before.correct, before.total),
        "best epoch on the test part": result.best_on_test,
    }
    found |= {f"optional part {decision.name}": decision for decision in result.decisions}
    return {name: str(figure) for name, figure in found.items() if figure is not None}


def settings(material: Material) -> Table:
    """Every setting; of an imported run without those of its training, which are not known."""
    values = flat(experiment_to_plain(material.run.experiment))
    unknown = "train." if material.imported else ()
    rows = [(key, _text(value)) for key, value in values.items() if not key.startswith(unknown)]
    return Table((Column("setting"), Column("value")), rows, "Every setting")


def untested(material: Material) -> str:
    """The reason why there are no figures of the test part, in a sentence."""
    if material.imported:
        return "This run was imported: its data are not known, and it was not tested on them."
    return "This run is not finished; the test part is used once, at the end."


def next_step(material: Material) -> str:
    """The way to figures of the test part, in a sentence."""
    if material.imported:
        line = material.command("evaluate")
        return (
            f"To test it, run `{line}` with --data.root and other settings of the data; the verbs below take them too."
        )
    return "To finish it, run the first command line below with --resume."


def clips(material: Material, record: RunRecord) -> str:
    """The clips that a record was measured on, in a sentence."""
    data = f" of the data {record.fingerprint}" if material.imported else ""
    return f"Measured on the {record.split} part{data}, {_condition(record).describe()}."


def other_clips(material: Material, record: RunRecord) -> str:
    """A warning where a record was measured on other clips than the figures at the top of the page; else empty."""
    own = Condition.of(material.run)
    if material.result is None or (record.split, _condition(record)) == ("test", own):
        return ""
    return f" The accuracy at the top is of the test part, {own.describe()}."


def _condition(record: RunRecord) -> Condition:
    """The noise under which a record was measured."""
    return Condition(record.snr_db, snr_of=record.snr_of)


def reproduction(material: Material) -> str:
    """The promise of a repeated training, in a sentence; empty for an imported run."""
    if material.imported:
        return ""
    made = f"Made with colliculus {material.result.versions.get('colliculus', '')}. " if material.result else ""
    return f"{made}With the same data, versions and device, training gives the same numbers."


def commands(material: Material) -> list[str]:
    """Every command line behind this run's part of the page."""
    verbs = [material.command(verb) for verb in ANALYSES if verb != "inspect"]
    page = join(["colliculus", "report", str(material.folder), "--out", "report.html"])
    return [train_command(material.run, material.folder), *verbs, page]


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
