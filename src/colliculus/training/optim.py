"""The optimiser, its learning rate as a pure function of the epoch, and the moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import cos, pi

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from colliculus.runs.experiment import TrainSettings


def learning_rate(settings: TrainSettings, epoch: int) -> float:
    """Learning rate of `epoch`, counted from 0: linear warm-up, then cosine at epoch / epochs, or steps.

    The schedule runs over all epochs and the warm-up covers its beginning, as in the published experiments. A warm-up
    of more than half of the epochs is cut to half of them (rounded down), so that a short run also spends its second
    half on the schedule.

    Example:
        >>> steps = TrainSettings(schedule="step", step_epochs=30, learning_rate=0.5, warmup_epochs=0)
        >>> [round(learning_rate(steps, epoch), 8) for epoch in (0, 29, 30, 60)]
        [0.5, 0.5, 0.05, 0.005]
        >>> [round(learning_rate(TrainSettings(), epoch), 8) for epoch in (0, 1, 5, 50)]
        [1e-06, 0.0001258, 0.00062121, 0.0003175]
    """
    warmup = min(settings.warmup_epochs, settings.epochs // 2)
    if epoch < warmup:
        start = settings.warmup_learning_rate
        return start + (settings.learning_rate - start) * epoch / warmup
    if settings.schedule == "step":
        return settings.learning_rate * settings.step_factor ** (epoch // settings.step_epochs)
    amplitude = settings.learning_rate - settings.final_learning_rate
    return settings.final_learning_rate + amplitude * (1 + cos(pi * epoch / settings.epochs)) / 2


def set_learning_rate(optimizer: Optimizer, value: float, factors: Mapping[str, float] | None = None) -> None:
    """Give every parameter group the learning rate `value`, times its own factor and that of its modality, if any."""
    for group in optimizer.param_groups:  # a group of an earlier version has no factor
        group["lr"] = value * group.get("factor", 1.0) * (factors or {}).get(group["modality"], 1.0)


def build_optimizer(
    model: nn.Module,
    settings: TrainSettings,
    streams: Mapping[str, Sequence[nn.Parameter]] | None = None,
    readout: Iterable[nn.Parameter] = (),
) -> Optimizer:
    """AdamW or SGD with two parameter groups: tensors of two or more dimensions have weight decay, others have none.

    The parameters of each stream, by modality, have two groups of their own, for their own learning rate; so have those
    of the readout, whose learning rate is `head_factor` times that of the others.
    """
    streams = streams or {}
    fast = {id(p) for p in readout} if settings.head_factor != 1 else set[int]()
    taken = {id(p) for stream in streams.values() for p in stream}
    shared = [p for p in model.parameters() if p.requires_grad and id(p) not in taken]
    groups = [
        {"params": group, "weight_decay": decay, "modality": modality, "factor": factor}
        for modality, stream in {"": shared, **streams}.items()
        for factor, part in (
            (1.0, [p for p in stream if id(p) not in fast]),
            (settings.head_factor, [p for p in stream if id(p) in fast]),
        )
        for group, decay in (
            ([p for p in part if p.ndim >= 2], settings.weight_decay),
            ([p for p in part if p.ndim < 2], 0.0),
        )
        if group
    ]
    if settings.optimizer == "sgd":
        return SGD(groups, lr=learning_rate(settings, 0), momentum=settings.momentum)
    # all parameters of a group at once: the bits of one by one, sooner (`fused` would differ in the last digit)
    return AdamW(groups, lr=learning_rate(settings, 0), foreach=True)


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, *, decay: float, step: int) -> None:
    """Move the weights and statistics of `average` towards those of `model`, in place.

    Args:
        average: a copy of the model.
        model: the model after an optimiser step.
        decay: share that is kept. It grows as (1 + step) / (10 + step) up to this number, so that the initial weights
            lose their influence in short runs too.
        step: optimiser steps taken before this one since the start of training.
    """
    kept = min(decay, (1 + step) / (10 + step))
    current = model.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            value.lerp_(current[name], 1 - kept)
        else:
            value.copy_(current[name])
