"""A user's own time series in memory as a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colliculus.corpus.splits import held_out, stratified_holdout
from colliculus.data.assemble import assemble, fingerprint, spec_of
from colliculus.data.augment import Augment
from colliculus.data.dataset import Dataset, Normalisation
from colliculus.data.loading import ArraySplit
from colliculus.data.standardise import channel_statistics
from colliculus.files.checks import SPLITS
from colliculus.media.layouts import TimeAxis, as_map, layout_in_words, time_is_last
from colliculus.types import ColliculusError


def from_series(
    inputs: Mapping[str, Any] | Any,
    labels: Sequence[Any] | NDArray[np.generic],
    *,
    time_axis: TimeAxis = "longer",
    groups: Sequence[Any] | NDArray[np.generic] | None = None,
    test_fraction: float = 0.2,
    validation_fraction: float = 0.1,
    seed: int = 0,
    augment: Augment | None = None,
    normalisation: Normalisation | None = None,
) -> Dataset:
    """Make time series a `Dataset`: every channel is standardised by the training part, and time becomes the width.

    Args:
        inputs: an array (n, channels, samples) or (n, samples, channels) of each modality by name, or one such array,
            which is called "series". Modalities may differ in channels and samples.
        labels: (n,) class of each sample: numbers or names; the classes are those that occur, in ascending order.
        time_axis: which axis is time: the "longer" of the last two, if it is at least twice as long; or the "first" or
            the "last" of them.
        groups: (n,) people, recordings, ... whose samples stay in one part; None: each sample stands alone.
        test_fraction: share of each class that becomes the test part.
        validation_fraction: share of the other samples that becomes the validation part; 0 makes no validation part.
        seed: seed of the parts.
        augment: augmentation of the training samples; None leaves them as they are.
        normalisation: normalisation of a trained run; None: that of the training part.

    Raises:
        ColliculusError: an array is not three-dimensional, has values that are not finite or another number of samples
            than there are labels; the axis of time is not clear; there is one class; or a class is too small to be
            divided.

    Example:
        >>> import colliculus as cl
        >>> draw = np.random.default_rng(0)
        >>> labels = np.repeat(["walk", "run"], 20)
        >>> imu = draw.normal(size=(40, 64, 6)) + (labels == "run")[:, None, None]
        >>> data = from_series({"imu": imu}, labels)
        >>> data.spec.channels, data.spec.sizes, data.sources["imu"]
        ({'imu': 6}, {'imu': (1, 64)}, 'series of 6 channels over 64 moments (axis 1 is time)')
        >>> method = cl.Unimodal(modality="imu", dim=16, heads=4, encoder="auto")
        >>> trained = cl.fit(cl.Experiment(method=method, train=cl.TrainSettings(epochs=1)), data, progress=False)
        >>> trained.result.test.total
        8
    """
    given = inputs if isinstance(inputs, Mapping) else {"series": inputs}
    names, targets = np.unique(np.asarray(labels), return_inverse=True)
    if targets.ndim != 1 or len(names) < 2:
        raise ColliculusError(
            f"the labels have the shape {targets.shape} and {len(names)} class(es): give (n,), two or more"
        )
    raw = {name: _checked(name, np.asarray(series), len(targets)) for name, series in given.items()}
    last = {name: time_is_last(name, series.shape, time_axis) for name, series in raw.items()}
    arrays = {name: as_map(series, last=last[name]) for name, series in raw.items()}
    rows = _parts(targets, groups, test_fraction, validation_fraction, seed)
    used = channel_statistics(arrays, rows["train"]) if normalisation is None else normalisation
    spec = spec_of({name: array.shape[1:] for name, array in arrays.items()}, names.astype(str).tolist())
    parts = {f"rows of {split}": chosen for split, chosen in rows.items()}
    return assemble(
        spec,
        {split: ArraySplit(arrays, targets[chosen], chosen, used) for split, chosen in rows.items()},
        f"test and validation of each class{' by group' if groups is not None else ''}, seed {seed}",
        fingerprint(spec, {**arrays, "labels": targets, **parts}),
        augment=augment,
        kinds=dict.fromkeys(arrays, "series"),
        sources={name: layout_in_words(series.shape, last=last[name]) for name, series in raw.items()},
    )


def _checked(name: str, series: NDArray[np.generic], samples: int) -> NDArray[np.generic]:
    if series.ndim != 3 or not series.size or series.dtype.kind not in "biuf":
        raise ColliculusError(
            f"{name} has the shape {series.shape} and the type {series.dtype}: give numbers (n, channels, samples) or"
            " (n, samples, channels)"
        )
    if len(series) != samples:
        raise ColliculusError(f"{name} holds {len(series)} samples and there are {samples} labels: give as many")
    if not np.isfinite(series).all():
        raise ColliculusError(f"{name} holds values that are not finite: remove NaN and infinity")
    return series


def _parts(
    targets: NDArray[np.int64], groups: Any, test_fraction: float, validation_fraction: float, seed: int
) -> dict[str, NDArray[np.int64]]:
    """Rows of each part."""
    kin = None if groups is None else np.asarray(groups)
    if kin is not None and kin.shape != targets.shape:
        raise ColliculusError(f"the groups have the shape {kin.shape} and the labels {targets.shape}: give as many")
    rest, test = stratified_holdout(targets, fraction=test_fraction, seed=seed, groups=kin)
    within = None if kin is None else kin[rest]
    train, validation = held_out(targets[rest], fraction=validation_fraction, seed=seed, groups=within)
    return dict(zip(SPLITS, (rest[train], rest[validation], test), strict=True))
