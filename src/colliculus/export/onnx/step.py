"""One time step of a network as an ONNX file: the membranes are inputs and outputs, and the caller holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from colliculus.coding import RecentFrames
from colliculus.evaluation.inference import inference_mode
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.export.comparison import Answer, checked_answers
from colliculus.export.network import TRACED_BATCH, ExportedNetwork, named, refuse_random, traced_program
from colliculus.export.network_target import NetworkTarget
from colliculus.export.onnx.lean import lean
from colliculus.export.onnx.write import answer_of, refuse_missing_packages, translated
from colliculus.export.subject import Subject
from colliculus.export.target import Artifact, Check
from colliculus.model import MultimodalSNN
from colliculus.neurons import carried
from colliculus.streaming.stream import Stream
from colliculus.types import ColliculusError

STATE, NEXT = "state.", "next."
"""Beginnings of the names of membranes, as inputs and as outputs."""


class StepNetwork(nn.Module):
    """One frame of each modality and the membranes before it -> the answer of this step and the membranes after it.

    Args:
        network: the network for whole clips.
    """

    def __init__(self, network: ExportedNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, frames: dict[str, Tensor], states: dict[str, Tensor]) -> dict[str, Tensor]:
        """Frames (B, C, H, W) by modality and membranes (B, *) by neuron -> outputs of one step, and membranes."""
        model = self.network.model
        with carried(model, states) as after:
            shown = {m: self.network.standardised(m, x)[None] for m, x in frames.items()}
            output = named(model.decided({m: model.encoders[m](x) for m, x in shown.items()}))
        del output["logits"]  # the mean of steps is the caller's
        return output | {f"{NEXT}{name}": x for name, x in after.items()}


def write_step(run: TrainedRun, options: NetworkTarget, out: Path) -> Artifact:
    """Write one step of the network, run it step by step in onnxruntime, and compare with a stream in PyTorch.

    Args:
        run: the run.
        options: modalities, kind of inputs, and number of clips to compare on.
        out: file to write.

    Raises:
        ColliculusError: as `ToONNX.write`.
    """
    refuse_missing_packages()
    subject = Subject.of(run, options)
    refuse_random(run.model)
    refuse_windows(run.model, run.time_steps)
    step, states = StepNetwork(subject.network).eval(), first_states(subject)
    facts = {"colliculus.form": "step", "colliculus.states": json.dumps(list(states))}
    out.write_bytes(step_bytes(step, frames_at(subject.inputs, 0, 1), states, subject.metadata() | facts))
    check = _compared(subject, answer_of(out.read_bytes()), states, run.time_steps)
    numbers = sum(x.numel() for x in states.values())
    facts = {
        "size": f"{out.stat().st_size / 1e6:.2f} MB",
        "inputs": f"one frame of {' and '.join(subject.inputs)}",
        "state": f"{len(states)} membranes, {numbers:,} numbers a clip",
    }
    return Artifact(holds=facts, checks=(check,))


def refuse_windows(model: MultimodalSNN, total: int) -> None:
    """Refuse a network whose steps have no answer of their own.

    Raises:
        ColliculusError: a part uses later steps or an end, or a step sees several frames.
    """
    try:
        Stream(model, total, carry=True)
    except ColliculusError as error:
        raise ColliculusError(f"one step has no answer of its own ({error}): use --form whole, or apart") from error
    refuse_several_frames(model)


def refuse_several_frames(model: MultimodalSNN) -> None:
    """Refuse a network whose steps see the frames before them too.

    Raises:
        ColliculusError: it is one.
    """
    if any(isinstance(part, RecentFrames) and part.frames > 1 for part in model.coding.modules()):
        raise ColliculusError("a step of this network sees several frames: use --form whole, or train with `context` 1")


def first_states(subject: Subject) -> dict[str, Tensor]:
    """Membranes (1, *) before the first step, all 0, by the names of the neurons."""
    model = subject.run.model
    with inference_mode(model), carried(model, {}) as after:
        model.decided({m: model.encoders[m](x[None]) for m, x in frames_at(subject.model_inputs, 0, 1).items()})
    return {name: torch.zeros_like(x) for name, x in after.items()}


def frames_at(inputs: Mapping[str, Tensor], step: int, count: int) -> dict[str, Tensor]:
    """The frame of a step of the first clips; a static input is shown at every step."""
    return {m: (x if x.ndim == 4 else x[step])[:count] for m, x in inputs.items()}


def step_bytes(
    step: nn.Module, frames: Mapping[str, Tensor], states: Mapping[str, Tensor], metadata: Mapping[str, str]
) -> bytes:
    """One step as an ONNX file.

    Args:
        step: frames (B, C, H, W) by modality and membranes (B, *) by neuron -> outputs by name.
        frames: one frame of each modality, of one clip.
        states: membranes of one clip.
        metadata: facts for the file.
    """
    many = [{name: x.repeat_interleave(TRACED_BATCH, 0) for name, x in of.items()} for of in (frames, states)]
    with torch.no_grad():
        outputs = list(step(*many))
    program = traced_program(step, (many[0], many[1]), (dict.fromkeys(frames, 0), dict.fromkeys(states, 0)))
    names = [*frames, *(f"{STATE}{name}" for name in states)]
    return lean(translated(program, names, outputs), metadata).SerializeToString()


def _compared(subject: Subject, exported: Answer, states: Mapping[str, Tensor], total: int) -> Check:
    """The file step by step, and a stream of the model, over the frames of the same clips."""
    clips, model = len(subject.clips), subject.run.model
    sequences = [len(x) for x in subject.inputs.values() if x.ndim == 5]
    steps = min(sequences, default=total)
    membranes = {f"{STATE}{name}": x.repeat_interleave(clips, 0) for name, x in states.items()}
    stream, found, expected = Stream(model, total, window=1, carry=True), list[Tensor](), list[Tensor]()
    state = stream.start(clips)
    for t in range(steps):
        outputs = exported(frames_at(subject.inputs, t, clips) | membranes)
        membranes = {f"{STATE}{name}": outputs[f"{NEXT}{name}"] for name in states}
        answer, state = stream.step(frames_at(subject.model_inputs, t, clips), state)
        found.append(outputs["step_logits"])
        expected.append(answer.step_logits)
    return checked_answers(
        _means(found), _means(expected), f"in onnxruntime {steps} single steps", "a stream in PyTorch", subject.clips
    )


def _means(steps: list[Tensor]) -> dict[str, Tensor]:
    together = torch.cat(steps)
    return {"logits": together.mean(0), "step_logits": together}
