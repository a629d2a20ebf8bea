"""Predictions of a run through the ONNX file beside it, which onnxruntime computes: nothing here imports PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from colliculus.corpus.storage_reader import StorageReader
from colliculus.evaluation.clip_files import Arrays, Classify, predict_files
from colliculus.evaluation.clip_predictions import ClipPrediction, ClipPredictions
from colliculus.evaluation.explanation.decision import Floats, explained
from colliculus.files.checks import check_file, file_digest, refuse_links
from colliculus.files.documents import as_document
from colliculus.files.plain import parse_json
from colliculus.media.apart import start_early
from colliculus.runs.names import MODEL_FILE, ONNX_FILE
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

    from colliculus.runtime import InferencePrecision

LOGITS_BY_STEP = "logits_by_step"
"""Output of the file: logits when the network runs for its first 1, 2, ... T steps, (T, B, K)."""
EVIDENCE = "evidence."
"""Beginning of the outputs with the share of a modality in the logits of each step, (T, B, K)."""
EXPORT = "colliculus export {} --to onnx"


@dataclass(frozen=True, eq=False)
class OnnxRun:
    """A run whose network onnxruntime computes on the CPU.

    Frames and spectrograms are made without PyTorch, so that inputs differ from those of a training in the last digits.

    Args:
        folder: run folder.
    """

    folder: Path

    @property
    def modalities(self) -> tuple[str, ...]:
        """Modalities that the file takes, in declared order."""
        return self._names("modalities")

    def check(self, precision: InferencePrecision | None = None) -> None:
        """Check that the file answers for the weights and the files of this run.

        Args:
            precision: wanted precision; None is that of the training.

        Raises:
            ColliculusError: it is of other weights or another precision, lacks what an explained prediction needs, or
                onnxruntime cannot read it.
        """
        refuse_links(self.folder)
        again = EXPORT.format(self.folder)
        facts, outputs = self._facts, {output.name: output.shape for output in self._session.get_outputs()}
        check_file(self.folder / MODEL_FILE)
        if facts.get("weights") != file_digest(self.folder / MODEL_FILE):
            raise ColliculusError(f"{self._path} was written for other weights than {MODEL_FILE}: {again}")
        wanted = precision or facts.get("training_precision")
        if facts.get("precision") != wanted:
            with_it = f"{again} --precision int8" if wanted == "int8" else again
            advice = "ONNX files have no bf16, give --precision fp32" if wanted == "bf16" else with_it
            raise ColliculusError(f"{self._path} is not in {wanted or 'a known precision'}: {advice}")
        if facts.get("inputs") != "raw":
            raise ColliculusError(f"{self._path} takes values that were standardised before: {again}")
        if LOGITS_BY_STEP not in outputs:
            raise ColliculusError(f"{self._path} has no decisions after each step: {again}")
        if self.modalities != self._names("network_modalities"):
            raise ColliculusError(f"{self._path} takes {' and '.join(self.modalities)} alone: {again}")
        if outputs[LOGITS_BY_STEP][-1] != len(self._names("class_names")):
            raise ColliculusError(f"{self._path} names other classes than it has: {again}")
        if not self._reading.keys() >= {*self.modalities}:
            raise ColliculusError(f"{self._path} does not say how files like its data are read: use PyTorch")

    def predict(
        self,
        clips: Path | str | Sequence[Path | str],
        *,
        batch_size: int | None = None,
        incomplete: Classify | None = None,
    ) -> ClipPredictions:
        """Classify files and explain each prediction, as `TrainedRun.predict`.

        Args:
            clips: files and folders.
            batch_size: clips that are classified together; None: 16.
            incomplete: classifies clips that lack a modality, which the file cannot; None: they are not classified.

        Raises:
            ColliculusError: a file does not exist or none can be classified.
        """
        files = [Path(clips)] if isinstance(clips, Path | str) else [Path(clip) for clip in clips]
        reader = StorageReader.of(self._reading, "numpy")

        def classify(names: tuple[str, ...], arrays: Arrays) -> Sequence[ClipPrediction]:
            if incomplete is not None and not arrays.keys() >= {*self.modalities}:
                return incomplete(names, arrays)
            return self._classified(names, arrays)

        found = predict_files(files, reader, self.modalities, classify, batch_size)
        return ClipPredictions(
            run=str(self.folder),
            modalities=self.modalities,
            predictions=tuple(found.predictions),
            unread=found.unread,
            notes=found.notes,
            skipped=found.skipped,
        )

    def _classified(self, names: tuple[str, ...], arrays: Arrays) -> list[ClipPrediction]:
        if lacking := [m for m in self.modalities if m not in arrays]:
            wanted = f"the clip lacks {lacking[0]}, which {self._path} takes"
            raise ColliculusError(f"{wanted}: give it, or leave out --program")
        outputs, session = [output.name for output in self._session.get_outputs()], cast("Any", self._session)
        found: dict[str, Floats] = dict(zip(outputs, session.run(outputs, self._inputs(arrays)), strict=True))
        evidence = {name.removeprefix(EVIDENCE): x.mean(0) for name, x in found.items() if name.startswith(EVIDENCE)}
        decisions = explained(found[LOGITS_BY_STEP], evidence, self._names("class_names"))
        return [ClipPrediction(**vars(one), clip=name, missing=()) for name, one in zip(names, decisions, strict=True)]

    def _inputs(self, arrays: Arrays) -> dict[str, Any]:
        """Arrays (B, ...) as the file takes them, time first."""
        given: dict[str, Any] = {}
        for wanted in self._session.get_inputs():
            array = arrays[wanted.name]
            given[wanted.name] = np.ascontiguousarray(array.swapaxes(0, 1) if array.ndim == 5 else array)
            shape = [*given[wanted.name].shape]
            if len(shape) != len(wanted.shape) or any(
                isinstance(n, int) and n != ours for n, ours in zip(wanted.shape, shape, strict=True)
            ):
                raise ColliculusError(f"{wanted.name} has shape {shape}; {self._path} takes {wanted.shape}")
        return given

    @property
    def _path(self) -> Path:
        return self.folder / ONNX_FILE

    @cached_property
    def _reading(self) -> Mapping[str, Any]:
        return as_document(parse_json(self._facts.get("reading") or "{}"))

    def _names(self, fact: str) -> tuple[str, ...]:
        """A list of names in the metadata; a file of an earlier version may have none."""
        found = parse_json(self._facts.get(fact) or "[]")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    @cached_property
    def _facts(self) -> dict[str, str]:
        found = self._session.get_modelmeta().custom_metadata_map
        return {name.removeprefix("colliculus."): value for name, value in found.items()}

    @cached_property
    def _session(self) -> InferenceSession:
        if find_spec("onnxruntime") is None:
            raise ColliculusError("onnxruntime is not installed: pip install 'colliculus[onnx]'")

        start_early()  # before onnxruntime has threads

        import onnxruntime

        options = onnxruntime.SessionOptions()
        # its optimiser takes longer than many clips, and does not make these networks faster
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting must not cost CPU time
        try:
            return onnxruntime.InferenceSession(self._path.read_bytes(), options, providers=["CPUExecutionProvider"])
        except OSError as error:
            raise ColliculusError(
                f"{self._path} cannot be read ({error.strerror}): {EXPORT.format(self.folder)}"
            ) from error
        except Exception as error:
            raise ColliculusError(
                f"{self._path} cannot be run by onnxruntime ({str(error).splitlines()[0]}): "
                f"{EXPORT.format(self.folder)}"
            ) from error
