"""A network as one ONNX file for a step of each encoder and one for the rest, which gets the tokens of all steps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from colliculus.coding import steps_of
from colliculus.evaluation.inference import inference_mode
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.export.comparison import Answer
from colliculus.export.network import TRACED_BATCH, ExportedNetwork, named, refuse_random, traced_program
from colliculus.export.network_target import NetworkTarget
from colliculus.export.onnx.lean import lean
from colliculus.export.onnx.step import NEXT, STATE, frames_at, refuse_several_frames, step_bytes
from colliculus.export.onnx.write import answer_of, refuse_missing_packages, translated
from colliculus.export.subject import Subject
from colliculus.export.target import Artifact
from colliculus.model import MultimodalSNN
from colliculus.neurons import carried
from colliculus.neurons.kernels.compiled import neurons_stay_whole
from colliculus.streaming.frames import shows_frames
from colliculus.streaming.stream import Stream
from colliculus.types import ColliculusError

REST = "rest.onnx"
TOKENS = "tokens"


class EncoderStep(nn.Module):
    """One frame of a modality and the membranes of its encoder -> the tokens of this step and the membranes after it.

    Args:
        network: the network for whole clips.
        modality: the modality.
    """

    def __init__(self, network: ExportedNetwork, modality: str) -> None:
        super().__init__()
        self.network = network
        self.modality = modality

    @property
    def encoder(self) -> nn.Module:
        """The encoder."""
        return self.network.model.encoders[self.modality]

    def forward(self, frames: dict[str, Tensor], states: dict[str, Tensor]) -> dict[str, Tensor]:
        """The frame (B, C, H, W) and membranes (B, *) by neuron -> tokens (B, D, N), and membranes."""
        x = self.network.standardised(self.modality, frames[self.modality])
        with carried(self.encoder, states) as after:
            tokens = self.encoder(x[None])[0]
        return {TOKENS: tokens} | {f"{NEXT}{name}": x for name, x in after.items()}

    def first_states(self, frames: dict[str, Tensor]) -> dict[str, Tensor]:
        """Membranes before the first step, all 0."""
        with inference_mode(self.network.model):
            after = self(frames, {})
        return {n.removeprefix(NEXT): torch.zeros_like(x) for n, x in after.items() if n != TOKENS}


class Rest(nn.Module):
    """Fusion and head: tokens (T, B, D, N) of all steps by modality -> the outputs of `named`."""

    def __init__(self, model: MultimodalSNN) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: dict[str, Tensor]) -> dict[str, Tensor]:
        """See the class."""
        return named(self.model.decided(tokens))


def write_apart(run: TrainedRun, options: NetworkTarget, out: Path) -> Artifact:
    """Write the files into the new folder `out`, run them step by step in onnxruntime, and compare with PyTorch.

    Args:
        run: the run.
        options: modalities, kind of inputs, and number of clips to compare on.
        out: folder to write.

    Raises:
        ColliculusError: as `ToONNX.write`.
    """
    refuse_missing_packages()
    subject = Subject.of(run, options)
    refuse_random(run.model)
    refuse_no_frames(subject)
    steps = {m: EncoderStep(subject.network, m).eval() for m in subject.inputs}
    frames = {m: frames_at({m: x}, 0, 1) for m, x in subject.inputs.items()}
    states = {m: step.first_states(frames[m]) for m, step in steps.items()}
    out.mkdir()
    for m, step in steps.items():
        facts = {"colliculus.form": "encoder step", "colliculus.modalities": json.dumps([m])}
        facts["colliculus.states"] = json.dumps(list(states[m]))
        (out / f"{m}_step.onnx").write_bytes(step_bytes(step, frames[m], states[m], subject.metadata() | facts))
    (out / REST).write_bytes(_rest_bytes(subject))
    facts = {path.name: f"{path.stat().st_size / 1e6:.2f} MB" for path in sorted(out.iterdir())}
    state = sum(x.numel() for of in states.values() for x in of.values())
    facts["state"] = f"{sum(map(len, states.values()))} membranes, {state:,} numbers a clip"
    check = subject.compared(answer_of_folder(out, states, run.model), "onnxruntime, step by step,")
    return Artifact(holds=facts, checks=(check,))


def refuse_no_frames(subject: Subject) -> None:
    """Refuse networks whose encoders do not take one frame of a clip at each step.

    Raises:
        ColliculusError: an encoder uses later steps, a coding shows other than the frame of the step, or clips are
            resampled to another number of steps.
    """
    model = subject.run.model
    try:
        Stream(model, subject.run.time_steps)
    except ColliculusError as error:
        raise ColliculusError(f"the encoders take no single steps ({error}): use --form whole") from error
    refuse_several_frames(model)
    for m, x in subject.inputs.items():
        own = steps_of(model.coding[m])
        if not shows_frames(model.coding[m]):
            raise ColliculusError(
                f"the coding of {m} takes a clip as a whole, so that a step has no frame of its own: use --form whole, "
                'or train with `coding` "direct" and a `context` of 1'
            )
        if x.ndim == 5 and len(x) != own:
            raise ColliculusError(
                f"{m} has {len(x)} frames, resampled to {own} steps, so that a step has no frame of its own: use --form"
                " whole"
            )


def _rest_bytes(subject: Subject) -> bytes:
    model = subject.run.model
    with inference_mode(model):
        first = {m: x[..., :1, :, :, :] for m, x in subject.model_inputs.items()}
        tokens = {m: model.encoders[m](x) for m, x in model.coded(first).items()}
    rest = Rest(model).eval()
    batch = {m: x.clone().repeat_interleave(TRACED_BATCH, 1) for m, x in tokens.items()}
    with torch.no_grad():
        outputs = list(rest(batch))
    with neurons_stay_whole():
        program = traced_program(rest, (batch,), (dict.fromkeys(batch, 1),))
    facts = subject.metadata() | {"colliculus.form": "rest", "colliculus.inputs": TOKENS}
    return lean(translated(program, list(batch), outputs), facts).SerializeToString()


def answer_of_folder(folder: Path, states: Mapping[str, Mapping[str, Tensor]], model: MultimodalSNN) -> Answer:
    """The files as a network for whole clips: the encoders step by step, then the rest.

    Args:
        folder: folder of the files.
        states: membranes (1, *) before the first step, by modality and neuron.
        model: the network, which says how many steps each modality has.
    """
    encoders = {m: answer_of((folder / f"{m}_step.onnx").read_bytes()) for m in states}
    rest = answer_of((folder / REST).read_bytes())

    def tokens(m: str, x: Tensor) -> Tensor:
        count, found = x.shape[-4], list[Tensor]()
        membranes = {f"{STATE}{name}": v.repeat_interleave(count, 0) for name, v in states[m].items()}
        for t in range(steps_of(model.coding[m])):
            outputs = encoders[m](frames_at({m: x}, t, count) | membranes)
            membranes = {f"{STATE}{name}": outputs[f"{NEXT}{name}"] for name in states[m]}
            found.append(outputs[TOKENS])
        return torch.stack(found)

    return lambda inputs: rest({m: tokens(m, inputs[m]) for m in states})
