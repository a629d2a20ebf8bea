"""Metrics and predictions of a trained model on one part of the data, on any number of ranks."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from colliculus.corpus.sample import Sample
from colliculus.data.dataset import Dataset, DataSettings, Normalisation, Split
from colliculus.data.noise import SnrOf, in_words, white_noise
from colliculus.data.user_data import as_split
from colliculus.evaluation.inference import classify
from colliculus.evaluation.precision import in_precision
from colliculus.evaluation.trained_run import Part, TrainedRun, check_spec, open_run, stored_part
from colliculus.figures import confusion, figure
from colliculus.model import MultimodalSNN
from colliculus.records import Record, Table, Tables
from colliculus.records.console import accuracy, percent
from colliculus.runs.kept_predictions import Condition, read_predictions, write_predictions
from colliculus.runs.metrics import Metrics
from colliculus.runs.predictions import Predictions
from colliculus.runtime import InferencePrecision, Runtime, choose_device, evaluated_in
from colliculus.types import ColliculusError, unknown_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch.utils.data import Dataset as TorchDataset

MISTAKES_SHOWN = 5
BATCH_SIZE = 128
"""Samples of a forward pass for a model that comes without its training settings."""


@dataclass(frozen=True, kw_only=True)
class Evaluation(Record):
    """Metrics of a part of the data, and the prediction for each of its clips.

    Args:
        run: run folder; empty for a model without one, as are the preset, the method and `trained_on`.
        preset: name of the experiment the run started from.
        method: name of the method.
        dataset: name of the dataset; empty for data of your own.
        protocol: how the data were split.
        split: evaluated part.
        snr_db: noise: modality and signal-to-noise ratio in dB.
        noise_seed: seed of the noise.
        missing: withheld modalities.
        precision: precision of the network.
        snr_of: input whose power the ratios refer to.
        fingerprint: digest of the evaluated data.
        trained_on: digest of the training's data.
        metrics: accuracy, macro-F1, confusion matrix and metrics per class.
        predictions: predictions in the order of the split.
    """

    run: str
    preset: str
    method: str
    dataset: str
    protocol: str
    split: str
    snr_db: Mapping[str, float]
    noise_seed: int
    missing: tuple[str, ...]
    fingerprint: str
    trained_on: str
    metrics: Metrics
    predictions: Predictions
    precision: InferencePrecision = "fp32"
    snr_of: SnrOf = "standardised"

    def table(self) -> Tables:
        """The evaluation as a whole, the metrics per class, and the most frequent mistakes if any."""
        mistakes = self.metrics.mistakes(MISTAKES_SHOWN)
        return Tables([self._summary(), self.metrics.class_table(self.split), *([mistakes] if mistakes else [])])

    def figure(self) -> Figure:
        """Confusion matrix."""
        return figure([confusion(self.metrics.confusion, self.predictions.names)])

    def _summary(self) -> Table:
        metrics = self.metrics
        noise = ", ".join(in_words(self.snr_db, self.snr_of))
        facts = {
            "run": f"{self.run}  ({self.preset})" if self.run else "",
            "data": ", ".join(part for part in (self.dataset, self.protocol, f"{self.split} split") if part),
            "noise": noise,
            "missing": ", ".join(self.missing),
            "precision": "" if self.precision == "fp32" else self.precision,
            "accuracy": accuracy(metrics.accuracy, metrics.interval, metrics.correct, metrics.total),
            "macro-F1": percent(metrics.macro_f1),
        }
        return Table.facts("Evaluation", {name: text for name, text in facts.items() if text})


def evaluate(
    run: TrainedRun | MultimodalSNN | Path | str,
    data: DataSettings | Dataset | Split | TorchDataset[Any] | Iterable[Any] | None = None,
    *,
    split: Part = "test",
    snr_db: Mapping[str, float] | None = None,
    snr_of: SnrOf = "standardised",
    missing: tuple[str, ...] = (),
    noise_seed: int = 0,
    batch_size: int | None = None,
    device: str = "auto",
    precision: InferencePrecision | None = None,
) -> Evaluation:
    """Classify every clip of a part of the data and measure accuracy, macro-F1 and metrics per class.

    Predictions for a run's own test part are kept in its folder. Under `torchrun`, a run given by its path is evaluated
    by all processes together.

    Args:
        run: trained run, its folder, or a model.
        data: settings of a dataset, a loaded dataset, a split, or a `torch.utils.data.Dataset` or iterable of
            `(inputs, labels)` (see `colliculus.data.user_data.as_split`). None evaluates a run on its own data.
        split: part of a dataset; data that are a split or an iterable are taken whole.
        snr_db: Gaussian noise: modality and signal-to-noise ratio in dB. None keeps the noise of the training, if any;
            {} is clean.
        snr_of: input whose power `snr_db` refers to: "standardised", as the network gets it, or "raw", before it is
            standardised. The noise of the training keeps its own.
        missing: modalities to withhold from the model.
        noise_seed: seed of the noise.
        batch_size: samples of a forward pass; None takes that of the training.
        device: "auto" (CUDA where present, else CPU; a model or an open run stays where it is), "cpu", "cuda", or one
            GPU such as "cuda:0".
        precision: "fp32", "bf16" or "int8" (see `colliculus.evaluation.precision.in_precision`); None takes that of the
            training, or of a model or an open run.

    Raises:
        ColliculusError: the model cannot take these data or this precision, a modality is unknown or all are missing,
            the split is empty, the logits are not finite, or `snr_of` is changed without `snr_db` or where the raw
            power is not known.

    Example:
        >>> from colliculus import LateFusion
        >>> from colliculus.data.synthetic import Synthetic
        >>> data = Synthetic(num_classes=2, num_train=4, num_validation=4, num_test=6, size=8, steps=2)
        >>> model = LateFusion(dim=8, encoder="shallow", time_steps=2).model(data.load().spec)
        >>> found = evaluate(model, data, snr_db={"audio": 0.0}, missing=("visual",))
        >>> found.metrics.total, found.predictions.probabilities.shape, found.missing
        (6, (6, 2), ('visual',))
    """
    condition = Condition(dict(snr_db or {}), missing, snr_of)
    with _started(run, device) as runtime:
        if isinstance(run, MultimodalSNN):
            trained, model = None, in_precision(run.to(runtime.device), precision or run.precision)
        else:
            trained = open_run(run, str(runtime.device), precision=precision)
            trained.remark_unfinished()
            model = trained.model
        tested, clips, normalisation, origin = runtime.main_first(lambda: _data(trained, model, data, split))
        learned = Condition() if trained is None else Condition.of(trained.run)
        if snr_db is None:
            condition = replace(learned, missing=missing)
        if unknown := [m for m in condition.snr_db if m not in model.modalities and m not in learned.snr_db]:
            raise unknown_name("modality", unknown[0], model.modalities)
        predictions = classify(
            model,
            tested,
            batch_size=batch_size or (BATCH_SIZE if trained is None else trained.experiment.train.batch_size),
            corruption=white_noise(condition.snr_db, condition.snr_of, normalisation, noise_seed),
            missing=missing,
            collective=runtime,
        )
        found = Evaluation(
            run="" if trained is None else str(trained.folder),
            preset="" if trained is None else trained.run.preset,
            method="" if trained is None else trained.experiment.method.name,
            trained_on="" if trained is None else trained.run.fingerprint,
            **origin,
            split=split,
            snr_db=condition.snr_db,
            snr_of=condition.snr_of,
            noise_seed=noise_seed,
            missing=missing,
            metrics=Metrics.of(predictions),
            predictions=predictions,
            precision=model.precision,
        )
        own = found.fingerprint and found.fingerprint == found.trained_on
        as_trained = trained is not None and model.precision == evaluated_in(trained.experiment.train.precision)
        if trained is not None and own and as_trained and split == "test" and noise_seed == 0 and runtime.is_main:
            write_predictions(trained.folder, trained.run, condition, predictions, clips)
        return found


def predictions_of(
    run: TrainedRun | Path | str, condition: Condition | None = None, *, device: str = "auto"
) -> Predictions:
    """Predictions of a run for its own test clips: the kept ones, else measured now and kept.

    Args:
        run: trained run or its folder.
        condition: noise and missing modalities; None takes the condition the run was tested under.
        device: device to measure on, if nothing is kept.

    Raises:
        ColliculusError: the data of the run are absent or have changed, or the condition names an unknown modality.
    """
    trained = open_run(run, device)
    condition = condition or Condition.of(trained.run)
    kept = read_predictions(trained.folder, trained.run, condition)
    if kept is not None:
        return kept
    if trained.data.fingerprint != trained.run.fingerprint:
        raise ColliculusError(f"the data of {trained.folder} are not those of its training: restore them")
    found = evaluate(trained, snr_db=condition.snr_db, snr_of=condition.snr_of, missing=condition.missing)
    return found.predictions


@contextmanager
def _started(run: TrainedRun | MultimodalSNN | Path | str, device: str) -> Generator[Runtime]:
    """The processes and the device: those of `torchrun` for a path, else this process and where the model is."""
    if isinstance(run, Path | str):
        with Runtime.start(device=device) as runtime:
            yield runtime
        return
    here = run.device if isinstance(run, TrainedRun) else next(run.parameters()).device
    yield Runtime(device=here if device == "auto" else choose_device(device))


def _data(
    run: TrainedRun | None,
    model: MultimodalSNN,
    data: DataSettings | Dataset | Split | TorchDataset[Any] | Iterable[Any] | None,
    part: Part,
) -> tuple[Split, Sequence[Sample], Normalisation, dict[str, str]]:
    """The samples to evaluate, their clips where they are files, their normalisation, and origin of the dataset."""
    if data is None and run is None:
        raise ColliculusError("a model has no data of its own: give `data`")
    if not (data is None or isinstance(data, Dataset) or hasattr(data, "load")):
        known = Normalisation({}, {}) if run is None else run.run.normalisation
        return as_split(data, model.spec), (), known, dict.fromkeys(("dataset", "protocol", "fingerprint"), "")
    given = cast("DataSettings | Dataset", data)
    if run is None:
        dataset = given if isinstance(given, Dataset) else given.load()
        check_spec(model.spec, dataset.spec)
    else:
        dataset = run.load(None if data is None else given)
    name = getattr(run.experiment.data if data is None and run else data, "name", "")
    return (
        stored_part(dataset, part, run),
        dataset.samples.get(part, ()),
        dataset.normalisation,
        {
            "dataset": name,
            "protocol": dataset.protocol,
            "fingerprint": dataset.fingerprint,
        },
    )
