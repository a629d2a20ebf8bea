"""Finished runs by method: what differs in nothing but the seed belongs together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from colliculus.evaluation.comparison import Training
from colliculus.files.documents import Document, flat
from colliculus.runs.document import experiment_to_plain
from colliculus.runs.result import TrainingResult, read_result
from colliculus.runs.run import RUN_FILE, Run, read_run
from colliculus.types import ColliculusError, unknown_name

SEED = "train.seed"
NOT_OF_THE_METHOD = (SEED, "train.device", "data.root")
"""Settings by which trainings of one method may differ; the fingerprint speaks for the data."""


class InFolder(Protocol):
    """A run and where it lies."""

    @property
    def folder(self) -> Path:
        """Its folder."""
        ...

    @property
    def run(self) -> Run:
        """What was run."""
        ...


@dataclass(frozen=True)
class Finished:
    """A run that came to its end."""

    folder: Path
    run: Run
    result: TrainingResult

    @property
    def settings(self) -> Document:
        """Every setting under its dotted name, and the preset."""
        return _settings(self.run)


@dataclass(frozen=True)
class Group:
    """The trainings of one method.

    Args:
        name: the preset, and in what it differs from the other groups of that preset.
        preset: name of the experiment they were started from.
        members: the run of each training.
    """

    name: str
    preset: str
    members: Mapping[Training, Finished] = field(default_factory=dict[Training, Finished])


def find_runs(paths: Iterable[Path]) -> list[Path]:
    """The run folders among `paths` and, where one holds runs and is none itself, all finished ones in it.

    Raises:
        ColliculusError: a path is neither, or there is nothing finished in it.
    """
    return list(dict.fromkeys(folder for path in paths for folder in _runs_of(path)))


def _runs_of(path: Path) -> Iterator[Path]:
    if (path / RUN_FILE).exists():
        yield path
        return
    within = [file.parent for file in sorted(path.glob(f"*/{RUN_FILE}"))]
    if not within:
        raise ColliculusError(f"{path} is no run folder, and no folder of runs: name what `colliculus train` wrote")
    finished = [folder for folder in within if read_result(folder) is not None]
    if not finished:
        raise ColliculusError(
            f"none of the {len(within)} runs in {path} is finished: add --resume to go on with what was trained here"
        )
    yield from finished


def read_finished(folder: Path) -> Finished:
    """What was run in `folder` and what came out.

    Raises:
        ColliculusError: it holds no run, or one that was imported or is not finished.
    """
    run, result = read_run(folder), read_result(folder)
    if result is None and was_imported(run):
        raise ColliculusError(
            f"{folder} was imported, not trained here, and keeps no answers to compare: leave it out, and look at it "
            f"with `colliculus evaluate {folder}` or `colliculus report {folder}`"
        )
    if result is None:
        raise ColliculusError(f"{folder} is not finished: go on with `colliculus train ... --resume`, or leave it out")
    return Finished(folder, run, result)


def was_imported(run: Run) -> bool:
    """Whether a run was trained by another program: it does not know its data."""
    return not run.fingerprint


def group_runs(runs: Sequence[Finished], over: Sequence[str] = ()) -> list[Group]:
    """Group runs by preset and settings, in the order in which they come.

    Args:
        runs: of any methods.
        over: settings that, like the seed, may differ within a method ("data.fold").

    Raises:
        ColliculusError: a setting of `over` does not exist, two runs are the same training, or runs cannot be compared
            (see `check_comparable`).
    """
    over = [key.replace("-", "_") for key in over]
    methods = methods_among([run.settings for run in runs], over)
    check_comparable(runs, over)
    members = [(name, [runs[i] for i in places]) for name, places in methods]
    return [Group(name, those[0].run.preset, _members(those, over)) for name, those in members]


def methods_among(settings: Sequence[Document], over: Sequence[str] = ()) -> list[tuple[str, list[int]]]:
    """The methods among trainings, finished or not: the name of each and the places of its trainings.

    Args:
        settings: those of each training by dotted name, and its preset.
        over: settings that, like the seed, may differ within a method.

    Raises:
        ColliculusError: a setting of `over` does not exist.

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
    """Full name of the method that is meant.

    Args:
        name: full name, or a preset that was run in one setting only.
        methods: preset of each method by full name.

    Raises:
        ColliculusError: there is none of that name, or several.

    Example:
        >>> method_named("sca", {"late-fusion": "late-fusion", "sca method.dim=8": "sca"})
        'sca method.dim=8'
    """
    meant = [name] if name in methods else [full for full, preset in methods.items() if preset == name]
    if not meant:
        raise unknown_name("method", name, methods)
    if len(meant) > 1:
        raise ColliculusError(f"{name} stands in {len(meant)} settings: choose one of {', '.join(map(repr, meant))}")
    return meant[0]


def check_comparable(runs: Sequence[InFolder], over: Sequence[str] = ()) -> None:
    """Refuse runs that were not tested on the same clips. An imported run does not know its data: they differ in none.

    Args:
        runs: of any methods, finished or not.
        over: settings that may differ; runs that are alike in them are held against each other.

    Raises:
        ColliculusError: data, classes, modalities or the noise of the test differ; the sentence says where.
    """
    first: dict[str, InFolder] = {}
    first_known: dict[str, InFolder] = {}
    for run in runs:
        part = _part(run, over)
        like = first.setdefault(part, run)
        kinds = {
            "classes": (run.run.spec.names, like.run.spec.names),
            "modalities": (run.run.spec.modalities, like.run.spec.modalities),
            "noise at test": (_noise(run), _noise(like)),
        }
        for kind, (ours, theirs) in kinds.items():
            _check_same(kind, run, like, ours, theirs, over)
        if not was_imported(run.run):
            known = first_known.setdefault(part, run)
            _check_same("data (fingerprint)", run, known, (run.run.fingerprint,), (known.run.fingerprint,), over)


def _check_same(
    kind: str, run: InFolder, like: InFolder, ours: Sequence[str], theirs: Sequence[str], over: Sequence[str]
) -> None:
    if ours != theirs:
        raise ColliculusError(
            f"{run.folder} cannot be compared with {like.folder}, their {kind} differ: "
            f"{', '.join(ours) or 'none'} and {', '.join(theirs) or 'none'}{_hint(run, like, over)}; "
            "leave one of them out"
        )


def _settings(run: Run) -> Document:
    return {"preset": run.preset, **flat(experiment_to_plain(run.experiment))}


def _noise(run: InFolder) -> tuple[str, ...]:
    return tuple(f"{snr_db:g} dB on {m}" for m, snr_db in sorted(run.run.experiment.train.snr_db.items()))


def _hint(run: InFolder, like: InFolder, over: Sequence[str]) -> str:
    ours, theirs = _settings(run.run), _settings(like.run)
    keys = [k for k in ours if k.startswith("data.") and k not in (*NOT_OF_THE_METHOD, *over)]
    differing = [key for key in keys if ours[key] != theirs.get(key)]
    if differing == ["data.fold"]:
        return " (to take folds together as if they were seeds, add --over data.fold)"
    return f" (by {', '.join(differing)})" if differing else ""


def _part(run: InFolder, over: Sequence[str]) -> str:
    own = _settings(run.run) if over else {}
    return ", ".join(f"{key}={own.get(key)}" for key in over)


def _members(runs: Sequence[Finished], over: Sequence[str]) -> dict[Training, Finished]:
    members: dict[Training, Finished] = {}
    for run in runs:
        training = (_part(run, over), int(run.run.experiment.train.seed))
        if (same := members.setdefault(training, run)) is not run:
            raise ColliculusError(f"{same.folder} and {run.folder} are the same training: leave one of them out")
    return members


def _name(own: Document, methods: Sequence[Document]) -> str:
    """The preset, with the settings in which it differs from another method of the same preset."""
    others = [other for other in methods if other["preset"] == own["preset"]]
    keys = dict.fromkeys(key for other in others for key in other)
    constant = (*NOT_OF_THE_METHOD, "preset")
    telling = [k for k in keys if k not in constant and len({repr(other.get(k)) for other in others}) > 1]
    return " ".join([own["preset"], *(f"{key}={own[key]}" for key in telling if key in own)])
