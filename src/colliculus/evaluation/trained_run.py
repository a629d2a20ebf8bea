"""A trained run, opened: its model, data and settings, and predictions for own files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from colliculus.data.augment import AugmentedSplit
from colliculus.data.dataset import Dataset, DataSettings, Split
from colliculus.data.noise import GaussianNoise, white_noise
from colliculus.evaluation.clip_files import Arrays, FilePredictions, predict_files
from colliculus.evaluation.clip_predictions import ClipPrediction, ClipPredictions
from colliculus.evaluation.inference import Corrupt, classify
from colliculus.evaluation.precision import in_precision
from colliculus.evaluation.predict import predict_arrays, predict_tensors
from colliculus.media.apart import start_early
from colliculus.methods.spiking_transformer import SpikingTransformer
from colliculus.model import MultimodalSNN
from colliculus.records.console import remark
from colliculus.runs.experiment import Experiment, Method
from colliculus.runs.identity import identity
from colliculus.runs.local import local_run
from colliculus.runs.names import SELECTION_FOLDER, STATE_FILE
from colliculus.runs.predictions import Predictions
from colliculus.runs.result import TrainingResult, read_result
from colliculus.runs.run import Run, load_model, read_run
from colliculus.runtime import InferencePrecision, choose_device, evaluated_in
from colliculus.types import Batch, ColliculusError, DataSpec

Part = Literal["test", "validation", "train"]
"""Part of a dataset."""


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """A run folder, opened. The model and the data are loaded on first use.

    Args:
        folder: run folder, written by `colliculus train --out` or `fit(..., out=...)`.
        run: contents of its `run.yaml`.
        device: device of the model.
        given: data given in Python, in the place of the experiment's own.
        precision: precision of the model.

    Example:
        >>> import colliculus as cl
        >>> small = {"data": {"num_train": 32, "num_test": 6, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
        >>> run = cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False)
        >>> run.model.modalities, len(run.data.test)
        (('audio', 'visual'), 6)
    """

    folder: Path
    run: Run
    device: torch.device
    given: Dataset | None = None
    precision: InferencePrecision = "fp32"

    @property
    def experiment(self) -> Experiment[Any, Any]:
        """Method, data and training settings."""
        return self.run.experiment

    @property
    def time_steps(self) -> int:
        """T of the model."""
        method = self.experiment.method
        steps: int = method.steps(self.run.spec) if isinstance(method, SpikingTransformer) else method.time_steps
        return steps

    @property
    def result(self) -> TrainingResult:
        """Figures of the finished training.

        Raises:
            ColliculusError: the run is not finished, or was not trained here.
        """
        if (found := read_result(self.folder)) is None:
            raise ColliculusError(f"{self.folder} is not finished: add --resume to the command that trained it")
        return found

    def remark_unfinished(self) -> None:
        """Remark on stderr that the training is not finished, where it is not."""
        if (self.folder / STATE_FILE).exists() and read_result(self.folder) is None:
            remark(
                f"{self.folder} is not finished: these are predictions of its best epoch so far; --resume goes on with"
                " the training"
            )

    @cached_property
    def model(self) -> MultimodalSNN:
        """The trained model in eval mode, on `device` and in `precision`.

        Raises:
            ColliculusError: the weights are absent, damaged or of another model.
        """
        return in_precision(load_model(self.folder, self.run).to(self.device), self.precision)

    @cached_property
    def data(self) -> Dataset:
        """The data of the training, standardised as they were in training.

        Raises:
            ColliculusError: the data are absent, or of another shape than the model takes.
        """
        return self.load(self.experiment.data) if self.given is None else self.given

    @property
    def noise(self) -> GaussianNoise | None:
        """Noise of the training, which is kept in every test; None for a training on clean data."""
        train = self.experiment.train
        return white_noise(dict(train.snr_db), train.snr_of, self.run.normalisation)

    def load(self, data: DataSettings | Dataset | None = None) -> Dataset:
        """Load data for this model, standardised as in training; remark when they are not the training's.

        Args:
            data: settings of the data, data loaded already, or None for the run's own.

        Raises:
            ColliculusError: the model cannot take these data.
        """
        if data is None:
            return self.data
        dataset = data if isinstance(data, Dataset) else data.load(self.run.normalisation)
        check_spec(self.run.spec, dataset.spec)
        if self.run.fingerprint and dataset.fingerprint != self.run.fingerprint:  # an imported run has no fingerprint
            remark(
                f"these are not the data of the training (fingerprint {dataset.fingerprint}, not "
                f"{self.run.fingerprint})"
            )
        return dataset

    def part(self, name: Part) -> Split:
        """A part of the run's data as it is stored, without augmentation.

        Raises:
            ColliculusError: as `stored_part`.
        """
        return stored_part(self.data, name, self)

    def batch(self, split: Split, rows: NDArray[np.int64]) -> Batch:
        """The samples at `rows` of a split on the model's device, with the noise of the training."""
        clean = split.batch(rows, epoch=0).to(self.device)
        return clean if self.noise is None else Batch(self.noise(clean.inputs, rows), clean.labels)

    def classify(self, split: Split, corruption: Corrupt | None = None, missing: tuple[str, ...] = ()) -> Predictions:
        """Predictions for a split, in batches as in training; without a corruption, under the noise of the training."""
        corrupt = self.noise if corruption is None else corruption
        size = self.experiment.train.batch_size
        return classify(self.model, split, batch_size=size, corruption=corrupt, missing=missing)

    def about(self, dataset: Dataset, part: Part) -> dict[str, Any]:
        """The fields of a `RunRecord` about a measurement on a part of `dataset`."""
        spec, train = self.run.spec, self.experiment.train
        fields = {"classes": spec.names, "modalities": spec.modalities, "split": part, "snr_db": dict(train.snr_db)}
        if train.snr_of != "standardised":  # else what was measured before there was a choice would be another thing
            fields["snr_of"] = train.snr_of
        return identity(self.folder, self.run, dataset.fingerprint) | fields

    def predict(
        self, clips: Path | str | Sequence[Path | str] | Mapping[str, Tensor], *, batch_size: int | None = None
    ) -> ClipPredictions:
        """Classify clips and explain each prediction.

        Args:
            clips: files, or folders of files, such as "clip.wav" or ["clip.wav", "clip.png"]; files of one stem are one
                clip. Or a batch of tensors by modality, standardised and time first as the model takes them:
                (B, C, H, W) or (T, B, C, H, W). A modality may be missing.
            batch_size: clips of files that are classified together; None: 16. The last digits of a matrix product
                depend on it (logits differ by up to 2.4e-7 in networks of six methods); 1 gives those of one by one.

        Raises:
            ColliculusError: a file does not exist or none can be read.

        Example:
            >>> import colliculus as cl
            >>> small = {"data": {"num_train": 32, "num_test": 6, "size": 16}, "train": {"epochs": 1}}
            >>> run = cl.fit(cl.preset("late-fusion-synthetic", **small, method={"dim": 8}), progress=False)
            >>> found = run.predict({"audio": torch.zeros(4, 3, 1, 16, 16)})
            >>> [(clip.clip, clip.missing) for clip in found.predictions]
            [('0', ('visual',)), ('1', ('visual',)), ('2', ('visual',))]
        """
        self.remark_unfinished()
        if isinstance(clips, Mapping):
            found = FilePredictions(predict_tensors(self.model, clips, self.time_steps), {}, (), {})
        else:
            files = [Path(clips)] if isinstance(clips, Path | str) else [Path(clip) for clip in clips]
            start_early()  # before the model computes: PyTorch's threads would forbid it
            found = predict_files(files, self.run.reader(), self.model.modalities, self.classify_arrays, batch_size)
        return ClipPredictions(
            run=str(self.folder),
            modalities=self.model.modalities,
            predictions=tuple(found.predictions),
            unread=found.unread,
            notes=found.notes,
            skipped=found.skipped,
        )

    def classify_arrays(self, names: tuple[str, ...], arrays: Arrays) -> list[ClipPrediction]:
        """Classify raw arrays (B, ...) of B named clips, which may lack a modality, and explain each prediction."""
        return predict_arrays(self.model, names, arrays, self.time_steps, self.run.normalisation)


def open_run(
    run: TrainedRun | Path | str,
    device: str = "auto",
    *,
    data: Dataset | None = None,
    method: Method | None = None,
    precision: InferencePrecision | None = None,
) -> TrainedRun:
    """Open a run folder. In `import colliculus` this is `load`.

    Args:
        run: folder that `colliculus train --out` wrote, a run on the hub, "hf://owner/name", or the name of a
            pretrained one (see `pretrained`). A run that is open already is returned.
        device: "auto" (CUDA where present, else CPU; an open run stays where it is), "cpu", "cuda", or one GPU such as
            "cuda:0".
        data: data of a run that was trained on data given in Python; None loads the recorded ones.
        method: method of your own whose module is not imported; None makes the recorded one.
        precision: "fp32", "bf16" or "int8" (see `colliculus.evaluation.precision.in_precision`); None takes that of the
            training, or of an open run.

    Raises:
        ColliculusError: the folder is not a run folder, its `run.yaml` is damaged, or the device or precision is
            unknown or absent.

    Example:
        >>> import colliculus as cl
        >>> small = {"data": {"num_train": 32, "num_test": 6, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
        >>> run = cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False)
        >>> open_run(run.folder).experiment.data.name
        'synthetic'
    """
    if isinstance(run, TrainedRun):
        wanted = run.device if device == "auto" else choose_device(device)
        same = (wanted, precision or run.precision) == (run.device, run.precision)
        return run if same else replace(run, device=wanted, precision=precision or run.precision)
    folder = local_run(run)
    opened = read_run(folder, method)
    return TrainedRun(
        folder, opened, choose_device(device), data, precision or evaluated_in(opened.experiment.train.precision)
    )


def stored_part(dataset: Dataset, name: Part, run: TrainedRun | None = None) -> Split:
    """A part of `dataset` as it is stored, without augmentation.

    Args:
        dataset: loaded data.
        name: "test", "validation" or "train".
        run: the run to measure on it, if any.

    Raises:
        ColliculusError: the data have no validation part, or the run was trained on it (`train.refit`).
    """
    split: Split = getattr(dataset, name)
    if name == "validation":
        if not len(split):
            raise ColliculusError("the data have no validation part: choose another part, such as test")
        if run is not None and run.experiment.train.refit and dataset.fingerprint == run.run.fingerprint:
            raise ColliculusError(
                f"{run.folder} was trained on its validation part too (train.refit): choose another part, or take the"
                f" run in {run.folder / SELECTION_FOLDER}, which was not"
            )
    return split.split if isinstance(split, AugmentedSplit) else split


def check_spec(trained: DataSpec, given: DataSpec) -> None:
    """Check that data have the modalities, channels, sizes and classes that a model was trained on.

    Raises:
        ColliculusError: they differ.
    """
    known = trained.sizes  # a run imported from a reference checkpoint may know none
    kinds = {
        "modalities": (trained.modalities, given.modalities),
        "channels": (tuple(trained.channels.values()), tuple(given.channels.values())),
        "sizes": (tuple(known.values()), tuple(given.sizes.get(m) for m in known)),
        "classes": (trained.names, given.names if trained.class_names else given.numbers),
    }
    for kind, (ours, theirs) in kinds.items():
        if ours != theirs:
            raise ColliculusError(
                f"the run was trained on the {kind} {', '.join(map(str, ours))} and these data have "
                f"{', '.join(map(str, theirs))}: give data of the same kind, or train on these"
            )
