"""The inference loop: every prediction of a trained model comes from here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from colliculus.data.dataset import Split
from colliculus.data.loading import made_ahead, ready_for
from colliculus.labels import at_label
from colliculus.layers import own_logits
from colliculus.model import MultimodalSNN
from colliculus.modulation.scores import shares
from colliculus.neurons import Neuron, SpikingNeuron
from colliculus.runs.predictions import Predictions
from colliculus.runtime import Runtime, autocast, keep_memory
from colliculus.types import Batch, Collective, ColliculusError, Output, unknown_name

KeptT = TypeVar("KeptT")

Corrupt = Callable[[dict[str, Tensor], NDArray[np.int64]], dict[str, Tensor]]
"""A function that corrupts the inputs of a batch, given the rows of its samples in their split, (B,)."""


def classify(
    model: MultimodalSNN,
    split: Split,
    *,
    batch_size: int,
    corruption: Corrupt | None = None,
    missing: tuple[str, ...] = (),
    collective: Collective | None = None,
) -> Predictions:
    """Classify every sample of a split exactly once.

    Args:
        model: classifies in eval mode and returns to the mode it came in.
        split: samples.
        batch_size: samples of one forward pass on each rank.
        corruption: corrupts the inputs; None leaves them as they are.
        missing: modalities to withhold from the model.
        collective: ranks that share the samples; each gets all predictions. None: this process alone.

    Raises:
        ColliculusError: `missing` names an unknown modality or all of them, the split is empty, the model lacks a
            class, or the logits are not finite.

    Example:
        >>> from colliculus import LateFusion
        >>> from colliculus.data.synthetic import Synthetic
        >>> data = Synthetic(num_classes=2, num_train=4, num_validation=4, num_test=6, size=8, steps=2).load()
        >>> model = LateFusion(dim=8, encoder="shallow", time_steps=2).model(data.spec)
        >>> classify(model, data.test, batch_size=4, missing=("visual",)).probabilities.shape
        (6, 2)
    """
    _check_missing(missing, model.modalities)
    if not len(split):
        raise ColliculusError("there is nothing to classify: the split has no sample")
    if (largest := split.labels.max()) >= model.spec.num_classes:
        raise ColliculusError(f"a label is {largest} and the model has {model.spec.num_classes} classes, from 0")
    device = next(model.parameters()).device
    collective = collective or Runtime(device=device)
    probabilities = torch.zeros((len(split), model.spec.num_classes), device=device)
    classes = torch.zeros((len(split), 1 + len(model.modalities)), dtype=torch.int64, device=device)
    losses = torch.zeros(1 + len(model.modalities), dtype=torch.float64, device=device)
    with inference_mode(model):
        for rows, batch in batches(
            split, batch_size=batch_size, device=device, corruption=corruption, collective=collective
        ):
            output = model({m: x for m, x in batch.inputs.items() if m not in missing})
            places = torch.from_numpy(rows).to(device)
            probabilities[places] = output.logits.float().softmax(dim=1)
            classes[places] = _classes(output, model.modalities)
            losses += _losses(output, batch.labels, model.modalities)
    # each rank has filled its own rows, the others are 0; so all ranks see a failure and none waits for another
    together, *alone = collective.sum(classes).cpu().numpy().T
    if not together.all():
        raise ColliculusError(
            "the logits are not finite, so the training diverged: train again with a lower learning rate or a clip_norm"
        )
    probabilities = collective.sum(probabilities)
    means = (collective.sum(losses) / len(split)).tolist()
    found = {m: own - 1 for m, own in zip(model.modalities, alone, strict=True) if own.any()}
    return Predictions(
        labels=split.labels.astype(np.int64),
        predicted=together - 1,
        probabilities=probabilities.cpu().numpy(),
        names=model.spec.names,
        modality_predicted=found,
        losses={m: loss for m, loss in zip(("", *model.modalities), means, strict=True) if m in ("", *found)},
    )


def batches(
    split: Split,
    rows: NDArray[np.int64] | None = None,
    *,
    batch_size: int,
    device: torch.device,
    corruption: Corrupt | None = None,
    collective: Collective | None = None,
) -> Iterator[tuple[NDArray[np.int64], Batch]]:
    """Batches of samples of a split, without shuffling; each is read while the one before it is in use.

    Args:
        split: samples.
        rows: rows to take, in this order; None takes all.
        batch_size: samples of a batch on each rank.
        device: device of the batches.
        corruption: corrupts the inputs; None leaves them as they are.
        collective: ranks that share the rows, each row on exactly one of them. None: this process alone.

    Yields:
        Rows of the batch in the split, (B,), and the batch.
    """
    rows = np.arange(len(split), dtype=np.int64) if rows is None else rows
    rows = rows if collective is None else rows[collective.rank :: collective.world_size]
    parts = (rows[start : start + batch_size] for start in range(0, len(rows), batch_size))
    for chosen, stored in made_ahead((chosen, ready_for(device, split.batch(chosen, epoch=0))) for chosen in parts):
        batch = stored.to(device)
        yield chosen, batch if corruption is None else Batch(corruption(batch.inputs, chosen), batch.labels)


@contextmanager
def inference_mode(model: nn.Module) -> Generator[None]:
    """Eval mode, no gradients, the model's `precision` and fixed random numbers; afterwards it is in its former mode.

    The random numbers are the same in each forward pass and on every rank, for models that draw in eval mode (Poisson
    coding, SCA of the reference). Enter `torch.enable_grad()` inside where gradients are needed.
    """
    was_training, device = model.training, next(model.parameters()).device
    keep_memory()
    if changes := _trains(model):
        model.eval()
    try:
        narrow = autocast(device, getattr(model, "precision", "fp32"))
        with narrow, torch.no_grad(), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            # `torch.manual_seed` also seeds devices that are not in use, which takes longer than a small model
            (torch.manual_seed if device.type == "cuda" else torch.default_generator.manual_seed)(0)
            yield
    finally:
        if changes:
            model.train(was_training)


def _trains(module: nn.Module) -> bool:
    """True if a part is in training mode; `modules()` would take a tenth of a small network's forward pass."""
    waiting = [module]
    while waiting:
        part = waiting.pop()
        if part.training:
            return True
        waiting += part.children()
    return False


@contextmanager
def recorded(modules: Mapping[str, nn.Module], keep: Callable[[str, Any], KeptT]) -> Generator[list[KeptT]]:
    """Within this context, keep something of the output of each module, by its name, in the order of execution."""
    found: list[KeptT] = []

    def hook(name: str, _module: nn.Module, _inputs: object, output: Any) -> None:
        found.append(keep(name, output))

    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.enter_context(module.register_forward_hook(partial(hook, name)))
        yield found


def neurons_of(model: nn.Module) -> dict[str, Neuron]:
    """The neurons of a network by name, whether they send spikes or numbers."""
    return {name: module for name, module in model.named_modules() if isinstance(module, Neuron)}


def spiking_layers(model: nn.Module) -> dict[str, SpikingNeuron]:
    """The spiking neurons of a network by name; empty for an ANN."""
    return {name: module for name, module in neurons_of(model).items() if isinstance(module, SpikingNeuron)}


def _classes(output: Output, modalities: tuple[str, ...]) -> Tensor:
    """Predicted classes counted from 1, (B, 1 + M): of the model and of each modality alone. 0 stands for none."""
    together = (output.logits.argmax(dim=1) + 1) * output.logits.isfinite().all(dim=1)
    alone = own_logits(output) or shares(output)
    none = torch.zeros_like(together)
    return torch.stack([together, *(alone[m].argmax(dim=1) + 1 if m in alone else none for m in modalities)], dim=1)


def _losses(output: Output, labels: Tensor, modalities: tuple[str, ...]) -> Tensor:
    """Summed cross-entropy of the model and of each modality alone, (1 + M,); 0 for one without predictions."""
    alone = own_logits(output) or shares(output)
    found = {"": output.logits, **alone}
    sums = {m: -at_label(x.double().log_softmax(1), labels).sum() for m, x in found.items()}
    return torch.stack([sums.get(m, torch.zeros_like(sums[""])) for m in ("", *modalities)])


def _check_missing(missing: tuple[str, ...], modalities: tuple[str, ...]) -> None:
    if unknown := [m for m in missing if m not in modalities]:
        raise unknown_name("modality", unknown[0], modalities)
    if set(missing) == set(modalities):
        raise ColliculusError(f"all modalities ({', '.join(modalities)}) are missing: leave the model at least one")
