"""What was run, in short and in full, and the command lines that make it again."""

from __future__ import annotations

from shlex import join as command_line

from colliculus.data.plain import flat
from colliculus.report.folder import ANALYSES, Material
from colliculus.report.markup import Html, command, facts, interval, join, note, percent, table, tag
from colliculus.training.document import experiment_to_plain


def headline(material: Material) -> Html:
    """The one sentence to remember."""
    result = material.result
    if result is None:
        return tag(
            "p",
            "This run is not finished: go on with the first command line below and --resume.",
            attributes={"class": "warning"},
        )
    test = result["test"]
    strong = tag("strong", f"{percent(test['accuracy'])} of {test['total']:,} test clips")
    chance = percent(1 / len(material.run.spec.names))
    return tag(
        "p",
        strong,
        f" recognised (95 % interval {interval(test['interval'])} %; chance {chance}); "
        f"macro-F1 {percent(test['macro_f1'])}.",
        attributes={"class": "lead"},
    )


def setting(material: Material) -> Html:
    """The setting: the main facts, then every single one."""
    run, train = material.run, material.run.experiment.train
    rows = {
        "preset": run.preset,
        "method": run.experiment.method.name,
        "data": f"{run.experiment.data.name}, {run.protocol}",
        "modalities": ", ".join(f"{m} ({run.spec.frame(m)})" for m in run.spec.modalities),
        "classes": str(run.spec.num_classes),
        "noise": noise(material),
        "epochs": f"{train.epochs}",
        "seed": f"{train.seed}",
        "fingerprint of the data": run.fingerprint or "not known",
    }
    if (result := material.result) is not None:
        versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
        rows |= {
            "epoch kept": f"{result['best_epoch']} ({result['selection']})",
            "parameters": f"{result['parameters']:,}",
            "speed of training": f"{result['samples_per_second']:,.0f} clips/s on {result['device']}",
            "versions": versions,
        }
    everything = [[key, _text(value)] for key, value in flat(experiment_to_plain(run.experiment)).items()]
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
    version = material.result["versions"]["colliculus"] if material.result else None
    by = f"Made with colliculus {version}; w" if version else "W"
    return join(
        note(f"{by}ith the same data, versions and device, training ends at the same numbers."), command(*lines)
    )


def absent(material: Material, verb: str, what: str) -> Html:
    """In place of a part that cannot be shown: which command line makes it."""
    line = command_line(["colliculus", verb, str(material.folder)])
    why = f"{what} was not measured."
    if verb in material.stale:
        kinds = {"model": "another model", "fingerprint": "other data"}
        differs = kinds.get(material.stale[verb], f"other {material.stale[verb]}")
        why = f"{what} was measured on {differs} and is left out."
    return tag("div", tag("p", why, " This makes it:"), command(line), attributes={"class": "absent"})


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
