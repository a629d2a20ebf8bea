"""Anytime predictions: outputs of a model that runs for its first time steps only."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from colliculus.evaluation.inference import inference_mode
from colliculus.fusion import AlignedTokens, TimeAligned
from colliculus.fusion.weighted_attention import ModalityWeight
from colliculus.layers import ending_at, heeds_ends, reasons_for_a_window, uses_later_steps, zero_from
from colliculus.model import MultimodalSNN
from colliculus.types import Fused, Output

TOGETHER = 8
"""Numbers of steps for which a fusion runs at once: among more, short ones would run to the length of long ones."""


@contextmanager
def first_steps(model: MultimodalSNN, steps: int, total: int) -> Generator[None]:
    """Within this context, `model` runs for the first t of its T steps.

    The coding passes on its first steps only: a static input is repeated t times, and a modality with T_m steps of its
    own passes on ceil(T_m t / T). Every other part treats t steps as it treats T: attention over steps, scores of the
    steps, the mean of the logits. So the output is that of a network of t steps with the same weights. With t = T it is
    the output of the model itself.

    Time alignment (TAAF, Tectum) has a matrix P (T, T_m) for T steps. The first t rows are used and
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

    A network no step of which uses later ones runs once. Of others the encoders run once, then the fusion for
    `TOGETHER` values of t at a time (`colliculus.layers.ends`), and the head for each t. A fusion of your own that uses
    later steps, and says so in `needs_window`, runs for each t by itself, and so does the whole network if an encoder
    says so. Outputs are those of separate runs except for the order in which a matrix product adds, which may depend on
    the size of a batch.
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
    if heeds_ends(model.fusion):
        groups = [range(t, min(t + TOGETHER, total + 1)) for t in range(1, total + 1, TOGETHER)]
        return [output for ends in groups for output in _outputs_at(model, tokens, ends, total, within)]
    outputs = list[Output]()
    for t in range(1, total + 1):
        with _first_rows(model.fusion, lengths, t), within():
            outputs.append(model.decided({m: x[: own_steps(len(x), t, total)] for m, x in tokens.items()}))
    return outputs


def _is_one_pass(model: MultimodalSNN) -> bool:
    """True if one pass gives the outputs after each step to the last bit.

    The weight of a modality is a product of a matrix with a vector, whose last bit depends on the number of its rows.
    """
    return not uses_later_steps(model) and not any(isinstance(part, ModalityWeight) for part in model.modules())


def _outputs_at(
    model: MultimodalSNN,
    tokens: Mapping[str, Tensor],
    ends: Sequence[int],
    total: int,
    within: Callable[[], AbstractContextManager[object]],
) -> list[Output]:
    """Outputs after each of these numbers of steps, by one pass of the fusion; the largest number is the last."""
    lengths, batch = {m: len(x) for m, x in tokens.items()}, next(iter(tokens.values())).shape[1]
    shown = {m: x[: own_steps(lengths[m], ends[-1], total)] for m, x in tokens.items()}
    if isinstance(model.fusion, AlignedTokens):  # an alignment counts the modality's own steps
        own = {m: torch.tensor([own_steps(length, t, total) for t in ends]) for m, length in lengths.items()}
        shown = {m: zero_from(x.unsqueeze(1), own[m]).flatten(1, 2) for m, x in shown.items()}
    with ending_at(ends, batch), _first_rows(model.fusion, lengths, ends[-1]), within():
        fused: Fused = model.fusion(shown)
        return [model.read(_of_end(fused, number, t, batch)) for number, t in enumerate(ends)]


def _of_end(fused: Fused, number: int, steps: int, batch: int) -> Fused:
    """The samples that end after `steps` steps; the joint feature and all others are common to all ends or to none."""

    def cut(x: Tensor) -> Tensor:
        return x[:steps] if x.shape[1] == batch else x[:steps, number * batch : (number + 1) * batch]

    def each(streams: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {m: cut(x) for m, x in streams.items()}

    return Fused(
        joint=cut(fused.joint), parts=each(fused.parts), streams=each(fused.streams), residual=each(fused.residual)
    )


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
