"""One training step, in the order it happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.optim import Optimizer

from colliculus.labels import rightness
from colliculus.model import MultimodalSNN
from colliculus.modulation import Modulator
from colliculus.modulation.scores import modality_correct
from colliculus.runtime import Runtime
from colliculus.types import Batch, Output


@dataclass(frozen=True)
class StepReport:
    """What one step tells.

    Args:
        sums: this rank's sums over its samples: "samples", "correct", and each term of the objective by name.
        grad_norm: norm of the gradients before clipping, the same on every rank.
        modulation: what the modulator reports, the same on every rank.
        correct: this rank's samples that each modality alone has right, as far as each answers for itself.
    """

    sums: dict[str, Tensor]
    grad_norm: float
    modulation: dict[str, float]
    correct: dict[str, Tensor] = field(default_factory=dict[str, Tensor])


@dataclass(frozen=True, kw_only=True)
class TrainingStep:
    """Everything a step needs but its batch.

    Args:
        model: what learns.
        objective: the named terms whose sum is minimised.
        modulator: what happens before the backward pass and between it and the step.
        optimizer: over the model's parameters.
        runtime: where this runs.
        clip_norm: largest norm of the gradients, or None.
    """

    model: MultimodalSNN
    objective: Callable[[Output, Tensor], dict[str, Tensor]]
    modulator: Modulator
    optimizer: Optimizer
    runtime: Runtime
    clip_norm: float | None

    def __call__(self, batch: Batch) -> StepReport:
        """Learn from this rank's share of a batch.

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
        sums, right = _sums(prepared.losses, output, batch), modality_correct(output, batch.labels)
        return StepReport(sums, grad_norm, modulation, {m: x.sum() for m, x in right.items()})


def in_float32(output: Output) -> Output:
    """`output` as the objective wants it, whatever the precision of the forward pass."""

    def wide(values: dict[str, Tensor]) -> dict[str, Tensor]:
        return {name: value.float() for name, value in values.items()}

    return Output(
        logits=output.logits.float(),
        step_logits=output.step_logits.float(),
        evidence=wide(output.evidence),
        residual=wide(output.residual),
        modality_logits=wide(output.modality_logits),
        time_weights=wide(output.time_weights),
        unweighted_logits=None if output.unweighted_logits is None else output.unweighted_logits.float(),
        streams=wide(output.streams),
    )


def _sums(losses: dict[str, Tensor], output: Output, batch: Batch) -> dict[str, Tensor]:
    samples = torch.tensor(float(len(batch)), device=batch.labels.device)
    correct = rightness(output.logits.detach().argmax(dim=1), batch.labels).sum().float()
    return {"samples": samples, "correct": correct, **{name: x.detach() * samples for name, x in losses.items()}}


class EpochSums:
    """Adds up the steps of an epoch on this rank."""

    def __init__(self) -> None:
        self._num_steps = 0
        self._over_samples: dict[str, Tensor] = {}
        self._correct: dict[str, Tensor] = {}
        self._over_steps: dict[str, float] = {}

    def add(self, report: StepReport) -> None:
        """Count one more step."""
        self._num_steps += 1
        for name, value in report.sums.items():
            self._over_samples[name] = self._over_samples.get(name, 0) + value.double()
        for modality, value in report.correct.items():
            self._correct[modality] = self._correct.get(modality, 0) + value.double()
        modulation = {f"modulation_{name}": value for name, value in report.modulation.items()}
        for name, number in {"grad_norm": report.grad_norm, **modulation}.items():
            self._over_steps[name] = self._over_steps.get(name, 0.0) + number

    def totals(self) -> dict[str, float]:
        """Sums over this rank's samples: "samples", "correct", and each term of the objective."""
        return {name: value.item() for name, value in self._over_samples.items()}

    def means(self, runtime: Runtime) -> tuple[int, dict[str, float]]:
        """Samples of all ranks; means over them ("train_...") and over steps (all others)."""
        values = runtime.sum(torch.stack([*self._over_samples.values(), *self._correct.values()])).tolist()
        totals = dict(zip(self._over_samples, values, strict=False))
        of_modality = dict(zip(self._correct, values[len(totals) :], strict=True))
        samples, correct = totals.pop("samples"), totals.pop("correct")
        return int(samples), {
            "train_loss": sum(totals.values()) / samples,
            **{f"train_{name}": total / samples for name, total in totals.items()},
            "train_accuracy": correct / samples,
            **{f"train_accuracy_{m}": right / samples for m, right in of_modality.items()},
            **{name: total / self._num_steps for name, total in self._over_steps.items()},
        }
