"""MISNet: neurons with a membrane for each modality, and outputs that fire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from colliculus.fusion import ModalityInteraction
from colliculus.heads import RateReadout
from colliculus.losses import Objective, RateError, UnimodalRateError
from colliculus.methods.multimodal_transformer import MultimodalTransformer
from colliculus.model import MultimodalSNN
from colliculus.neurons import Firing, NeuronSettings
from colliculus.types import UNIMODAL, ColliculusError, DataSpec, refuse_unread


@dataclass(frozen=True, kw_only=True)
class MISNet(MultimodalTransformer):
    """Multimodal interaction spiking network (ACM TOMM 2025, 10.1145/3721981), for any number of modalities.

    Cells with a residual block that all modalities share, a projection for each, and MLIF neurons with a membrane for
    each follow the encoders. Three outputs, one for each modality and a joint one, are neurons whose firing rates are
    compared with one-hot labels. The joint rates decide.

    Deviation: it is written from the paper's equations; the released program passes both modalities through one block
    and overwrites its projections before the neuron. The encoders are those of the other methods, and a BatchNorm
    stands before the output neurons. The cells' neurons have the threshold 0.5, because an M-th of a potential rarely
    reaches 1. The rates take T + 1 values, so that classes often tie;
    the first of them is the prediction.

    Example:
        >>> import torch
        >>> from colliculus import DataSpec
        >>> sizes = {"audio": (32, 32), "visual": (32, 32)}
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes=sizes, num_classes=6)
        >>> method = MISNet(dim=32)
        >>> output = method.model(spec)({"audio": torch.zeros(2, 1, 32, 32), "visual": torch.zeros(2, 3, 32, 32)})
        >>> [*output.modality_logits], [*method.objective()(output, torch.tensor([0, 1]))]
        (['audio', 'visual'], ['task', 'unimodal'])
    """

    name: ClassVar[str] = "misnet"
    has_shares: ClassVar[bool] = False

    label_smoothing: float = 0.0
    """Label smoothing of the one-hot labels."""
    neuron: NeuronSettings = NeuronSettings(reset="soft")
    unimodal_loss: float = 1.0
    """Weight of each modality's own output, beta in the paper; with 0 there are no such outputs."""
    cells: int = 2
    """Cells in which the modalities interact."""
    firing: Firing = "apart"
    """A membrane of each modality decides for itself ("apart": the paper's [v1/2; v2/2] side by side), or their mean
    decides for all ("together")."""

    interaction_threshold: float = 0.5
    """Threshold of the cells' neurons, of which each membrane decides with an M-th of its potential."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.neuron.refuse_threshold(self, "interaction_threshold")
        if self.cells < 1:
            raise ColliculusError(f"`cells` is {self.cells}: choose at least 1")
        refuse_unread(self, ["readout"], "in misnet")

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of that shape.

        Raises:
            ColliculusError: the size of the first modality is not known.
        """
        encoders = self.token_encoders(spec)
        grids = {m: encoder.grid for m, encoder in encoders.items()}
        fusion = ModalityInteraction(
            grids,
            dim=self.dim,
            cells=self.cells,
            neuron=self.neuron,
            firing=self.firing,
            threshold=self.interaction_threshold,
        )
        head = RateReadout(
            spec.modalities if self.unimodal_loss else (),
            features=self.dim,
            joint=self.dim * (1 if self.firing == "together" else len(spec.modalities)),
            num_classes=spec.num_classes,
            neuron=self.neuron,
        )
        return self.network(spec, encoders, fusion, head)

    def objective(self) -> Objective:
        """The squared errors of the rates of the joint output and of each modality's own."""
        terms = {**super().objective().terms, "task": RateError(self.label_smoothing)}
        if self.unimodal_loss:
            terms[UNIMODAL] = UnimodalRateError(self.label_smoothing, self.unimodal_loss)
        return Objective(terms)
