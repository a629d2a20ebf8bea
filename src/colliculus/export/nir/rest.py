"""The rest of a network behind its encoders, as a network that takes tokens, and as an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from colliculus.encoders.qkformer import Tokens
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.export.clips import Clips, standardised
from colliculus.export.comparison import compare_answers
from colliculus.export.network import ExportedNetwork
from colliculus.export.nir.check import coded, observed, run_parts
from colliculus.export.nir.parts import GraphPart, coded_shape
from colliculus.export.onnx.target import ToONNX
from colliculus.export.onnx.write import answer_of, onnx_bytes, refuse_missing_packages
from colliculus.export.subject import Subject
from colliculus.export.target import Check
from colliculus.model import MultimodalSNN
from colliculus.types import DataSpec


def rest_of(model: MultimodalSNN, parts: Sequence[GraphPart]) -> MultimodalSNN:
    """The network that takes the tokens (T, B, D, rows, columns) of graphs and gives the outputs of `model`.

    It has the layers of `model` that the graphs leave out, with the same parameters.
    """
    spec = DataSpec(
        channels={part.name: part.shape[0] for part in parts},
        sizes={part.name: part.shape[1:] for part in parts},
        num_classes=model.spec.num_classes,
        steps={part.name: coded_shape(model, part.name)[0] for part in parts},
    )
    rest = MultimodalSNN(
        spec,
        coding={part.name: nn.Identity() for part in parts},
        encoders={part.name: nn.Sequential(*_from_frames(part.left)) for part in parts},
        fusion=model.fusion,
        head=model.head,
    )
    return rest.eval()


def _from_frames(left: Sequence[nn.Module]) -> list[nn.Module]:
    """The parts of an encoder for frames (T, B, D, rows, columns), of which some encoders still make tokens."""
    makes_tokens = any(isinstance(module, Tokens) for module in left)
    return [*left] if makes_tokens else [nn.Flatten(3), *left]


def write_rest_onnx(run: TrainedRun, parts: Sequence[GraphPart], clips: Clips, dt: float, out: Path) -> Check:
    """Write the rest of a network as an ONNX file, and compare its outputs behind the graphs with PyTorch.

    Raises:
        ColliculusError: a package is not installed, or the network draws random numbers.
    """
    refuse_missing_packages()
    normalisation = run.run.normalisation

    def tokens(raw: Mapping[str, Tensor]) -> dict[str, Tensor]:
        inputs = standardised(normalisation, dict(raw))
        _, sent = observed(run.model, inputs)  # so that a spike which rounding flips does not count a second time
        return run_parts(parts, coded(run.model, inputs), dt, sent).tokens

    rest, given = rest_of(run.model, parts), tokens(clips.inputs)
    subject = Subject(run, ExportedNetwork(rest, None), Clips(given, clips.origin), given, ToONNX())
    out.write_bytes(onnx_bytes(subject))
    answer = answer_of(out.read_bytes())
    inputs = standardised(normalisation, clips.inputs)
    return compare_answers(lambda raw: answer(tokens(raw)), clips, inputs, run.model, "onnxruntime behind NIR")
