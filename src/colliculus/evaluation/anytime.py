"""What a model answers when it runs for some of its time steps only: an answer at any time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from colliculus.evaluation.evaluate import eval_mode, same_draws
from colliculus.fusion import AlignedTokens, TimeAligned
from colliculus.model import MultimodalSNN
from colliculus.types import Output


@contextmanager
def first_steps(model: MultimodalSNN, steps: int, total: int) -> Generator[None]:
    """Run `model` for the first t of its T steps: what it answers meanwhile is its answer by then.

    The coding hands on its first steps alone (a still input is repeated t times, of a modality with T_m steps of its
    own ceil(T_m t / T) have come), and every other part does with t steps what it does with T: attention over steps,
    scores of the steps, the mean of the logits. Nothing that is coded later reaches the answer. It is the answer of the
    same weights in a network of t steps; with t = T it is that of the model itself.

    Time alignment (TAAF, Tectum) has a matrix P (T, T_m) for T steps. Its first t rows are taken, and a step that has
    not come counts as zero: h'(r) is the sum of P[r, s] h(s) over the steps s that have come.

    Args:
        model: cut short until the context ends.
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
    lengths: dict[str, int] = {}  # T_m of each modality that is there
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
    """What `model` returns when it runs for its first 1, 2, ... T steps; see `first_steps`.

    Args:
        model: answers in eval mode and is handed back in the mode it came in.
        inputs: of each modality, on the model's device.
        total: T of the model.
    """
    outputs: list[Output] = []
    with eval_mode(model), torch.no_grad():
        for t in range(1, total + 1):
            with first_steps(model, t, total), same_draws(next(model.parameters()).device):
                outputs.append(model(inputs))
    return outputs


def _cut(
    modality: str, lengths: dict[str, int], steps: int, total: int
) -> Callable[[nn.Module, object, Tensor], Tensor]:
    """Of the steps of a modality those that have come; how many there are in all is noted in `lengths`."""

    def cut(_module: nn.Module, _inputs: object, coded: Tensor) -> Tensor:
        lengths[modality] = len(coded)
        return coded[: -(-len(coded) * steps // total)]

    return cut


def _filled(modality: str, lengths: Mapping[str, int]) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor, ...]]:
    """A stream with zeros for the steps that have not come, as its alignment expects it."""

    def filled(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (stream,) = inputs
        return (torch.cat([stream, stream.new_zeros(lengths[modality] - len(stream), *stream.shape[1:])]),)

    return filled
