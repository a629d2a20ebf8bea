"""Datasets: each a frozen dataclass of settings that loads three splits; `DATASETS` finds them by name."""

from __future__ import annotations

from colliculus.data.arrays import Arrays
from colliculus.data.av_digits import AVDigits
from colliculus.data.dataset import DataSettings
from colliculus.data.folder import Folder
from colliculus.data.prepared import Prepared
from colliculus.data.synthetic import Synthetic
from colliculus.plugins import Parts

DATASETS: Parts[type[DataSettings]] = Parts(
    "datasets", {settings.name: settings for settings in (Synthetic, AVDigits, Arrays, Folder, Prepared)}
)
"""Settings of every dataset by its name."""
