"""`colliculus predict`: classify files with a trained run, with an explanation of each prediction."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal, Optional

from colliculus.cli.options import Files, RecordOptions, RunFolder, Switch, parse
from colliculus.records import console
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class Options(RecordOptions):
    """Classify files with a trained run.

    Files of one stem (clip.wav and clip.png) are one clip. One modality may be missing. The evidence of a modality is
    its share of the predicted class's logit minus its mean share over all classes, so a positive number supports the
    class. The steps are the probabilities of that class when the network runs for its first 1, 2, ... T steps only.
    Clips that cannot be read are reported on stderr and left out; the exit code is then 1, and 2 where none can be.
    """

    run: RunFolder
    """folder of the run"""
    files: Files
    """files of one or more clips, or folders of them"""
    csv: Switch = False
    """print a table of comma-separated values, a line per clip"""
    batch_size: Optional[int] = None  # noqa: UP045 - to look into `int | None`, tyro imports typeguard: 0.1 s
    """clips that are classified together, None for 16; it may change the last digits of a probability, and 1 gives
    those of one by one"""
    device: str = "auto"
    """auto (CUDA where present, else CPU; RUN/model.onnx, where it is used, on the CPU), cpu, cuda, or one GPU such as
    cuda:0"""
    precision: Literal["fp32", "bf16", "int8"] | None = None
    """fp32; bf16 (products and convolutions in bfloat16); int8 (weights of layers of spikes rounded to 8 bits); None:
    that of the training"""
    program: Literal["auto", "onnx", "torch"] = "auto"
    """torch; onnx, the file RUN/model.onnx (`colliculus export RUN --to onnx`), which starts without PyTorch; or
    auto, the file where it is of these weights and every clip has all modalities. Probabilities differ by rounding"""


def run(arguments: list[str]) -> int:
    """Predict and print."""
    options = parse(Options, "predict", arguments)

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a process of one thread can fork its decoder, before NumPy

    from colliculus.corpus.prepare.oddities import skipped_sentence
    from colliculus.evaluation.predictor import Predictor

    if options.json and options.csv:
        raise ColliculusError("--json and --csv contradict each other: give one of them")
    predictor = Predictor(
        folder=options.run, program=options.program, device=options.device, precision=options.precision
    )
    found = predictor.predict(options.files, batch_size=options.batch_size)
    if options.csv:
        print(found.to_csv(), end="")
    else:
        options.show(found)
    for name, why in found.unread.items():
        console.remark(f"no prediction for {name!r}: {why}")
    for sentence in (*found.notes, *skipped_sentence(found.skipped)):
        console.remark(sentence)
    return 1 if found.unread else 0
