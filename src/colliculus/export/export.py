"""Export: write a trained run in the form another program reads, and compare what was written with PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from colliculus.evaluation.trained_run import TrainedRun, open_run
from colliculus.export.target import Artifact, Check, ExportTarget
from colliculus.export.targets import target_class
from colliculus.files.atomic import atomic_path, writing
from colliculus.records import Record, Table
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class Exported(Record):
    """A finished export, and how it compares with PyTorch.

    Args:
        run: run folder.
        to: name of the target.
        out: file or folder written.
        holds: facts about it, by name, in words.
        checks: comparisons with PyTorch, made by reading what was written.
    """

    run: str
    to: str
    out: str
    holds: Mapping[str, str]
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """True if every check passed; otherwise nothing is left at `out`."""
        return all(check.passed for check in self.checks)

    def table(self) -> Table:
        """The written file and its checks."""
        checks = {f"check {i}" if len(self.checks) > 1 else "check": c for i, c in enumerate(self.checks, 1)}
        facts = {"run": self.run, "written": self.out if self.passed else f"nothing: {self.out} did not pass its check"}
        sentences = {
            name: check.sentence if check.passed else f"FAILED: {check.sentence}" for name, check in checks.items()
        }
        return Table.facts(f"Export to {self.to}", {**facts, **self.holds, **sentences})


class _CheckError(Exception):
    """A check failed: what was written must not stay."""

    def __init__(self, artifact: Artifact) -> None:
        super().__init__()
        self.artifact = artifact


def export(run: TrainedRun | Path | str, *, to: str | ExportTarget, out: Path | str | None = None) -> Exported:
    """Write the model of a run in the form another program reads.

    What is written is read again and compared with PyTorch. Where a check fails, `passed` is False and nothing is
    written: a file that was there before stays as it was.

    Args:
        run: run folder, or an open run.
        to: name of a target ("onnx", "pt2", "page", "reference", ...), or a target with options, such as
            `colliculus.export.onnx.target.ToONNX(modalities=("audio",))`.
        out: file or folder to write; None is the target's usual place in the run folder.

    Raises:
        ColliculusError: this model has no such form, a package is not installed, or `out` cannot be written.

    Example:
        >>> import colliculus as cl
        >>> small = {"data": {"num_train": 64, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
        >>> trained = cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False)
        >>> exported = cl.export(trained, to="reference")
        >>> exported.passed, Path(exported.out).name
        (True, 'reference.pth.tar')
    """
    target = target_class(to)() if isinstance(to, str) else to
    opened = open_run(run, "cpu")
    place = opened.folder / target.usual_place() if out is None else Path(out)
    if place.is_dir():
        raise ColliculusError(f"{place} is a folder that exists: delete it, or choose another with --out")
    try:
        with writing(place), atomic_path(place) as temporary:
            artifact = target.write(opened, temporary)
            if not all(check.passed for check in artifact.checks):
                raise _CheckError(artifact)
    except _CheckError as error:
        artifact = error.artifact
    return Exported(
        run=str(opened.folder), to=target.name, out=str(place), holds=artifact.holds, checks=artifact.checks
    )
