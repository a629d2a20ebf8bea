"""Writing a trained network as an ONNX file, and reading it again in onnxruntime."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.export import ExportedProgram
from torch.onnx import ONNXProgram

from colliculus.evaluation.trained_run import TrainedRun
from colliculus.export.comparison import Answer
from colliculus.export.network import traced
from colliculus.export.network_target import NetworkTarget
from colliculus.export.subject import Subject
from colliculus.export.target import Artifact
from colliculus.neurons.kernels.compiled import neurons_stay_whole
from colliculus.types import ColliculusError

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


def write_onnx(run: TrainedRun, options: NetworkTarget, out: Path) -> Artifact:
    """Write the network of a run, run the file in onnxruntime and compare.

    Args:
        run: the run.
        options: modalities, kind of inputs, and number of clips to compare on.
        out: file to write.

    Raises:
        ColliculusError: as `ToONNX.write`.
    """
    refuse_missing_packages()
    subject = Subject.of(run, options)
    out.write_bytes(onnx_bytes(subject))
    return subject.checked(answer_of(out.read_bytes()), "onnxruntime", out)


def refuse_missing_packages() -> None:
    """Check that the packages of the extra `onnx` are installed.

    Raises:
        ColliculusError: one is not.
    """
    for package in PACKAGES:
        if find_spec(package) is None:
            raise ColliculusError(f"ONNX files need {package}: pip install 'colliculus[onnx]'")


def onnx_bytes(subject: Subject) -> bytes:
    """The network as an ONNX file; every axis of samples is free and called "batch".

    Raises:
        ColliculusError: the network draws random numbers.
    """
    from colliculus.export.onnx.lean import lean

    with neurons_stay_whole():
        program = traced(subject.network, subject.inputs)
    exported = translated(program, list(subject.inputs), subject.output_names())
    return lean(exported, subject.metadata()).SerializeToString()


def translated(program: ExportedProgram, inputs: Sequence[str], outputs: Sequence[str]) -> ONNXProgram:
    """A program of PyTorch as an ONNX program; neurons that `neurons_stay_whole` kept become a few operations.

    Args:
        program: the program.
        inputs: names of its inputs.
        outputs: names of its outputs.
    """
    from colliculus.export.onnx.translate import OPSET, TRANSLATIONS

    with _quiet():
        exported = torch.onnx.export(
            program,
            dynamo=True,
            input_names=inputs,
            output_names=outputs,
            opset_version=OPSET,
            custom_translation_table=TRANSLATIONS,
            optimize=False,  # its rewriting of patterns takes half of the time, and onnxruntime does the same
            verbose=False,
        )
    assert exported is not None  # noqa: S101 (with dynamo it returns a program)
    return exported


def answer_of(content: bytes, options: Any = None) -> Answer:
    """The network of an ONNX file, run by onnxruntime on the CPU.

    Args:
        content: bytes of the file.
        options: an `onnxruntime.SessionOptions`; None takes its defaults on as many threads as PyTorch has.
    """
    import onnxruntime

    if options is None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def answer(inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found = session.run(names, {m: x.contiguous().numpy() for m, x in inputs.items()})
        return {name: torch.from_numpy(values) for name, values in zip(names, found, strict=True)}

    return answer


@contextmanager
def _quiet() -> Generator[None]:
    """Silence the exporter's warnings, which are about its own parts and not about the network."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
