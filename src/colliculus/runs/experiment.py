"""What a training run is made of: a method, a dataset and the settings of the loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, Protocol, TypeVar

from colliculus.data.dataset import DataSettings
from colliculus.data.noise import GaussianNoise
from colliculus.types import ColliculusError, DataSpec, Output, refuse_unread

if TYPE_CHECKING:
    from torch import Tensor

    from colliculus.model import MultimodalSNN
    from colliculus.modulation import Modulator


class Method(Protocol):
    """Settings of a paper's method: a frozen dataclass that knows its parts."""

    name: ClassVar[str]

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """The network for data of this kind."""
        ...

    def objective(self) -> Callable[[Output, Tensor], dict[str, Tensor]]:
        """The named terms whose sum is minimised."""
        ...

    def modulator(self) -> Modulator:
        """What keeps the modalities in balance while training."""
        ...


MethodT = TypeVar("MethodT", bound=Method)
DataT = TypeVar("DataT", bound=DataSettings)


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Settings of the training loop. The defaults are those of the published S-CMRL experiments."""

    epochs: int = 100
    """passes over the training data"""
    batch_size: int = 128
    """samples of one optimiser step, over all processes"""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """adamw, or sgd with momentum, which most balance methods were published with"""
    momentum: float = 0.9
    """momentum of sgd"""
    learning_rate: float = 6.25e-4
    """peak of the learning rate"""
    warmup_epochs: int = 5
    """epochs of linear warm-up, at most half of all epochs"""
    warmup_learning_rate: float = 1e-6
    """learning rate of the first warm-up epoch"""
    final_learning_rate: float = 1e-5
    """learning rate the cosine ends at"""
    weight_decay: float = 1e-4
    """of weight matrices and kernels; biases and other one-dimensional parameters have none"""
    clip_norm: float | None = None
    """largest norm of the gradients; None does not clip"""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16: bfloat16 autocast, with membranes and losses in float32"""
    recompute: bool = False
    """compute the encoders again in the backward pass: the same gradients with less memory, in more time"""
    ema_decay: float | None = None
    """decay of the moving average of the weights, which is then what is validated and saved; None keeps none"""
    drop_incomplete: bool = False
    """train on full batches only, leaving out what remains each epoch"""
    snr_db: Mapping[str, float] = field(default_factory=dict[str, float], hash=False)
    """noise to learn under: modality and signal-to-noise ratio in dB, such as audio 0 visual -10; white, drawn anew in
    each epoch, and drawn once for validation and test"""
    seed: int = 0
    """seed of initial weights, order of samples and everything else drawn at random"""
    device: str = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""

    def __post_init__(self) -> None:
        GaussianNoise(self.snr_db)
        positive = {"epochs": self.epochs, "batch_size": self.batch_size, "learning_rate": self.learning_rate}
        optional = {"clip_norm": self.clip_norm} if self.clip_norm is not None else {}
        for name, value in (positive | optional).items():
            if not 0 < value < inf:
                raise ColliculusError(f"train.{name} is {value}: give a positive number")
        for name in ("warmup_epochs", "warmup_learning_rate", "final_learning_rate", "weight_decay", "seed"):
            if not 0 <= (value := getattr(self, name)) < inf:
                raise ColliculusError(f"train.{name} is {value}: give zero or a positive number")
        if not 0 <= self.momentum < 1:
            raise ColliculusError(f"train.momentum is {self.momentum}: give at least 0 and less than 1")
        if self.optimizer == "adamw":
            refuse_unread(self, ["momentum"], 'with `optimizer` "adamw"')
        if not self.warmup_epochs:
            refuse_unread(self, ["warmup_learning_rate"], "without `warmup_epochs`")
        if self.seed >= 2**63:
            raise ColliculusError(f"train.seed is {self.seed}: give a number below 2**63")
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise ColliculusError(f"train.ema_decay is {self.ema_decay}: give a number between 0 and 1, such as 0.999")


@dataclass(frozen=True, kw_only=True)
class Experiment(Generic[MethodT, DataT]):
    """A run before it is run. `tyro.cli(Experiment[SCMRL, AVDigits], default=preset)` puts it on a command line."""

    method: MethodT
    """the method and its settings"""
    data: DataT
    """the dataset and its settings"""
    train: TrainSettings = TrainSettings()
    """the training loop"""
