"""A training that starts from the weights of another run: their origin, and which of them are taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from colliculus.model import MultimodalSNN
from colliculus.runs.experiment import Method
from colliculus.runs.identity import digest
from colliculus.runs.run import MODEL_FILE, Run, Start
from colliculus.runs.weights import read_tensors
from colliculus.types import ColliculusError, DataSpec


def start_from(folder: Path, before: Run, run: Run) -> Start:
    """The start of `run` from the weights of another run.

    Layers whose shape depends on the number of classes, the heads, are new where the classes differ in name, number or
    order; all other layers are taken.

    Args:
        folder: run folder of the weights.
        before: contents of its `run.yaml`.
        run: run to start.

    Raises:
        ColliculusError: the modalities differ, or the folder has no weights or those of another network.
    """
    if (theirs := before.spec.modalities) != (ours := run.spec.modalities):
        raise ColliculusError(
            f"{folder} was trained on {', '.join(theirs)} and these data hold {', '.join(ours)}: start from a run on"
            " the same modalities"
        )
    if not (folder / MODEL_FILE).is_file():
        raise ColliculusError(f"{folder} has no {MODEL_FILE}: start from a run that is finished")
    same = before.spec.names == run.spec.names
    fresh = () if same else class_layers(run.experiment.method, run.spec)
    start = Start(run=folder.absolute(), preset=before.preset, model=digest(folder / MODEL_FILE), fresh=fresh)
    load_start(_model(run.experiment.method, run.spec), start)  # refuses other networks before a training begins
    return start


def class_layers(method: Method, spec: DataSpec) -> tuple[str, ...]:
    """Names of the tensors whose shape depends on the number of classes.

    Example:
        >>> from colliculus import LateFusion
        >>> spec = DataSpec(channels={"audio": 1}, sizes={"audio": (16, 16)}, num_classes=3)
        >>> class_layers(LateFusion(dim=16), spec)
        ('head.linear.weight', 'head.linear.bias')
    """
    shapes = [_shapes(method, replace(spec, num_classes=k, class_names=())) for k in (7, 11)]  # K must not be another D
    return tuple(name for name, shape in shapes[0].items() if shape != shapes[1].get(name))


def _shapes(method: Method, spec: DataSpec) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in _model(method, spec).state_dict().items()}


def _model(method: Method, spec: DataSpec) -> MultimodalSNN:
    """A network of its own, which leaves the random numbers of the training as they are."""
    with torch.random.fork_rng(devices=[]):
        return method.model(spec)


def load_start(model: MultimodalSNN, start: Start) -> None:
    """Load the weights that a training starts from; new layers stay as they are, and every optional part is kept.

    Raises:
        ColliculusError: the file is absent, damaged or another one than the run recorded, or does not fit the model.
    """
    path = start.run / MODEL_FILE
    found, own = read_tensors(path, fix="start from another run"), model.state_dict()
    if digest(path) != start.model:
        raise ColliculusError(f"{path} is not the file that this training started from, its digest differs: restore it")
    own_way = {*start.fresh, *(f"{name}.kept" for name in model.optional_parts())}
    for name in own | found:
        ours, theirs = (tuple(x[name].shape) if name in x else None for x in (own, found))
        if ours != theirs and name not in own_way:
            raise ColliculusError(
                f"the weights in {start.run} do not fit, {_difference(name, ours, theirs)}: start from a run of"
                " the same method, width and channels"
            )
    model.load_state_dict({name: own[name] if name in own_way else found[name] for name in own})


def _difference(name: str, ours: tuple[int, ...] | None, theirs: tuple[int, ...] | None) -> str:
    if ours is None:
        return f"the model has no {name}"
    if theirs is None:
        return f"they have no {name}"
    return f"their {name} has shape {theirs} and that of the model is {ours}"
