"""Predictions for files by whichever program starts sooner: onnxruntime, where an ONNX file lies beside, or PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from colliculus.evaluation.clip_files import Arrays
from colliculus.evaluation.clip_predictions import ClipPrediction, ClipPredictions
from colliculus.evaluation.onnx_program import OnnxRun
from colliculus.media.apart import start_early
from colliculus.records.console import remark
from colliculus.runs.names import MODEL_FILE, ONNX_FILE, RESULT_FILE, RUN_FILE, STATE_FILE
from colliculus.types import ColliculusError, unknown_name

if TYPE_CHECKING:
    from colliculus.evaluation.trained_run import TrainedRun
    from colliculus.runtime import InferencePrecision

Program = Literal["auto", "onnx", "torch"]
"""Who computes the network: PyTorch, onnxruntime, or onnxruntime where it can."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictor:
    """A run that classifies files; its program is started on first use and stays.

    "auto" takes the ONNX file beside the run (`colliculus export RUN --to onnx`) where that is of these weights, the
    training is finished, and the device is the CPU or left open; else PyTorch. Clips that lack a modality always go to
    PyTorch.

    Args:
        folder: run folder.
        program: who computes the network.
        device: as in `colliculus.load`.
        precision: as in `colliculus.load`; an ONNX file has that it was exported in.

    Raises:
        ColliculusError: the program is unknown, or "onnx" on another device than the CPU.

    Example:
        >>> import colliculus as cl
        >>> small = {"data": {"num_train": 32, "num_test": 6, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
        >>> run = cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False)
        >>> files = run.experiment.data.export(run.folder / "clips", count=1)
        >>> [len(Predictor(folder=run.folder).predict(files).predictions), files[0].suffix]
        [1, '.wav']
    """

    folder: Path
    program: Program = "auto"
    device: str = "auto"
    precision: InferencePrecision | None = None

    def __post_init__(self) -> None:
        if self.program not in get_args(Program):
            raise unknown_name("program", self.program, get_args(Program))
        if self.program == "onnx" and self.device not in ("auto", "cpu"):
            raise ColliculusError(f"`device` is {self.device!r} and onnxruntime computes on the CPU: leave it out")

    def predict(self, clips: Path | str | Sequence[Path | str], *, batch_size: int | None = None) -> ClipPredictions:
        """Classify files and explain each prediction; see `TrainedRun.predict`.

        Raises:
            ColliculusError: a file does not exist, none can be read, or the run cannot be opened.
        """
        if self._onnx is not None:
            incomplete = None if self.program == "onnx" else self._classify
            return self._onnx.predict(clips, batch_size=batch_size, incomplete=incomplete)
        return self._trained.predict(clips, batch_size=batch_size)

    def start(self) -> str:
        """Load the network; the name of the program that will compute it."""
        if self._onnx is not None:
            return "onnxruntime"
        return f"PyTorch on {next(self._trained.model.parameters()).device}"

    def _classify(self, names: tuple[str, ...], arrays: Arrays) -> Sequence[ClipPrediction]:
        return self._trained.classify_arrays(names, arrays)

    @cached_property
    def _onnx(self) -> OnnxRun | None:
        if self.program == "torch" or self.device not in ("auto", "cpu"):
            return None
        found = OnnxRun(self.folder)
        if self.program == "onnx":
            found.check(self.precision)
            return found
        there = {
            name
            for name in (ONNX_FILE, RUN_FILE, MODEL_FILE, STATE_FILE, RESULT_FILE)
            if (self.folder / name).is_file()
        }
        if not {ONNX_FILE, RUN_FILE, MODEL_FILE} <= there or (
            STATE_FILE in there and RESULT_FILE not in there
        ):  # unfinished
            return None
        try:
            found.check(self.precision)
        except ColliculusError as error:
            remark(f"PyTorch computes the network, because {error}")
            return None
        return found

    @cached_property
    def _trained(self) -> TrainedRun:
        from colliculus.evaluation.trained_run import open_run

        start_early()  # before PyTorch has threads
        return open_run(self.folder, self.device, precision=self.precision)
