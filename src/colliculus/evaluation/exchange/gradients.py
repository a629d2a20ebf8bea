"""Gradients of the terms of the objective: how hard each pulls at the exchange and at the rest of a network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from colliculus.data.dataset import Split
from colliculus.evaluation.exchange.modules import Exchange
from colliculus.evaluation.inference import inference_mode
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.types import Batch, Output

NUM_BATCHES = 4
"""Training batches that a gradient's norm is averaged over."""


@dataclass(frozen=True)
class Pull:
    """How hard a term of the objective pulls at parameters: norm of its gradient, mean over some training batches.

    Each term is differentiated alone. With `cross_modal.capped` a training step shortens the gradient of the alignment
    at the residual to that of the task; the pull given here is that before.

    Args:
        exchange: norm over the parameters of the exchange.
        rest: norm over all others: encoders, other layers of the fusion, head.
    """

    exchange: float
    rest: float


def measure_pulls(run: TrainedRun, train: Split, exchange: Exchange) -> dict[str, Pull]:
    """The pull of each term of the method's objective, by name, with its weight in the objective.

    The batches are drawn at random, always the same ones, with as many clips as in the training, under its noise but
    without augmentation. The network is in eval mode: no dropout, and the statistics of the training.

    Args:
        run: trained run.
        train: training part.
        exchange: exchange of the run's model.
    """
    size = run.experiment.train.batch_size
    rows = np.random.default_rng(0).permutation(len(train))[: NUM_BATCHES * size]
    drawn = [run.batch(train, rows[first : first + size]) for first in range(0, len(rows), size)]
    return pulls(run.model, run.experiment.method.objective(), drawn, exchange.modules)


def pulls(
    model: nn.Module,
    objective: Callable[[Output, Tensor], dict[str, Tensor]],
    drawn: Sequence[Batch],
    modules: Sequence[nn.Module],
) -> dict[str, Pull]:
    """The pull of each term on some batches.

    Args:
        model: network, used in eval mode.
        objective: named terms, each a scalar.
        drawn: batches.
        modules: modules of the exchange.
    """
    inside = {id(p) for module in modules for p in module.parameters()}
    parameters = [p for p in model.parameters() if p.requires_grad]
    exchanged = [id(p) in inside for p in parameters]
    norms = defaultdict[str, list[tuple[float, float]]](list)
    for batch in drawn:
        with inference_mode(model), torch.enable_grad():
            terms = objective(model(batch.inputs), batch.labels)
            for name, term in terms.items():
                norms[name].append(_norms(term, parameters, exchanged))
    return {name: Pull(*np.array(found).mean(axis=0).tolist()) for name, found in norms.items()}


def _norms(term: Tensor, parameters: Sequence[nn.Parameter], exchanged: Sequence[bool]) -> tuple[float, float]:
    """Norm of the gradient over the parameters of the exchange, and over the others; a constant has none."""
    if not term.requires_grad:
        return 0.0, 0.0
    gradients = torch.autograd.grad(term, parameters, retain_graph=True, materialize_grads=True)
    squares = [gradient.double().square().sum().item() for gradient in gradients]
    of_exchange = sum(square for square, inside in zip(squares, exchanged, strict=True) if inside)
    of_rest = sum(square for square, inside in zip(squares, exchanged, strict=True) if not inside)
    return of_exchange**0.5, of_rest**0.5
