"""A trained network as a plain program: raw inputs by modality to named outputs, with the normalisation inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from colliculus.coding import Poisson
from colliculus.data.dataset import Normalisation
from colliculus.evaluation.anytime import each_output
from colliculus.evaluation.onnx_program import LOGITS_BY_STEP
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.model import MultimodalSNN
from colliculus.types import ColliculusError, Output, unknown_name

TRACED_BATCH = 4
"""Samples of the batch that is traced; a batch of 1 would be taken for a fixed size."""


class ExportedNetwork(nn.Module):
    """Inputs by modality -> outputs by name, both plain mappings of tensors.

    Args:
        model: the network, in evaluation mode.
        normalisation: applied to the inputs first; None takes standardised inputs.
        steps: T of the model, to give the logits after each step too (`logits_by_step`); None gives the last alone.

    Example:
        >>> from colliculus import DataSpec, LateFusion
        >>> spec = DataSpec(channels={"audio": 1}, sizes={"audio": (16, 16)}, num_classes=3)
        >>> model = LateFusion(dim=8, time_steps=2).model(spec).eval()
        >>> outputs = ExportedNetwork(model, None)({"audio": torch.zeros(5, 1, 16, 16)})
        >>> {name: tuple(x.shape) for name, x in outputs.items()}
        {'logits': (5, 3), 'step_logits': (2, 5, 3), 'evidence.audio': (2, 5, 3)}
    """

    def __init__(self, model: MultimodalSNN, normalisation: Normalisation | None, steps: int | None = None) -> None:
        super().__init__()
        self.model = model
        self.steps = steps
        self.normalised = tuple(normalisation.mean) if normalisation else ()
        for m in self.normalised:
            assert normalisation is not None  # noqa: S101
            for name, values in (("mean", normalisation.mean[m]), ("std", normalisation.std[m])):
                column = torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
                self.register_buffer(f"{name}_{m}", column, persistent=False)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """(B, C, H, W) or (T, B, C, H, W) of each modality -> the tensors of `named`."""
        shown = {m: self.standardised(m, x) for m, x in inputs.items()}
        if self.steps is None:
            return named(self.model(shown))
        return named_by_step(each_output(self.model, shown, self.steps, nullcontext))

    def standardised(self, modality: str, x: Tensor) -> Tensor:
        """An input as the model takes it."""
        if modality not in self.normalised:
            return x
        return (x - self.get_buffer(f"mean_{modality}")) / self.get_buffer(f"std_{modality}")


def named(output: Output) -> dict[str, Tensor]:
    """Outputs of a network by name: `logits`, `step_logits`, `evidence.M`, `time_weights.M`."""
    tensors = {"logits": output.logits, "step_logits": output.step_logits}
    tensors |= {f"evidence.{m}": x for m, x in output.evidence.items()}
    return tensors | {f"time_weights.{m}": x for m, x in output.time_weights.items()}


def named_by_step(outputs: Sequence[Output]) -> dict[str, Tensor]:
    """Outputs after the first 1, 2, ... T steps by name: those of the last, and `logits_by_step` (T, B, K)."""
    return named(outputs[-1]) | {LOGITS_BY_STEP: torch.stack([one.logits for one in outputs])}


def chosen_modalities(run: TrainedRun, wanted: Sequence[str]) -> tuple[str, ...]:
    """The wanted modalities in the order of the model; all where none is named.

    Raises:
        ColliculusError: the model has no such modality.
    """
    for m in wanted:
        if m not in run.model.modalities:
            raise unknown_name("modality", m, run.model.modalities)
    return tuple(m for m in run.model.modalities if not wanted or m in wanted)


def refuse_random(model: MultimodalSNN) -> None:
    """Refuse a network whose inputs are coded by random spikes.

    Raises:
        ColliculusError: one is.
    """
    if any(isinstance(part, Poisson) for part in model.modules()):
        raise ColliculusError("poisson coding draws random spikes: train with --method.coding direct or latency")


def traced(network: ExportedNetwork, inputs: Mapping[str, Tensor]) -> ExportedProgram:
    """The program of a network for inputs of these shapes, with any number of samples.

    Args:
        network: the network.
        inputs: one sample or more of each modality.

    Raises:
        ColliculusError: the network draws random numbers in evaluation.
    """
    refuse_random(network.model)
    batch = {m: x.narrow(-4, 0, 1).repeat_interleave(TRACED_BATCH, dim=-4) for m, x in inputs.items()}
    return traced_program(network, (batch,), ({m: x.ndim - 4 for m, x in batch.items()},))


def traced_program(
    network: nn.Module, batch: tuple[dict[str, Tensor], ...], axes: tuple[dict[str, int], ...]
) -> ExportedProgram:
    """The program of a module, with any number of samples.

    Args:
        network: the module.
        batch: arguments of its forward pass: tensors by name.
        axes: axis of the samples in each tensor.

    Raises:
        ColliculusError: the module draws random numbers.
    """
    free = tuple({name: {axis: Dim.AUTO} for name, axis in of.items()} for of in axes)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        program = torch.export.export(network, batch, dynamic_shapes=free, strict=False)
    if drawn := next(_random_operations(program), None):
        raise ColliculusError(
            f"the network draws random numbers ({drawn}) at every answer, which no file can repeat: export a run of "
            "another preset"
        )
    return program


def _random_operations(program: ExportedProgram) -> Iterator[str]:
    for node in program.graph.nodes:
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
            yield str(node.target)
