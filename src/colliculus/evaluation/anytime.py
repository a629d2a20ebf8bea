"""Anytime predictions: outputs of a model that runs for its first time steps only."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from colliculus.evaluation.inference import inference_mode
from colliculus.fusion import AlignedTokens, TimeAligned
from colliculus.model import MultimodalSNN
from colliculus.types import Output


@contextmanager
def first_steps(model: MultimodalSNN, steps: int, total: int) -> Generator[None]:
    """Within this context, `model` runs for the first t of its T steps.

    The coding passes on its first steps only: a static input is repeated t times, and a modality with T_m steps of its
    own passes on ceil(T_m t / T). Every other part treats t steps as it treats T: attention over steps, scores of the
    steps, the mean of the logits. So the output is that of a network of t steps with the same weights. With t = T it is
    the output of the model itself.

    Time alignment (TAAF, Tectum) has a matrix P (T, T_m) for T steps. The first t rows are used and later steps count
    as zero: h'(r) is the sum of P[r, s] h(s) over the steps s so far.

    Args:
        model: model to cut short until the context ends.
        steps: t, 1 to T.
        total: T of the model.

    Example:
        >>> from colliculus import DataSpec, LateFusion
        >>> spec = DataSpec(channels={"audio": 1}, sizes={"audio": (16, 16)}, num_classes=3, steps={"audio": 4})
        >>> model = LateFusion(dim=16, time_steps=4).model(spec)
        >>> with first_steps(model, 3, total=4):
        ...     model({"audio": torch.zeros(4, 2, 1, 16, 16)}).step_logits.shape
        torch.Size([3, 2, 3])
    """
    lengths: dict[str, int] = {}  # T_m of each given modality
    handles = [model.coding[m].register_forward_hook(_cut(m, lengths, steps, total)) for m in model.modalities]
    if isinstance(model.fusion, TimeAligned | AlignedTokens):
        for m, alignment in model.fusion.alignments.items():
            handles.append(alignment.register_forward_pre_hook(_filled(m, lengths)))
            handles.append(alignment.register_forward_hook(lambda _module, _inputs, aligned: aligned[:steps]))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def outputs_by_step(model: MultimodalSNN, inputs: Mapping[str, Tensor], total: int) -> list[Output]:
    """Outputs of `model` when it runs for its first 1, 2, ... T steps; see `first_steps`.

    Args:
        model: runs in eval mode and returns to the mode it came in.
        inputs: inputs of each modality, on the model's device.
        total: T of the model.
    """
    outputs: list[Output] = []
    for t in range(1, total + 1):
        with first_steps(model, t, total), inference_mode(model):
            outputs.append(model(inputs))
    return outputs


def _cut(
    modality: str, lengths: dict[str, int], steps: int, total: int
) -> Callable[[nn.Module, object, Tensor], Tensor]:
    """A hook that keeps the steps of a modality so far and notes the number of all steps in `lengths`."""

    def cut(_module: nn.Module, _inputs: object, coded: Tensor) -> Tensor:
        lengths[modality] = len(coded)
        return coded[: -(-len(coded) * steps // total)]

    return cut


def _filled(modality: str, lengths: Mapping[str, int]) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    """A hook that fills a stream with zeros up to the length that its alignment expects."""

    def filled(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (stream,) = inputs
        return (torch.cat([stream, stream.new_zeros(lengths[modality] - len(stream), *stream.shape[1:])]),)

    return filled
