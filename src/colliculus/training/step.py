"""One training step, in the order it happens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from colliculus.labels import correctness
from colliculus.model import MultimodalSNN, in_float32
from colliculus.modulation import Modulator
from colliculus.modulation.scores import modality_correct
from colliculus.runtime import LossScale, Runtime
from colliculus.types import Batch, Output


@dataclass(frozen=True)
class StepReport:
    """Figures of one step.

    Args:
        sums: sums over the samples of this rank: "samples", "correct", and each term of the objective by name.
        grad_norm: norm of the gradients before clipping, (), the same on every rank.
        modulation: report of the modulator, the same on every rank.
        correct: samples of this rank that each modality alone classifies correctly, where it makes predictions.
        skipped: True if the gradients overflowed float16, so that no step was taken, (); None in other precisions.
    """

    sums: dict[str, Tensor]
    grad_norm: Tensor
    modulation: dict[str, float]
    correct: dict[str, Tensor] = field(default_factory=dict[str, Tensor])
    skipped: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """One optimiser step on a batch, which waits for no number of the device unless the balance or fp16 needs one.

    Args:
        model: model in training.
        objective: named terms whose sum is minimised.
        modulator: hooks before the backward pass, and between it and the step.
        optimizer: optimiser of the model's parameters.
        runtime: device and processes.
        clip_norm: largest norm of the gradients, or None.
        scale: factor of the loss under fp16.
    """

    model: MultimodalSNN
    objective: Callable[[Output, Tensor], dict[str, Tensor]]
    modulator: Modulator
    optimizer: Optimizer
    runtime: Runtime
    clip_norm: float | None
    scale: LossScale | None = None

    def __call__(self, batch: Batch) -> StepReport:
        """Train on the samples of a batch that this rank holds; `check_norm` says whether the gradients are finite."""
        self.optimizer.zero_grad(set_to_none=True)
        with self.runtime.autocast():
            output = in_float32(self.model(batch.inputs))
        prepared = self.modulator.before_backward(self.model, output, batch.labels, self.objective, self.runtime)
        total = torch.stack(list(prepared.losses.values())).sum()
        skipped = self._backward(total * self.runtime.sample_weight(len(batch)))
        modulation = self.modulator(self.model, output, batch.labels, self.runtime, prepared)
        grad_norm = self.runtime.clip_and_step(self.model, self.optimizer, self.clip_norm, self.scale)
        samples = torch.full((), float(len(batch)), device=batch.labels.device)  # a copy from the CPU would wait
        correct = correctness(output.logits.detach().argmax(dim=1), batch.labels).sum().float()
        terms = {name: term.detach() * samples for name, term in prepared.losses.items()}
        alone = {m: right.sum() for m, right in modality_correct(output, batch.labels).items()}
        return StepReport({"samples": samples, "correct": correct, **terms}, grad_norm, modulation, alone, skipped)

    def _backward(self, loss: Tensor) -> Tensor | None:
        """Compute the gradients of the loss itself, whatever its scale; True if no step can be taken with them."""
        if self.scale is None:
            self.runtime.backward(loss, self.model)
            return None
        self.runtime.backward(self.scale.scaled(loss), self.model)
        return self.scale.unscale(self.optimizer)


class EpochSums:
    """Sums over the steps of an epoch, on this rank; `num_steps` counts them, skipped ones too."""

    def __init__(self) -> None:
        self.num_steps = 0
        self._over_samples, self._correct = defaultdict[str, Any](float), defaultdict[str, Any](float)
        self._over_steps = defaultdict[str, Any](float)
        self._skipped: Tensor | None = None

    def add(self, report: StepReport) -> None:
        """Add a step."""
        self.num_steps += 1
        for name, value in report.sums.items():
            self._over_samples[name] += value.double()
        for modality, value in report.correct.items():
            self._correct[modality] += value.double()
        modulation = {f"modulation_{name}": value for name, value in report.modulation.items()}
        for name, number in {"grad_norm": report.grad_norm.double(), **modulation}.items():
            self._over_steps[name] += number
        if report.skipped is not None:
            self._skipped = report.skipped.long() + (0 if self._skipped is None else self._skipped)

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
            **{name: float(total) / self.num_steps for name, total in self._over_steps.items()},
            **({} if self._skipped is None else {"skipped_steps": float(self._skipped)}),
        }
