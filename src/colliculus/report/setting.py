"""What was run, in short and in full, and the command lines that make it again."""

from __future__ import annotations

from shlex import join as command_line

from colliculus.files.documents import flat
from colliculus.report.folder import ANALYSES, Document, Material
from colliculus.report.markup import Html, command, facts, interval, join, note, percent, table, tag
from colliculus.runs.document import experiment_to_plain
from colliculus.runs.kept_predictions import Condition


def headline(material: Material) -> Html:
    """The one sentence to remember."""
    result = material.result
    if result is None:
        return tag("p", f"{untested(material)} {_next(material)}", attributes={"class": "warning"})
    test = result.test
    strong = tag("strong", f"{percent(test.accuracy)} of {test.total:,} test clips")
    chance = percent(1 / len(material.run.spec.names))
    return tag(
        "p",
        strong,
        f" recognised (95 % interval {interval(test.interval)} %; chance {chance}); macro-F1 {percent(test.macro_f1)}.",
        attributes={"class": "lead"},
    )


def untested(material: Material) -> str:
    """Why there are no figures of the test part, in a sentence."""
    if material.imported:
        return "This run was imported, not trained here: it does not know its data, and was not tested on them."
    return "This run is not finished; the test part is looked at when it is."


def _next(material: Material) -> str:
    """What to do about it."""
    if material.imported:
        line = command_line(["colliculus", "evaluate", str(material.folder)])
        return f"To test it: {line}, with --data.root and whatever else says which data; so for the verbs below."
    return "Go on with the first command line below and --resume."


def setting(material: Material) -> Html:
    """The setting: the main facts, then every single one."""
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
        rows |= {"noise": noise(material), "epochs": f"{train.epochs}", "seed": f"{train.seed}"}
    if (result := material.result) is not None:
        versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
        rows |= {
            "epoch kept": f"{result.best_epoch} ({result.selection})",
            "parameters": f"{result.parameters:,}",
            "speed of training": f"{result.samples_per_second:,.0f} clips/s on {result.device}",
            "versions": versions,
        }
    settings = flat(experiment_to_plain(run.experiment))
    unknown = "train." if material.imported else ()
    everything = [[key, _text(value)] for key, value in settings.items() if not key.startswith(unknown)]
    full = tag("details", tag("summary", "All settings"), table("Every setting", ["setting", "value"], everything))
    return join(facts(rows), full)


def noise(material: Material) -> str:
    """Under which noise it was trained and tested, in words."""
    snr_db = material.run.experiment.train.snr_db
    return ", ".join(f"{ratio:g} dB SNR on {m}" for m, ratio in snr_db.items()) or "none added"


def reproduce(material: Material) -> Html:
    """Every command line behind this run's part of the page."""
    folder = str(material.folder)
    verbs = [command_line(["colliculus", verb, folder]) for verb in ANALYSES]
    lines = [*material.commands, *verbs, command_line(["colliculus", "report", folder, "--out", "report.html"])]
    if material.imported:
        return command(*lines)
    version = material.result.versions.get("colliculus") if material.result else None
    by = f"Made with colliculus {version}; w" if version else "W"
    return join(
        note(f"{by}ith the same data, versions and device, training ends at the same numbers."), command(*lines)
    )


def absent(material: Material, verb: str, what: str, mend: str = "This makes it:") -> Html:
    """In place of a part that cannot be shown: why, and the command line that mends it."""
    line = command_line(["colliculus", verb, str(material.folder)])
    why = f"{what} {material.left_out.get(verb, 'was not measured')}."
    return tag("div", tag("p", f"{why} {mend}"), command(line), attributes={"class": "absent"})


def measured_on(material: Material, document: Document) -> Html:
    """On which clips an analysis was made; a warning where they are not those of the headline."""
    own = Condition.of(material.run)
    under = Condition(document["snr_db"])
    data = f" of the data {document['fingerprint']}" if material.imported else ""
    sentence = f"Measured on the {document['split']} part{data}, {under.describe()}."
    if material.result is None or (document["split"], under) == ("test", own):
        return note(sentence)
    sentence += f" The headline is about the test part, {own.describe()}."
    return tag("p", sentence, attributes={"class": "warning"})


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
