"""Columns of the presets: data, with suitable settings of the training and size of the networks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from colliculus.data.arrays import Arrays
from colliculus.data.augment import SMALL_DATA, Augment
from colliculus.data.augment.images import Flip, ImageAugment, RandomResizedCrop
from colliculus.data.augment.noise import SampleNoise
from colliculus.data.av_digits import AVDigits
from colliculus.data.dataset import DataSettings
from colliculus.data.folder import Folder
from colliculus.data.prepared import Prepared
from colliculus.data.synthetic import Synthetic
from colliculus.methods import SCMRL
from colliculus.methods.spiking_transformer import EncoderName
from colliculus.runs.experiment import TrainSettings

_CROP = RandomResizedCrop(probability=1.0, area=(0.08, 1.0))
_HONEST = Prepared(protocol="honest")
"""Published data, split by our own protocol instead of the publisher's lists."""

_CROPPED = replace(_HONEST, augment=Augment(pictures=ImageAugment(crop=_CROP, flip=Flip(probability=0.5))))
"""Images cropped in training as in the published S-CMRL experiments; in the test they are whole (there: the middle)."""

_PUBLISHED = TrainSettings(drop_incomplete=True, seed=42)
"""The training of the published S-CMRL experiments on all of their data."""

OURS = TrainSettings(epochs=100, batch_size=64, learning_rate=1e-3)
"""For data on which no paper states its training."""

_SMALL = TrainSettings(
    epochs=100,
    batch_size=32,
    learning_rate=2e-3,
    warmup_epochs=10,
    final_learning_rate=0.0,
    head_factor=10.0,
    select="last",
    refit=True,
)
"""For a user's own data, some hundreds or thousands of clips: too few to leave a part out of the last training, or to
choose an epoch by them."""

_HUNDREDS = replace(_SMALL, epochs=40, warmup_epochs=4)
"""For hundreds of short recordings."""

_NOISE = SampleNoise(probability=0.4)
"""Noise of the training on a user's own data, drawn for each modality on its own."""

_VARIED = replace(SMALL_DATA, noise=_NOISE)
"""Augmentation of a user's own data, of any kind."""

_PEOPLE_APART = Prepared(protocol="given", validation_fraction=0.25, augment=SMALL_DATA)
"""The published split, and one of its four training people as the validation part."""

_SPEAKERS_APART = Prepared(protocol="given", validation_fraction=0.2)
"""The published split, and two of its ten training speakers as the validation part."""


@dataclass(frozen=True, kw_only=True)
class DataRow:
    """Data with suitable settings of the training and size of the networks."""

    phrase: str
    settings: DataSettings = _HONEST
    train: TrainSettings = OURS
    dim: int = 64
    heads: int = 8
    temperature: float = SCMRL.temperature
    time_steps: int = SCMRL.time_steps
    encoder: EncoderName = "deep"


DATA = {
    "synthetic": DataRow(
        phrase="generated shapes and sounds",
        settings=Synthetic(),
        train=TrainSettings(epochs=10, batch_size=32, warmup_epochs=1, learning_rate=2e-3),
        dim=32,
        heads=4,
    ),
    "av-digits": DataRow(
        phrase="spoken and written digits",
        settings=AVDigits(),
        train=TrainSettings(epochs=16, batch_size=64, learning_rate=2e-3, warmup_epochs=2, warmup_learning_rate=5e-4),
    ),
    "arrays": DataRow(
        phrase="your arrays at --data.root", settings=Arrays(augment=_VARIED), train=_SMALL, encoder="auto"
    ),
    "folder": DataRow(
        phrase="your clips at --data.root", settings=Folder(augment=_VARIED), train=_SMALL, encoder="auto"
    ),
    "prepared": DataRow(
        phrase="your prepared data at --data.root", settings=Prepared(augment=_VARIED), train=_SMALL, encoder="auto"
    ),
    "crema-d": DataRow(phrase="CREMA-D", settings=_CROPPED, train=_PUBLISHED, dim=256, heads=16),
    "urbansound8k-av": DataRow(
        phrase="UrbanSound8K-AV", settings=_CROPPED, train=_PUBLISHED, dim=64, heads=16, temperature=0.08
    ),
    "mnistdvs-ntidigits": DataRow(
        phrase="MNIST-DVS with N-TIDIGITS",
        train=_PUBLISHED,
        dim=256,  # published: 32 to 512
        heads=16,
        temperature=0.1,
        time_steps=16,
        encoder="shallow",
    ),
    "nmnist-shd": DataRow(phrase="N-MNIST with SHD", settings=_SPEAKERS_APART, time_steps=10, encoder="shallow"),
    "ave": DataRow(phrase="AVE", dim=256, heads=16),
    "kinetics-sounds": DataRow(phrase="Kinetics-Sounds", dim=256, heads=16),
    "cifar10-av": DataRow(phrase="CIFAR10-AV"),
    "utd-mhad": DataRow(phrase="UTD-MHAD", settings=_PEOPLE_APART, train=_HUNDREDS),
    "utd-mhad-3": DataRow(
        phrase="UTD-MHAD with depth", settings=_PEOPLE_APART, train=_HUNDREDS, time_steps=8
    ),  # frames
}
"""Data by the second part of the names of presets."""
