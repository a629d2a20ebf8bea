"""The network: every modality is coded and encoded, then all are fused and read out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from colliculus.layers import ModalityDropout, modules_of, per_modality, recomputed, silenced, widened
from colliculus.neurons import SpikeTally
from colliculus.runtime import InferencePrecision
from colliculus.types import Batch, ColliculusError, DataSpec, Fused, Output, unknown_name


class MultimodalSNN(nn.Module):
    """A spiking network for any number of named modalities.

    Args:
        spec: the data it is built for.
        coding: by modality, inputs -> (T, B, C, H, W); the keys, in order, are the model's modalities.
        encoders: by modality, (T, B, C, H, W) -> tokens (T, B, D, N). An encoder of your own may declare D as `dim`.
        fusion: tokens of the given modalities -> `Fused`.
        head: `Fused` -> `Output`.
        modality_dropout: probability that a modality's tokens are silenced in a training sample.

    Attributes:
        recompute: in training, keep only the inputs of the encoders and compute them again in the backward pass.
        precision: precision of evaluation; see `colliculus.evaluation.inference.inference_mode`.

    Raises:
        ColliculusError: a modality has a name that PyTorch uses itself ("values", "type", ...), or the encoders declare
            different widths.

    Example:
        >>> import torch
        >>> from colliculus import DataSpec, LateFusion
        >>> sizes = {"audio": (32, 32), "touch": (16, 16)}
        >>> spec = DataSpec(channels={"audio": 1, "touch": 2}, sizes=sizes, num_classes=3)
        >>> model = LateFusion(dim=32).model(spec)  # methods put the parts together
        >>> output = model({"audio": torch.zeros(2, 1, 32, 32)})  # touch is missing
        >>> output.logits.shape, [*output.evidence]
        (torch.Size([2, 3]), ['audio'])
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        coding: Mapping[str, nn.Module],
        encoders: Mapping[str, nn.Module],
        fusion: nn.Module,
        head: nn.Module,
        modality_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        widths = {
            m: width for m, encoder in encoders.items() if isinstance(width := getattr(encoder, "dim", None), int)
        }
        if len({*widths.values()}) > 1:
            raise ColliculusError(f"the encoders declare different widths D: {widths}; give all the same")
        self.spec = spec
        self.modalities = tuple(coding)
        self.coding = per_modality(coding)
        self.encoders = per_modality(encoders)
        self.modality_dropout = ModalityDropout(modality_dropout)
        self.fusion = fusion
        self.head = head
        self.recompute = False
        self.precision: InferencePrecision = "fp32"
        self._tally: SpikeTally | None = None

    def forward(self, inputs: Mapping[str, Tensor]) -> Output:
        """Static inputs (B, C, H, W) or sequences (T', B, C, H, W) by modality; numbers of any type become the model's.

        A modality left out is absent: no other receives anything from it, and it adds no evidence.

        Raises:
            ColliculusError: no modality of the model is given, one is unknown, or one has another shape or device than
                the `DataSpec`, the other modalities or the model; or a fusion of your own does not return `Fused`.
        """
        tally = self._tally if self.training else None
        if tally is not None:
            tally.begin()
        spikes = self.coded(inputs)
        encode = recomputed if self.recompute and self.training else _called
        output = self.decided({m: encode(self.encoders[m], x) for m, x in spikes.items()})
        return output if tally is None else replace(output, spikes=tally.total())

    def coded(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The first half of `forward`: inputs as the encoders take them, (T, B, C, H, W) of each given modality."""
        inputs = self._checked(inputs)
        if (like := next((p for p in self.parameters() if p.is_floating_point()), None)) is not None:
            inputs = {m: as_input(m, x, like) for m, x in inputs.items()}
        return {m: self.coding[m](x) for m, x in inputs.items()}

    def decided(self, tokens: dict[str, Tensor]) -> Output:
        """The second half of `forward`: tokens (T, B, D, N) of each given modality, fused and read out."""
        kept = self.modality_dropout.kept(tokens)
        fused = self.fusion(silenced(tokens, kept))
        check_fused(fused, self.fusion, batch=next(iter(tokens.values())).shape[1])
        return self.read(replace(fused, present=kept) if kept else fused)

    def read(self, fused: Fused) -> Output:
        """The last part of `forward`: what the fusion made, read out."""
        output: Output = self.head(fused)
        return in_float32(output)

    def count_spikes(self) -> None:
        """From now on, count the spikes of every clip in training (`Output.spikes`)."""
        self._tally = SpikeTally()
        self._tally.listen(self, active=self.training)

    def train(self, mode: bool = True) -> Self:
        """Enter training mode, or leave it; spikes are counted in training only."""
        super().train(mode)
        if self._tally is not None:
            self._tally.listen(self, active=mode)
        return self

    def stream_parameters(self, modality: str) -> list[nn.Parameter]:
        """Parameters of one modality alone, without its head: coding, encoder, and layers before the join."""
        return _trainable([self.coding[modality], self.encoders[modality], *modules_of(self.fusion, modality)])

    def readout_parameters(self) -> list[nn.Parameter]:
        """Parameters of the readout: those of the head, and of each part of the fusion whose `is_readout` is True."""
        parts = [self.head, *(part for part in self.fusion.modules() if getattr(part, "is_readout", False))]
        return [*dict.fromkeys(_trainable(parts))]

    def optional_parts(self) -> dict[str, nn.Module]:
        """Parts that a training keeps only where held-out samples show that they help, by name; none in most models.

        Each has a buffer `kept`, a truth value: where it is False, a forward leaves the part out. A part may have an
        attribute `read_by`, modules that read its output and nothing else.
        """
        return {name: part for name, part in self.named_modules() if getattr(part, "is_optional", False)}

    def left_out_parts(self) -> dict[str, nn.Module]:
        """Optional parts that are left out, by name."""
        return {name: part for name, part in self.optional_parts().items() if not part.get_buffer("kept")}

    def used_parameters(self) -> dict[str, nn.Parameter]:
        """Parameters by name, without those of optional parts that are left out and of the modules that read them."""
        idle = [module for part in self.left_out_parts().values() for module in (part, *getattr(part, "read_by", ()))]
        without = {id(p) for module in idle for p in module.parameters()}
        return {name: p for name, p in self.named_parameters() if id(p) not in without}

    def fusion_parameters(self) -> list[nn.Parameter]:
        """Parameters of fusion and head that learn from all modalities."""
        apart = [part for m in self.modalities for room in (self.fusion, self.head) for part in modules_of(room, m)]
        taken = {id(p) for p in _trainable(apart)}
        return [p for p in _trainable([self.fusion, self.head]) if id(p) not in taken]

    def _checked(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        if unknown := [m for m in inputs if m not in self.spec.modalities]:
            raise unknown_name("modality", unknown[0], self.spec.modalities)
        given = {m: inputs[m] for m in self.modalities if m in inputs}
        if not given:
            raise ColliculusError(
                f"the model needs at least one of {', '.join(self.modalities)}; given: {', '.join(inputs) or 'nothing'}"
            )
        for modality, x in given.items():
            if x.ndim not in (4, 5) or not self.spec.takes(modality, tuple(x.shape[-3:])):
                raise ColliculusError(
                    f"{modality} has shape {tuple(x.shape)}; expected (B, {self.spec.frame(modality)}), "
                    "with T in front for a sequence"
                )
            check_time_first(modality, x, self.spec.steps.get(modality))
        batches = {m: x.shape[-4] for m, x in given.items()}
        first = next(iter(batches.values()))
        if any(count != first for count in batches.values()):  # not a set: an exporter's symbols cannot be hashed
            raise ColliculusError(f"the modalities differ in their number of samples: {batches}")
        return given


def _called(part: nn.Module, x: Tensor) -> Tensor:
    return part(x)


def in_float32(output: Output) -> Output:
    """`output` in float32 where autocast made it narrower, so that all that follows is as precise as in float32."""

    def wide(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: widened(x) for name, x in cast("dict[str, Tensor]", value).items()}
        return None if value is None else widened(value)

    return Output(**{each.name: wide(getattr(output, each.name)) for each in fields(output)})


def check_time_first(modality: str, x: Tensor, steps: int | None) -> None:
    """Check that a sequence (T, B, C, H, W) has as many steps as its data declare.

    Raises:
        ColliculusError: it has not; where batch and time seem to be swapped, the sentence says how to swap them.
    """
    if steps is None or x.ndim == 4 or x.shape[0] == steps:
        return
    fix = (
        "time comes first, so use x.transpose(0, 1) or colliculus.time_first(batch)"
        if x.shape[1] == steps
        else "give that many, or build the model for data that declare no `steps`"
    )
    raise ColliculusError(f"{modality} has shape {tuple(x.shape)}, and its data declare {steps} time steps: {fix}")


def check_fused(fused: object, fusion: nn.Module, batch: int) -> None:
    """Check the output of a fusion, which may be the user's own.

    Raises:
        ColliculusError: it is not a `Fused` whose joint feature is (T, B, F).
    """
    name = type(fusion).__name__
    if not isinstance(fused, Fused):
        raise ColliculusError(
            f"the fusion {name} returns {type(fused).__name__}: return colliculus.Fused(joint=..., parts=...)"
        )
    if fused.joint.ndim != 3 or fused.joint.shape[1] != batch:
        raise ColliculusError(
            f"the fusion {name} returns a joint feature of shape {tuple(fused.joint.shape)}: "
            f"give (T, B, F), here with B = {batch}"
        )


def as_input(modality: str, x: Tensor, like: Tensor) -> Tensor:
    """`x` with the number type of the model's parameter `like`: uint8 0 to 255 becomes 0.0 to 255.0.

    Raises:
        ColliculusError: `x` is on another device, or is complex.
    """
    if x.device != like.device:
        raise ColliculusError(f"{modality} is on {x.device} and the model on {like.device}: use x.to(device)")
    if x.is_complex():
        raise ColliculusError(f"{modality} has complex numbers ({x.dtype}): give real ones, such as x.abs()")
    return x.to(like.dtype)


def _trainable(parts: Iterable[nn.Module]) -> list[nn.Parameter]:
    return [p for part in parts for p in part.parameters() if p.requires_grad]


for _kind in (Batch, Fused, Output):  # here, because `types` imports no torch
    torch.export.register_dataclass(_kind, serialized_type_name=f"colliculus.{_kind.__name__}")
