"""`colliculus serve`: keep a trained run warm, and classify files that come by HTTP."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from colliculus.cli.options import RunFolder, parse
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class Options:
    """Answer requests of programs on this machine with predictions, as `colliculus predict --json` prints them.

    A request brings its files, or names files below the folder --root:
    curl --data-binary @clip.wav 'http://127.0.0.1:8173/?name=clip.wav'
    curl -F file=@clip.wav -F file=@clip.png http://127.0.0.1:8173/
    curl --json '{"files": ["clip.wav", "clip.png"]}' http://127.0.0.1:8173/
    GET / says which run answers. A request that cannot be used gets a sentence, {"error": ...}. SIGTERM and Ctrl-C end
    the server after the request that it is answering.
    """

    run: RunFolder
    """folder of the run"""
    port: int = 8173
    """port of 127.0.0.1; 0 takes a free one"""
    socket: Path | None = None
    """path of a Unix socket in the place of the port"""
    root: Path | None = None
    """folder of the files that a request may name; without it, requests must bring their files"""
    most_mb: float = 64.0
    """largest content of a request in megabytes"""
    device: str = "auto"
    """auto (CUDA where present, else CPU; RUN/model.onnx, where it is used, on the CPU), cpu, cuda, or one GPU such as
    cuda:0"""
    precision: Literal["fp32", "bf16", "int8"] | None = None
    """fp32; bf16 (products and convolutions in bfloat16); int8 (weights of layers of spikes rounded to 8 bits); None:
    that of the training"""
    program: Literal["auto", "onnx", "torch"] = "auto"
    """torch, onnx (the file RUN/model.onnx), or auto, as of `colliculus predict`"""


def run(arguments: list[str]) -> int:
    """Serve until told to stop."""
    options = parse(Options, "serve", arguments)
    if not options.most_mb > 0:
        raise ColliculusError(f"`most_mb` is {options.most_mb}: choose a size above 0")
    if options.root is not None and not options.root.is_dir():
        raise ColliculusError(f"{options.root} is not a folder: name the folder of the files with --root")

    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # a process of one thread can fork its decoder, before NumPy

    from colliculus.evaluation.predictor import Predictor
    from colliculus.serving.server import Service, listening, serve_until_told

    predictor = Predictor(
        folder=options.run, program=options.program, device=options.device, precision=options.precision
    )
    program = predictor.start()
    service = Service(predictor=predictor, root=options.root, most_bytes=int(options.most_mb * 1e6))
    with listening(service, port=options.port, path=options.socket) as (server, address):
        print(f"{address} answers for {options.run} by {program}; Ctrl-C ends it", flush=True)
        serve_until_told(server)
    return 0
