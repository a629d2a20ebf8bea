"""An experiment: a method, a dataset and the settings of the training loop, and how to change them by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, make_dataclass, replace
from math import inf
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    Protocol,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from tyro.conf import Fixed, Suppress, arg

from colliculus.data.dataset import DataSettings
from colliculus.data.given import Given
from colliculus.data.noise import GaussianNoise, SnrOf
from colliculus.data.sampling import Sampling
from colliculus.files.documents import from_plain, to_plain
from colliculus.losses import CrossEntropy, Objective
from colliculus.modulation import Modulator, NoModulation
from colliculus.runs.neuron_kind import ready_for_kind
from colliculus.types import ColliculusError, DataSpec, Output, refuse_unread, unknown_name

if TYPE_CHECKING:
    from torch import Tensor

    from colliculus.model import MultimodalSNN


Select = Literal["best", "macro-f1", "last"]
"""Epoch whose weights a training keeps."""


class Method(Protocol):
    """Settings of a method; a frozen dataclass, so that run folders can record it.

    A method of your own inherits this class and defines `model`; the rest has defaults.

    Example:
        >>> from dataclasses import dataclass
        >>> import colliculus as cl
        >>> from colliculus.coding import Direct
        >>> from colliculus.encoders import SpikingPatchSplitting
        >>> from colliculus.fusion import Sum
        >>> from colliculus.heads import LinearReadout
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Plain(cl.Method):
        ...     dim: int = 16
        ...
        ...     def model(self, spec):
        ...         return cl.MultimodalSNN(
        ...             spec,
        ...             coding={m: Direct(4) for m in spec.modalities},
        ...             encoders={
        ...                 m: SpikingPatchSplitting(spec.channels[m], spec.size(m), self.dim) for m in spec.modalities
        ...             },
        ...             fusion=Sum(),
        ...             head=LinearReadout(self.dim, spec.num_classes),
        ...         )
        >>> small = {"data": {"num_train": 64, "size": 16}, "train": {"epochs": 1}}
        >>> cl.fit(cl.preset("s-cmrl-synthetic", method=Plain(dim=8), **small), progress=False).result.method
        'Plain'
    """

    def model(self, spec: DataSpec) -> MultimodalSNN:
        """A fresh network for data of this shape."""
        ...

    def objective(self) -> Callable[[Output, Tensor], dict[str, Tensor]]:
        """Named terms whose sum is minimised: here the cross-entropy of the logits."""
        return Objective({"task": CrossEntropy(0.0)})

    def modulator(self) -> Modulator:
        """Hooks that balance the modalities in training: here none."""
        return NoModulation()


def method_name(method: Method) -> str:
    """The name of a method: its `name`, or that of its class."""
    return getattr(method, "name", type(method).__name__)


MethodT = TypeVar("MethodT", bound=Method)
DataT = TypeVar("DataT", bound=DataSettings)


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Settings of the training loop. The defaults are those of the published S-CMRL experiments.

    Example:
        >>> TrainSettings(epochs=10, learning_rate=1e-3).batch_size
        128
    """

    epochs: Annotated[int, arg(aliases=["--epochs"])] = 100
    """passes over the training data"""
    batch_size: Annotated[int, arg(aliases=["--batch-size"])] = 128
    """samples of one optimiser step, over all processes"""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """adamw, or sgd with momentum, which most balance methods were published with"""
    momentum: float = 0.9
    """momentum of sgd"""
    learning_rate: Annotated[float, arg(aliases=["--lr"])] = 6.25e-4
    """peak of the learning rate"""
    head_factor: float = 1.0
    """factor of the learning rate of the readout: of the heads and of the weights that pool tokens"""
    warmup_epochs: int = 5
    """epochs of linear warm-up, at most half of all epochs"""
    warmup_learning_rate: float = 1e-6
    """learning rate of the first warm-up epoch"""
    final_learning_rate: float = 1e-5
    """learning rate the cosine ends at"""
    schedule: Literal["cosine", "step"] = "cosine"
    """cosine: down to the final learning rate; step: times a factor after every so many epochs"""
    step_epochs: int = 70
    """epochs after which a step schedule multiplies the learning rate, again and again"""
    step_factor: float = 0.1
    """factor of the learning rate at each of these steps"""
    weight_decay: float = 1e-4
    """weight decay of matrices and kernels; biases and other one-dimensional parameters have none"""
    clip_norm: float | None = None
    """largest norm of the gradients; None does not clip"""
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """bf16: bfloat16 autocast, with membranes and losses in float32; fp16: the same in float16 with a scaled loss, for
    CUDA GPUs without bfloat16, evaluated in float32"""
    recompute: bool = False
    """compute the encoders again in the backward pass: the same gradients with less memory, in more time"""
    compile: Literal["none", "default", "reduce-overhead"] = "none"
    """mode of torch.compile for the network, which takes minutes: default, or reduce-overhead with CUDA graphs; none is
    best on a CPU"""
    deterministic: bool = True
    """train to the same digits again on the same GPU; without it cuDNN tries its algorithms and takes the fastest"""
    ema_decay: float | None = None
    """decay of the moving average of the weights, which is then what is validated and saved; None keeps none"""
    select: Select = "best"
    """epoch whose weights are kept: best, that of the highest validation accuracy; macro-f1, that of the highest mean
    F1 of the classes, where each counts the same, however rare; or last; without a validation part it is the last"""
    refit: Annotated[bool, arg(aliases=["--refit"])] = False
    """after a training that is validated, train a second time on the training and validation parts together, from the
    same seed and at the same learning rates, up to the epoch that `select` keeps; without a validation part there is
    one training"""
    test_each_epoch: bool = False
    """also test after every epoch, and report the best of these figures, as papers do that choose the epoch on the test
    part; nothing is chosen by them"""
    drop_incomplete: bool = False
    """train on full batches only, leaving out what remains each epoch"""
    class_weights: Literal["none", "balanced"] = "none"
    """weights of the samples in cross-entropies and rate errors: none, or balanced, by the inverse of how often their
    class occurs, so that every class adds the same"""
    sampling: Sampling = "each"
    """samples of an epoch: each once, or balanced, as many of every class, so that some of a large class wait for
    another epoch and those of a small one come again"""
    snr_db: Mapping[str, float] = field(default_factory=dict[str, float], hash=False)
    """white noise on the training data: modality and signal-to-noise ratio in dB, such as audio 0 visual -10; it is
    drawn anew in each epoch, and once for validation and test"""
    snr_of: SnrOf = "standardised"
    """input whose power this ratio refers to: standardised, as the network gets it, or raw, as it is before"""
    seed: Annotated[int, arg(aliases=["--seed"])] = 0
    """seed of initial weights, order of samples and everything else drawn at random"""
    device: Annotated[str, arg(aliases=["--device"])] = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""

    def __post_init__(self) -> None:
        GaussianNoise(self.snr_db)
        names = ("epochs", "batch_size", "learning_rate", "head_factor", "step_epochs", "step_factor")
        for name in (*names, *(() if self.clip_norm is None else ("clip_norm",))):
            if not 0 < (value := getattr(self, name)) < inf:
                raise ColliculusError(f"train.{name} is {value}: give a positive number")
        for name in ("warmup_epochs", "warmup_learning_rate", "final_learning_rate", "weight_decay", "seed"):
            if not 0 <= (value := getattr(self, name)) < inf:
                raise ColliculusError(f"train.{name} is {value}: give zero or a positive number")
        if not 0 <= self.momentum < 1:
            raise ColliculusError(f"train.momentum is {self.momentum}: give at least 0 and less than 1")
        self._check_combinations()
        if self.seed >= 2**63:
            raise ColliculusError(f"train.seed is {self.seed}: give a number below 2**63")
        if self.ema_decay is not None and not 0 < self.ema_decay < 1:
            raise ColliculusError(f"train.ema_decay is {self.ema_decay}: give a number between 0 and 1, such as 0.999")

    def _check_combinations(self) -> None:
        if self.optimizer == "adamw":
            refuse_unread(self, ["momentum"], 'with `optimizer` "adamw"')
        unread = ["step_epochs", "step_factor"] if self.schedule == "cosine" else ["final_learning_rate"]
        refuse_unread(self, unread, f'with `schedule` "{self.schedule}"')
        for name, read_with in (("warmup_learning_rate", "warmup_epochs"), ("snr_of", "snr_db")):
            if not getattr(self, read_with):
                refuse_unread(self, [name], f"without `{read_with}`")
        if self.sampling == self.class_weights == "balanced":
            raise ColliculusError(
                "train.class_weights and train.sampling are both balanced, which would count rare classes twice: choose"
                " one of them"
            )


@dataclass(frozen=True, kw_only=True)
class Experiment(Generic[MethodT, DataT]):
    """A method, its data and its training. `tyro.cli(Experiment[SCMRL, AVDigits], default=...)` reads it from flags.

    Example:
        >>> import colliculus as cl
        >>> from colliculus.data.synthetic import Synthetic
        >>> Experiment(method=cl.LateFusion(dim=32), data=Synthetic()).name
        'late-fusion-synthetic'
    """

    method: MethodT
    """the method and its settings"""
    data: DataT = field(default_factory=cast("Any", Given))
    """the dataset and its settings; left out in Python, the data are given to `fit`"""
    train: TrainSettings = TrainSettings()
    """the training loop"""
    preset: Annotated[str, Fixed, Suppress] = field(default="", compare=False)
    """name for the record; empty is METHOD-DATA"""

    @property
    def name(self) -> str:
        """The preset that the experiment was made from, or METHOD-DATA."""
        return self.preset or f"{method_name(self.method)}-{self.data.name}"


def replaced(experiment: Experiment[Any, Any], changes: Mapping[str, Any]) -> Experiment[Any, Any]:
    """The experiment with some settings changed; all changes take effect together.

    Args:
        experiment: settings to start from; it is left as it is.
        changes: values by dotted name ("train.epochs"), nested mappings, or both. A whole method or dataset may be
            given too: `{"data": Synthetic()}`.

    Raises:
        ColliculusError: a name is unknown (the nearest is offered), or a value has the wrong type or range.

    Example:
        >>> from colliculus.presets import PRESETS
        >>> start = PRESETS["s-cmrl-synthetic"].experiment
        >>> changed = replaced(start, {"train.epochs": 3, "method": {"dim": 64}})
        >>> changed.train.epochs, changed.method.dim
        (3, 64)
        >>> replaced(start, {"train.epoch": 3})
        Traceback (most recent call last):
        colliculus.types.ColliculusError: unknown setting 'train.epoch': did you mean 'train.epochs'?
    """
    return _replaced(experiment, changes, "")


_MUST_HAVE = {"method": "model", "data": "load"}
"""Method by which a whole method or dataset is recognised."""


def _replaced(settings: Any, changes: Mapping[str, Any], prefix: str) -> Any:
    new: dict[str, Any] = {}
    for key, value in changes.items():
        name, _, rest = key.replace("-", "_").partition(".")
        known = {known.name: f"{prefix}{known.name}" for known in fields(settings)}
        if name not in known:
            raise unknown_name("setting", f"{prefix}{name}", known.values())
        present = getattr(settings, name)
        if is_dataclass(present) and (rest or isinstance(value, Mapping)):  # merged below with others of its fields
            new[name] = {**new.get(name, {}), **({rest: value} if rest else value)}
        elif rest and isinstance(present, Mapping):  # one entry of a mapping such as train.snr_db
            new[name] = {**new.get(name, present), rest: value}
        elif rest:
            raise ColliculusError(f"{known[name]} has no settings of its own: give a value of {known[name]}")
        else:
            new[name] = value
    if isinstance(neuron := new.get("neuron"), Mapping):
        settings = ready_for_kind(settings, cast("Mapping[str, Any]", neuron).get("kind"))
    return replace(settings, **{name: _value(settings, name, value, prefix) for name, value in new.items()})


def _value(settings: Any, name: str, value: Any, prefix: str) -> Any:
    """`value` as the field of `settings` takes it, by the same rules as values read from a file."""
    present = getattr(settings, name)
    if is_dataclass(present) and isinstance(value, Mapping):
        return _replaced(present, value, f"{prefix}{name}.")
    if isinstance(settings, Experiment) and name in _MUST_HAVE:
        if hasattr(value, _MUST_HAVE[name]):
            return value
        raise ColliculusError(f"{name} is {value!r}: give settings of its own by name, or a whole {name}")
    hint = get_type_hints(type(settings))[name]
    try:
        return getattr(from_plain({name: to_plain(value)}, make_dataclass("Checked", [(name, hint)])), name)
    except ColliculusError as error:
        raise ColliculusError(f"{prefix}{name} is {value!r}: give {_in_words(hint)}") from error


def _in_words(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return f"one of {', '.join(map(repr, get_args(hint)))}"
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint).replace("typing.", "")
