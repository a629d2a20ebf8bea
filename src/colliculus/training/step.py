"""One training step, in the order it happens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim import Optimizer

from colliculus.labels import correctness
from colliculus.model import MultimodalSNN
from colliculus.modulation import Modulator
from colliculus.modulation.scores import modality_correct
from colliculus.runtime import Runtime
from colliculus.types import Batch, Output


@dataclass(frozen=True)
class StepReport:
    """Figures of one step.

    Args:
        sums: sums over the samples of this rank: "samples", "correct", and each term of the objective by name.
        grad_norm: norm of the gradients before clipping, the same on every rank.
        modulation: report of the modulator, the same on every rank.
        correct: samples of this rank that each modality alone classifies correctly, where it makes predictions.
    """

    sums: dict[str, Tensor]
    grad_norm: float
    modulation: dict[str, float]
    correct: dict[str, Tensor] = field(default_factory=dict[str, Tensor])


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """One optimiser step on a batch.

    Args:
        model: model in training.
        objective: named terms whose sum is minimised.
        modulator: hooks before the backward pass, and between it and the step.
        optimizer: optimiser of the model's parameters.
        runtime: device and processes.
        clip_norm: largest norm of the gradients, or None.
    """

    model: MultimodalSNN
    objective: Callable[[Output, Tensor], dict[str, Tensor]]
    modulator: Modulator
    optimizer: Optimizer
    runtime: Runtime
    clip_norm: float | None

    def __call__(self, batch: Batch) -> StepReport:
        """Train on the samples of a batch that this rank holds.

        Raises:
            ColliculusError: the gradients are not finite.
        """
        self.optimizer.zero_grad(set_to_none=True)
        with self.runtime.autocast():
            output: Output = self.model(batch.inputs)
        output = in_float32(output)
        prepared = self.modulator.before_backward(self.model, output, batch.labels, self.objective, self.runtime)
        total = torch.stack(list(prepared.losses.values())).sum()
        self.runtime.backward(total * self.runtime.sample_weight(len(batch)), self.model)
        modulation = self.modulator(self.model, output, batch.labels, self.runtime, prepared)
        grad_norm = self.runtime.clip_and_step(self.model, self.optimizer, self.clip_norm)
        samples = torch.tensor(float(len(batch)), device=batch.labels.device)
        correct = correctness(output.logits.detach().argmax(dim=1), batch.labels).sum().float()
        terms = {name: term.detach() * samples for name, term in prepared.losses.items()}
        alone = {m: right.sum() for m, right in modality_correct(output, batch.labels).items()}
        return StepReport({"samples": samples, "correct": correct, **terms}, grad_norm, modulation, alone)


def in_float32(output: Output) -> Output:
    """`output` in float32 for the objective, whatever the precision of the forward pass."""

    def wide(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: x.float() for name, x in cast("dict[str, Tensor]", value).items()}
        return None if value is None else value.float()

    return Output(**{field.name: wide(getattr(output, field.name)) for field in fields(output)})


class EpochSums:
    """Sums over the steps of an epoch, on this rank; `num_steps` counts them."""

    def __init__(self) -> None:
        self.num_steps = 0
        self._over_samples, self._correct = defaultdict[str, Any](float), defaultdict[str, Any](float)
        self._over_steps = defaultdict[str, float](float)

    def add(self, report: StepReport) -> None:
        """Add a step."""
        self.num_steps += 1
        for name, value in report.sums.items():
            self._over_samples[name] += value.double()
        for modality, value in report.correct.items():
            self._correct[modality] += value.double()
        modulation = {f"modulation_{name}": value for name, value in report.modulation.items()}
        for name, number in {"grad_norm": report.grad_norm, **modulation}.items():
            self._over_steps[name] += number

    def totals(self) -> dict[str, float]:
        """Sums over the samples of this rank: "samples", "correct", and each term of the objective."""
        return {name: value.item() for name, value in self._over_samples.items()}

    def means(self, runtime: Runtime) -> tuple[int, dict[str, float]]:
        """Number of samples of all ranks; means over samples ("train_...") and over steps (all others)."""
        values = runtime.sum(torch.stack([*self._over_samples.values(), *self._correct.values()])).tolist()
        totals = dict(zip(self._over_samples, values, strict=False))
        of_modality = dict(zip(self._correct, values[len(totals) :], strict=True))
        samples, correct = totals.pop("samples"), totals.pop("correct")
        return int(samples), {
            "train_loss": sum(totals.values()) / samples,
            **{f"train_{name}": total / samples for name, total in totals.items()},
            "train_accuracy": correct / samples,
            **{f"train_accuracy_{m}": right / samples for m, right in of_modality.items()},
            **{name: total / self.num_steps for name, total in self._over_steps.items()},
        }
