"""The picture of the papers: every modality is coded and encoded, then fused and read out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from colliculus.layers import ModalityDropout, per_modality, recomputed
from colliculus.types import ColliculusError, DataSpec, Output, unknown_name


class MultimodalSNN(nn.Module):
    """A spiking network for any number of named modalities.

    Args:
        spec: the data it is built for.
        coding: of each modality it uses, inputs -> (T, B, C, H, W); the keys, in order, are the model's modalities.
        encoders: of each modality, (T, B, C, H, W) -> tokens (T, B, D, N).
        fusion: tokens of the modalities that are there -> `Fused`.
        head: `Fused` -> `Output`.
        modality_dropout: probability that a modality's tokens are silenced in a training sample.

    Attributes:
        recompute: in training, keep of the encoders only their inputs and compute them again in the backward pass.

    Raises:
        ColliculusError: a modality has a name that PyTorch keeps to itself ("values", "type", ...).

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
        self.spec = spec
        self.modalities = tuple(coding)
        self.coding = per_modality(coding)
        self.encoders = per_modality(encoders)
        self.modality_dropout = ModalityDropout(modality_dropout)
        self.fusion = fusion
        self.head = head
        self.recompute = False

    def forward(self, inputs: Mapping[str, Tensor]) -> Output:
        """Static inputs (B, C, H, W) or sequences (T', B, C, H, W) by modality.

        A modality left out is absent: no other receives anything from it, and it adds no evidence.

        Raises:
            ColliculusError: no modality of the model is given, one is unknown, or one has another shape than the
                `DataSpec` says or than the others.
        """
        inputs = self._checked(inputs)
        spikes = {m: self.coding[m](x) for m, x in inputs.items()}
        again = self.recompute and self.training
        tokens = {m: recomputed(self.encoders[m], x) if again else self.encoders[m](x) for m, x in spikes.items()}
        output: Output = self.head(self.fusion(self.modality_dropout(tokens)))
        return output

    def stream_parameters(self, modality: str) -> list[nn.Parameter]:
        """What learns from one modality alone and is no head: coding, encoder, and what it passes before the join."""
        return _trainable([self.coding[modality], self.encoders[modality], *_modules_of(self.fusion, modality)])

    def fusion_parameters(self) -> list[nn.Parameter]:
        """What learns from all modalities: fusion and head without what belongs to one."""
        apart = [part for m in self.modalities for room in (self.fusion, self.head) for part in _modules_of(room, m)]
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
        batches = {m: x.shape[-4] for m, x in given.items()}
        if len({*batches.values()}) > 1:
            raise ColliculusError(f"the modalities differ in their number of samples: {batches}")
        return given


@runtime_checkable
class HasModulesOfModalities(Protocol):
    """A fusion or head of which parts serve one modality alone."""

    def modules_of(self, modality: str) -> list[nn.Module]:
        """Those parts."""
        ...


def _modules_of(room: nn.Module, modality: str) -> list[nn.Module]:
    return room.modules_of(modality) if isinstance(room, HasModulesOfModalities) else []


def _trainable(parts: Iterable[nn.Module]) -> list[nn.Parameter]:
    return [p for part in parts for p in part.parameters() if p.requires_grad]
