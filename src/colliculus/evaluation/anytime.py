"""Anytime predictions: outputs of a model that runs for its first time steps only."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from colliculus.evaluation.inference import inference_mode
from colliculus.fusion import AlignedTokens, TimeAligned
from colliculus.fusion.weighted_attention import ModalityWeight
from colliculus.layers import reasons_for_a_window
from colliculus.model import MultimodalSNN
from colliculus.types import Output


@contextmanager
def first_steps(model: MultimodalSNN, steps: int, total: int) -> Generator[None]:
    """Within this context, `model` runs for the first t of its T steps.

    The coding passes on its first steps only: a static input is repeated t times, and a modality with T_m steps of its
    own passes on ceil(T_m t / T). Every other part treats t steps as it treats T: attention over steps, scores of the
    steps, the mean of the logits. So the output is that of a network of t steps with the same weights. With t = T it is
    the output of the model itself.

    Time alignment (TAAF, first edition of Tectum) has a matrix P (T, T_m) for T steps. The first t rows are used and
    later steps count as zero: h'(r) is the sum of P[r, s] h(s) over the steps s so far.

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

    def cut(modality: str, _module: nn.Module, _inputs: object, coded: Tensor) -> Tensor:
        lengths[modality] = len(coded)
        return coded[: own_steps(len(coded), steps, total)]

    with ExitStack() as hooks:
        for m in model.modalities:
            hooks.enter_context(model.coding[m].register_forward_hook(partial(cut, m)))
        hooks.enter_context(_first_rows(model.fusion, lengths, steps))
        yield


def own_steps(length: int, steps: int, total: int) -> int:
    """Steps of its own that a modality of `length` of them has come to after `steps` of `total`: ceil(T_m t / T).

    Example:
        >>> [own_steps(6, t, total=4) for t in (1, 2, 3, 4)]
        [2, 3, 5, 6]
    """
    return -(-length * steps // total)


def decided_early(model: MultimodalSNN, tokens: Mapping[str, Tensor], lengths: Mapping[str, int], steps: int) -> Output:
    """The output after the first t steps from the tokens of these steps; see `first_steps`.

    Args:
        model: the model.
        tokens: (ceil(T_m t / T), B, D, N) of each given modality.
        lengths: T_m of each.
        steps: t.
    """
    with _first_rows(model.fusion, lengths, steps), inference_mode(model):
        return model.decided(dict(tokens))


def outputs_by_step(model: MultimodalSNN, inputs: Mapping[str, Tensor], total: int) -> list[Output]:
    """Outputs of `model` when it runs for its first 1, 2, ... T steps; see `first_steps`.

    A network that decides step by step (`colliculus.layers.reasons_for_a_window` gives none) runs once. Of others the
    encoders run once, and what follows them once for each t; an encoder of your own that uses later steps, and says so
    in `needs_window`, runs for each t too.
    """
    return each_output(model, inputs, total, partial(inference_mode, model))


def each_output(
    model: MultimodalSNN, inputs: Mapping[str, Tensor], total: int, within: Callable[[], AbstractContextManager[object]]
) -> list[Output]:
    """The same, every pass through a part of the network `within` a context; `nullcontext` lets it be traced."""
    if reasons_for_a_window(model.encoders):
        return [_output_after(model, inputs, t, total, within) for t in range(1, total + 1)]
    with within():
        tokens = {m: model.encoders[m](x) for m, x in model.coded(inputs).items()}
    lengths = {m: len(x) for m, x in tokens.items()}
    if {*lengths.values()} == {total} and _is_one_pass(model):
        with within():
            whole = model.decided(tokens)
        return [*(_after(whole, t) for t in range(1, total)), whole]
    outputs = list[Output]()
    for t in range(1, total + 1):
        with _first_rows(model.fusion, lengths, t), within():
            outputs.append(model.decided({m: x[: own_steps(len(x), t, total)] for m, x in tokens.items()}))
    return outputs


def _is_one_pass(model: MultimodalSNN) -> bool:
    """True if one pass gives the outputs after each step to the last bit.

    The weight of a modality is a product of a matrix with a vector, whose last bit depends on the number of its rows.
    """
    return not reasons_for_a_window(model) and not any(isinstance(part, ModalityWeight) for part in model.modules())


def _after(whole: Output, steps: int) -> Output:
    """The output after the first t steps of a network in which no step sees a later one."""

    def cut(streams: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {m: x[:steps] for m, x in streams.items()}

    return Output(
        logits=whole.step_logits[:steps].mean(0),
        step_logits=whole.step_logits[:steps],
        evidence=cut(whole.evidence),
        residual=cut(whole.residual),
        modality_logits=cut(whole.modality_logits),
        streams=cut(whole.streams),
    )


def _output_after(
    model: MultimodalSNN,
    inputs: Mapping[str, Tensor],
    steps: int,
    total: int,
    within: Callable[[], AbstractContextManager[object]],
) -> Output:
    with first_steps(model, steps, total), within():
        output: Output = model(inputs)
    return output


@contextmanager
def _first_rows(fusion: nn.Module, lengths: Mapping[str, int], steps: int) -> Generator[None]:
    """Within this context, alignments use their first t rows and count later steps as zero.

    Args:
        fusion: a fusion, with alignments or without.
        lengths: T_m of each modality, when the fusion runs.
        steps: t.
    """

    def filled(modality: str, _module: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        """The stream with zeros up to the length that its alignment expects."""
        (stream,) = inputs
        return torch.cat([stream, stream.new_zeros(lengths[modality] - len(stream), *stream.shape[1:])])

    with ExitStack() as hooks:
        if isinstance(fusion, TimeAligned | AlignedTokens):
            for m, alignment in fusion.alignments.items():
                hooks.enter_context(alignment.register_forward_pre_hook(partial(filled, m)))
                hooks.enter_context(alignment.register_forward_hook(lambda _module, _inputs, aligned: aligned[:steps]))
        yield
