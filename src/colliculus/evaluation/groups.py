"""Finished runs grouped by method: runs that differ in nothing but the seed belong together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from colliculus.data.noise import in_words
from colliculus.evaluation.paired import Training
from colliculus.evaluation.trained_run import TrainedRun, open_run
from colliculus.files.documents import Document, flat
from colliculus.runs.document import experiment_to_plain
from colliculus.runs.local import local_run
from colliculus.runs.names import RUN_FILE
from colliculus.runs.result import read_result
from colliculus.runs.run import Run
from colliculus.types import ColliculusError, unknown_name

SEED = "train.seed"
NOT_OF_THE_METHOD = (SEED, "train.device", "data.root")
"""Settings in which trainings of one method may differ; the fingerprint identifies the data."""


@dataclass(frozen=True)
class Group:
    """Trainings of one method.

    Args:
        name: the preset, and the settings in which it differs from other groups of that preset.
        preset: name of the preset.
        members: the run of each training.
    """

    name: str
    preset: str
    members: Mapping[Training, TrainedRun]


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """Run folders among `paths`; a folder that contains runs stands for all finished ones in it.

    Raises:
        ColliculusError: a path is neither, or nothing in it is finished.
    """
    found: dict[Path, None] = {}
    for path in map(local_run, paths):
        if (path / RUN_FILE).exists():
            found[path] = None
            continue
        inside = [file.parent for file in sorted(path.glob(f"*/{RUN_FILE}"))]
        if not inside:
            raise ColliculusError(
                f"{path} is not a run folder and does not contain any: pass the folder given to "
                "`colliculus train --out`"
            )
        finished = [folder for folder in inside if read_result(folder) is not None]
        if not finished:
            raise ColliculusError(
                f"none of the {len(inside)} runs in {path} is finished: continue with `colliculus train ... --resume`"
            )
        found |= dict.fromkeys(finished)
    return [*found]


def open_finished(folder: Path, device: str = "auto") -> TrainedRun:
    """Open a run that was trained to its end.

    Raises:
        ColliculusError: the folder is not a run folder, or its run was imported or is not finished.
    """
    run = open_run(folder, device)
    if read_result(folder) is not None:
        return run
    if run.run.imported:
        raise ColliculusError(
            f"{folder} was imported, not trained here, and has no predictions to compare: leave it out, and examine it "
            f"with `colliculus evaluate {folder}` or `colliculus report {folder}`"
        )
    raise ColliculusError(f"{folder} is not finished: continue with `colliculus train ... --resume`, or leave it out")


def group_runs(runs: Sequence[TrainedRun], over: Sequence[str] = ()) -> list[Group]:
    """Group runs by preset and settings; those in `over`, such as "data.fold", may differ as the seed does.

    Raises:
        ColliculusError: a setting in `over` does not exist, two runs are the same training, or runs cannot be compared
            (see `check_comparable`).
    """
    over = [key.replace("-", "_") for key in over]
    methods = methods_among([settings_of(run.run) for run in runs], over)
    check_comparable({run.folder: run.run for run in runs}, over)
    groups: list[Group] = []
    for name, places in methods:
        members: dict[Training, TrainedRun] = {}
        for run in (runs[i] for i in places):
            training = (_part(run.run, over), int(run.experiment.train.seed))
            if (same := members.setdefault(training, run)) is not run:
                raise ColliculusError(f"{same.folder} and {run.folder} are the same training: leave one of them out")
        groups.append(Group(name, runs[places[0]].run.preset, members))
    return groups


def methods_among(settings: Sequence[Document], over: Sequence[str] = ()) -> list[tuple[str, list[int]]]:
    """The name of each method among trainings, and the positions of its trainings.

    Args:
        settings: settings of each training by dotted name, and its preset.
        over: settings that, like the seed, may differ within a method.

    Raises:
        ColliculusError: a setting in `over` does not exist.

    Example:
        >>> methods_among([{"preset": "a", "train.seed": s, "method.dim": d} for d in (8, 16) for s in (0, 1)])
        [('a method.dim=8', [0, 1]), ('a method.dim=16', [2, 3])]
    """
    known = {key for own in settings for key in own}
    over = [key.replace("-", "_") for key in over]
    if unknown := [key for key in over if key not in known]:
        raise unknown_name("setting", unknown[0], sorted(known))
    kinds: dict[str, list[int]] = {}
    for place, its in enumerate(settings):
        own = {key: value for key, value in its.items() if key not in (*NOT_OF_THE_METHOD, *over)}
        kinds.setdefault(repr(sorted(own.items())), []).append(place)
    first = [settings[places[0]] for places in kinds.values()]
    return [(_name(own, first), places) for own, places in zip(first, kinds.values(), strict=True)]


def method_named(name: str, methods: Mapping[str, str]) -> str:
    """Full name of a method, given by that or by a preset that occurs in one setting only.

    Args:
        name: name to look for.
        methods: preset of each method by full name.

    Raises:
        ColliculusError: no method, or more than one, has that name.

    Example:
        >>> method_named("sca", {"late-fusion": "late-fusion", "sca method.dim=8": "sca"})
        'sca method.dim=8'
    """
    found = [name] if name in methods else [full for full, preset in methods.items() if preset == name]
    if not found:
        raise unknown_name("method", name, methods)
    if len(found) > 1:
        raise ColliculusError(f"{name} occurs in {len(found)} settings: choose one of {', '.join(map(repr, found))}")
    return found[0]


def check_comparable(runs: Mapping[Path, Run], over: Sequence[str] = ()) -> None:
    """Check that runs, by folder, were tested on the same clips; an imported run does not know its data.

    Runs with equal values of the settings in `over` are checked against each other.

    Raises:
        ColliculusError: data, classes, modalities or the noise of the test differ.
    """
    first: dict[tuple[str, str], tuple[Path, Sequence[str]]] = {}  # the first run that states a kind, by part
    for folder, run in runs.items():
        train = run.experiment.train
        stated: dict[str, Sequence[str]] = {
            "classes": run.spec.names,
            "modalities": run.spec.modalities,
            "noise at test": in_words(dict(sorted(train.snr_db.items())), train.snr_of),
            **({} if run.imported else {"data (fingerprint)": (run.fingerprint,)}),
        }
        for kind, ours in stated.items():
            other, theirs = first.setdefault((kind, _part(run, over)), (folder, ours))
            if ours != theirs:
                raise ColliculusError(
                    f"{folder} cannot be compared with {other}, their {kind} differ: {', '.join(ours) or 'none'} and "
                    f"{', '.join(theirs) or 'none'}{_hint(run, runs[other], over)}; leave one of them out"
                )


def settings_of(run: Run) -> Document:
    """Every setting of a run by dotted name, its preset, and the preset of the weights that it started from, if any."""
    start = {"start": run.start.preset} if run.start else {}
    return {"preset": run.preset, **start, **flat(experiment_to_plain(run.experiment))}


def _hint(run: Run, other: Run, over: Sequence[str]) -> str:
    ours, theirs = settings_of(run), settings_of(other)
    keys = [k for k in ours if k.startswith("data.") and k not in (*NOT_OF_THE_METHOD, *over)]
    differing = [key for key in keys if ours[key] != theirs.get(key)]
    if differing == ["data.fold"]:
        return " (to pool folds as if they were seeds, add --over data.fold)"
    return f" (by {', '.join(differing)})" if differing else ""


def _part(run: Run, over: Sequence[str]) -> str:
    own = settings_of(run) if over else {}
    return ", ".join(f"{key}={own.get(key)}" for key in over)


def _name(own: Document, methods: Sequence[Document]) -> str:
    """The preset, with the settings in which it differs from another method of the same preset."""
    others = [other for other in methods if other["preset"] == own["preset"]]
    keys = dict.fromkeys(key for other in others for key in other)
    constant = (*NOT_OF_THE_METHOD, "preset")
    telling = [k for k in keys if k not in constant and len({repr(other.get(k)) for other in others}) > 1]
    return " ".join([own["preset"], *(f"{key}={own[key]}" for key in telling if key in own)])
