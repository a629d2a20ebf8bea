"""Latency of a clip in PyTorch and in exported files, side by side, and the spikes of both, which energy follows from.

`deploy.py` publishes the table.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import onnx
from torch import Tensor, nn

import colliculus as cl
from colliculus.coding import steps_of
from colliculus.evaluation.inference import inference_mode
from colliculus.export.comparison import Answer, answers
from colliculus.export.network_target import NetworkTarget
from colliculus.export.onnx.apart import REST, TOKENS, EncoderStep
from colliculus.export.onnx.step import STATE, first_states, frames_at
from colliculus.export.onnx.target import ToONNX
from colliculus.export.onnx.write import answer_of, onnx_bytes
from colliculus.export.subject import Subject
from colliculus.model import MultimodalSNN
from colliculus.neurons import GradedNeuron, Neuron

ROUNDS = 30


def latency(name: str, run: cl.TrainedRun) -> dict[str, str]:
    """A row: milliseconds of a clip, how many times faster files are, and spikes that differ."""
    subject = Subject.of(run, ToONNX(check=8))
    content = onnx_bytes(subject)
    clip, whole = subject.clips.first(1), answer_of(content)
    programs: dict[str, Callable[[], Any]] = {"torch": lambda: answers(run.model, clip), "onnx": lambda: whole(clip)}
    form, after = after_last_frame(run, subject, clip)
    times = milliseconds(programs | ({"last": after} if after else {}))
    faster = {program: times["torch"] / ms for program, ms in times.items()}
    last = f"{form}: {times['last']:.2f} ms, {faster['last']:.1f} x" if after else form
    return {
        "preset": name,
        "PyTorch, a clip": f"{times['torch']:.1f} ms",
        "onnxruntime, a clip": f"{times['onnx']:.2f} ms, {faster['onnx']:.1f} x",
        "onnxruntime, after the last frame": last,
        "layers and steps with other numbers of spikes": compared_spikes(run.model, content, subject.inputs),
    }


def milliseconds(programs: Mapping[str, Callable[[], Any]]) -> dict[str, float]:
    """Median time of the processor for each program, in turns; other programs of the machine do not count."""
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(ROUNDS):
        for name, program in programs.items():
            start = time.process_time()
            program()
            times[name].append(1000 * (time.process_time() - start))
    return {name: median(found) for name, found in times.items()}


def after_last_frame(
    run: cl.TrainedRun, subject: Subject, clip: Mapping[str, Tensor]
) -> tuple[str, Callable[[], Any] | None]:
    """The form that runs while frames come in, and what it has left to do when the last one is there."""
    forms: dict[str, Callable[[], Callable[[], Any]]] = {
        "step": lambda: _step(run, subject, clip),
        "apart": lambda: _apart(run, subject, clip),
    }
    for form, program in forms.items():
        try:
            return form, program()
        except cl.ColliculusError:
            continue
    return "needs the clip", None


def _step(run: cl.TrainedRun, subject: Subject, clip: Mapping[str, Tensor]) -> Callable[[], Any]:
    """One step of the whole network."""
    network = _written(run, ToONNX(form="step", check=1))
    states = {f"{STATE}{name}": x for name, x in first_states(subject).items()}
    return lambda: network(frames_at(clip, 0, 1) | states)


def _apart(run: cl.TrainedRun, subject: Subject, clip: Mapping[str, Tensor]) -> Callable[[], Any]:
    """One step of each encoder, and the rest."""
    folder = Path(cl.export(run, to=ToONNX(form="apart", check=1)).out)
    encoders = {m: answer_of((folder / f"{m}_step.onnx").read_bytes()) for m in clip}
    rest, given = answer_of((folder / REST).read_bytes()), dict[str, dict[str, Tensor]]()
    for m, x in clip.items():
        frame = frames_at({m: x}, 0, 1)
        states = EncoderStep(subject.network, m).eval().first_states(frame)
        given[m] = frame | {f"{STATE}{name}": v for name, v in states.items()}

    def program() -> Any:
        tokens = {m: encoder(given[m])[TOKENS] for m, encoder in encoders.items()}
        return rest({m: x.expand(steps_of(run.model.coding[m]), *x.shape) for m, x in tokens.items()})

    return program


def _written(run: cl.TrainedRun, target: NetworkTarget) -> Answer:
    return answer_of(Path(cl.export(run, to=target).out).read_bytes())


def compared_spikes(model: MultimodalSNN, content: bytes, inputs: Mapping[str, Tensor]) -> str:
    """How many layers and steps send another number of spikes in the file; energy is estimated from these numbers."""
    ours, theirs = spikes_of_model(model, inputs), spikes_of_file(model, content, inputs)
    other = (ours - theirs).total() + (theirs - ours).total()
    spikes = sum(count * times for count, times in ours.items())
    return f"{other} of {ours.total()} ({spikes:,.0f} spikes)"


def spikes_of_model(model: MultimodalSNN, inputs: Mapping[str, Tensor]) -> Counter[float]:
    """The sum of what each layer of neurons sends in each step, and how often it occurs."""
    sums: list[float] = []

    def keep(_module: nn.Module, _inputs: Any, out: Tensor) -> None:
        sums.extend(out.double().flatten(1).sum(1).tolist())

    with ExitStack() as hooks, inference_mode(model):
        for module in model.modules():
            if isinstance(module, Neuron):
                hooks.enter_context(module.register_forward_hook(keep))
        model(inputs)
    return Counter(sums)


def spikes_of_file(model: MultimodalSNN, content: bytes, inputs: Mapping[str, Tensor]) -> Counter[float]:
    """The same of the operations that stand for neurons in an ONNX file."""
    proto = onnx.load_from_string(content)
    graded = any(isinstance(module, GradedNeuron) for module in model.modules())
    names = [*dict.fromkeys(_graded(proto) if graded else _binary(proto))]
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.helper.make_tensor_value_info(name, 1, None) for name in names)
    found = answer_of(proto.SerializeToString())(inputs)
    return Counter(x.double().sum().item() for x in found.values())


def _binary(proto: Any) -> Iterator[str]:
    """Spikes of LIF neurons: where a membrane reaches the threshold."""
    reached = {node.output[0] for node in proto.graph.node if node.op_type == "GreaterOrEqual"}
    return (node.output[0] for node in proto.graph.node if node.op_type == "Cast" and node.input[0] in reached)


def _graded(proto: Any) -> Iterator[str]:
    """Spikes of graded neurons: clipped levels times the step."""
    clipped = {node.output[0] for node in proto.graph.node if node.op_type == "Clip"}
    return (node.output[0] for node in proto.graph.node if node.op_type == "Mul" and node.input[0] in clipped)
