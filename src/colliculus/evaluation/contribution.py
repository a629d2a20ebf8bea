"""Contribution of each modality: Shapley values, accuracy alone and together, by time step, and without the exchange.

A model takes any of its modalities, so every subset S is measured and none is estimated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from colliculus.data.dataset import Dataset, DataSettings
from colliculus.evaluation.exchange.measure import measure_exchange
from colliculus.evaluation.exchange.record import ExchangeEffect
from colliculus.evaluation.passes import Pass, Passes, clip_shapley, clips_csv, measure_passes
from colliculus.evaluation.shapley import Subset, interaction, shapley, subsets
from colliculus.evaluation.trained_run import Part, TrainedRun, open_run, stored_part
from colliculus.figures import Bars, BarSeries, Lines, Panel, Series, figure
from colliculus.files.atomic import write_atomic
from colliculus.files.cache import Cache
from colliculus.files.documents import as_document
from colliculus.records import Table, Tables
from colliculus.records.console import percent, span
from colliculus.runs.identity import RunRecord
from colliculus.runs.metrics import wilson_interval
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class GivenModalities:
    """Performance of the model with some of its modalities.

    Args:
        modalities: given modalities.
        accuracy: accuracy over all clips.
        interval: its 95 % Wilson interval.
        probability: mean probability of the true class.
        step_accuracy: accuracy of the model when it runs for its first 1, 2, ... T steps only (the anytime curve, see
            `colliculus.evaluation.anytime`); empty where it was not measured.
    """

    modalities: tuple[str, ...]
    accuracy: float
    interval: tuple[float, float]
    probability: float
    step_accuracy: tuple[float, ...]


@dataclass(frozen=True)
class ClassContribution:
    """Contributions on the clips of one class.

    Args:
        name: name of the class.
        total: clips of the class.
        shapley: mean over the clips of each modality's Shapley value in the probability of the class; None without
            clips.
    """

    name: str
    total: int
    shapley: Mapping[str, float] | None


@dataclass(frozen=True, kw_only=True)
class Contribution(RunRecord):
    """Contribution of each modality of a trained run; `contribution/contribution.json` of a run folder.

    Args:
        time_steps: T of the model.
        total: clips.
        chance: 1 / K, the value of no modality.
        given: every subset of the model's modalities that is not empty, smaller ones first.
        shapley_accuracy: Shapley values of v(S) = accuracy; they sum to the accuracy minus `chance`.
        shapley_probability: Shapley values of v(S) = probability of the true class, mean over the clips.
        gain_over_best: accuracy of all modalities minus that of the best one alone.
        interaction: interaction of the accuracies, see `colliculus.evaluation.shapley`.
        by_class: contributions by class, K.
        exchange: effect of the exchange between the modalities; None for a single modality, and in records of earlier
            versions.
    """

    time_steps: int
    total: int
    chance: float
    given: tuple[GivenModalities, ...]
    shapley_accuracy: Mapping[str, float]
    shapley_probability: Mapping[str, float]
    gain_over_best: float
    interaction: float
    by_class: tuple[ClassContribution, ...]
    exchange: ExchangeEffect | None = None
    FILE: ClassVar[str] = "contribution/contribution.json"

    @classmethod
    def from_dict(cls, plain: object) -> Self:
        """The inverse of `to_dict`; it also reads records of version 0.1."""
        found = as_document(plain)
        if "contribution" in found:
            inner = as_document(found.pop("contribution"))
            found = {**inner, "by_class": inner.get("classes"), **found}
        return super().from_dict(found)

    def table(self) -> Tables:
        """Performance with each subset of the modalities, Shapley values, and the effect of the exchange."""
        effect = self.exchange.tables() if self.exchange else ()
        return Tables((*self.subset_tables(), *effect))

    def subset_tables(self) -> Tables:
        """The tables without the exchange."""
        return Tables((self._given_table(), self._shapley_table()))

    def figure(self) -> Figure:
        """Shapley values, and accuracy by time step."""
        return figure(self.panels(), title=f"{self.preset}: contribution")

    def panels(self) -> Sequence[Panel]:
        """The panels of `figure`."""
        modalities = self.given[-1].modalities
        of_accuracy = [100 * self.shapley_accuracy[m] for m in modalities]
        of_probability = [100 * self.shapley_probability[m] for m in modalities]
        shares = [BarSeries(name="accuracy", values=of_accuracy), BarSeries(name="probability", values=of_probability)]
        followed = [
            Series(
                name=" + ".join(one.modalities),
                x=range(1, len(one.step_accuracy) + 1),
                y=[100 * x for x in one.step_accuracy],
                colour=1 + i if len(one.modalities) == 1 < len(modalities) else 0,
            )
            for i, one in enumerate(self.given)
            if one.step_accuracy
        ]
        return (
            Bars(names=modalities, series=shares, title="Shapley values", xlabel="points beyond chance"),
            Lines(
                series=followed,
                title="Accuracy by time step",
                xlabel="time steps run",
                ylabel="accuracy, %",
                low=0,
                high=100,
                levels=[(100 * self.chance, "chance")],
                whole=True,
            ),
        )

    def _given_table(self) -> Table:
        rows = [
            (
                " + ".join(one.modalities),
                percent(one.accuracy),
                span(one.interval),
                percent(one.probability),
                " ".join(f"{100 * x:.1f}" for x in one.step_accuracy) or "-",
            )
            for one in self.given
        ]
        headings = ("given", "accuracy", "95 % interval", "probability", "% by step")
        note = (
            "Probability: of the true class. By step: accuracy of the same network run for its first 1, 2, ... steps "
            "only; where streams are aligned in time, later steps count as zero."
        )
        return Table.of(f"Given some modalities ({self.total:,} clips)", headings, rows, (note,))

    def _shapley_table(self) -> Table:
        rows = [
            (m, f"{100 * self.shapley_accuracy[m]:+.1f}", f"{100 * self.shapley_probability[m]:+.1f}")
            for m in self.given[-1].modalities
        ]
        note = (
            f"Together {100 * self.gain_over_best:+.1f} points over the best alone; interaction "
            f"{100 * self.interaction:+.1f} (above 0 they complement each other, below 0 they overlap)"
        )
        headings = ("modality", "of the accuracy, points", "of the probability, points")
        title = f"Shapley values, beyond chance ({percent(self.chance)})"
        return Table.of(title, headings, rows, (note,) if len(rows) > 1 else ())

    def class_table(self) -> Table:
        """Shapley value of each modality on the clips of each class."""
        modalities = self.given[-1].modalities
        rows = [
            (
                one.name,
                f"{one.total:,}",
                *("-" if one.shapley is None else f"{100 * one.shapley[m]:+.1f}" for m in modalities),
            )
            for one in self.by_class
        ]
        title = "By class: Shapley value in the probability of the class, points, mean over its clips"
        return Table.of(title, ("class", "clips", *modalities), rows)


def contribution(
    run: TrainedRun | Path | str,
    *,
    data: DataSettings | Dataset | None = None,
    split: Part = "test",
    clips: int = 128,
    device: str = "auto",
) -> Contribution:
    """Measure the contribution of each modality by giving the model every subset of them, and that of their exchange.

    The exchange is zeroed and shuffled, its residual compared with the tokens, and the pull of each loss term on it
    measured; the network is compared with the sum of its modalities that is closest to it (EMAP).

    The noise of the training is kept. The folder `contribution` of the run gets `contribution.json`, and `clips.csv`
    with a row per clip. Finished passes are kept in it, so an interrupted measurement goes on where it stopped.

    Args:
        run: trained run or its folder.
        data: settings of the data or loaded data; None takes the run's own.
        split: part of the data.
        clips: clips of the part that EMAP pairs in every way, so that fusion and head run on `clips`**2 pairings; with
            M modalities `clips`**(2 / M) of them are paired. 0 leaves EMAP out.
        device: as in `open_run`.

    Raises:
        ColliculusError: the model cannot take these data, it has too many modalities, or `clips` is 1 or negative.

    Example:
        >>> import colliculus as cl
        >>> small = {"data": {"num_train": 32, "num_test": 6, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
        >>> found = contribution(cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False))
        >>> [one.modalities for one in found.given], len(found.given[0].step_accuracy)
        ([('audio',), ('visual',), ('audio', 'visual')], 4)
        >>> round(sum(found.shapley_accuracy.values()) + found.chance - found.given[-1].accuracy, 9)
        0.0
    """
    if clips < 0 or clips == 1:
        raise ColliculusError(f"clips is {clips}: give at least 2, or 0 to leave EMAP out")
    trained = open_run(run, device, precision="fp32")
    dataset = trained.load(data)
    part = stored_part(dataset, split, trained)
    about: dict[str, Any] = trained.about(dataset, split) | {"time_steps": trained.time_steps}
    path = trained.folder / Contribution.FILE
    passes = measure_passes(trained, part, Cache(path.with_name("subsets"), about))
    kept, train = Cache(path.with_name("exchange"), about), stored_part(dataset, "train")
    found = summarise(passes, part.labels, about, measure_exchange(trained, part, train, clips, kept))
    write_atomic(path.with_name("clips.csv"), clips_csv(passes, part.labels, len(found.classes)))
    found.save(path)
    return found


def summarise(
    passes: Passes, labels: NDArray[np.int64], about: Mapping[str, Any], exchange: ExchangeEffect | None = None
) -> Contribution:
    """Contributions from passes of every subset that is not empty; `about` holds the fields of the record up to T."""
    names: Sequence[str] = about["classes"]
    modalities = [m for m in about["modalities"] if m in max(passes, key=len)]  # a model may use some of them
    chance = 1 / len(names)
    clips = clip_shapley(passes, len(names))
    given = tuple(_given(modalities, s, passes[s], labels) for s in subsets(modalities))
    values = {frozenset[str](): np.asarray(chance)}
    values |= {frozenset(g.modalities): np.asarray(g.accuracy) for g in given}
    share = shapley(values)
    return Contribution(
        **about,
        total=len(labels),
        chance=chance,
        given=given,
        shapley_accuracy={m: float(share[m]) for m in modalities},
        shapley_probability={m: float(clips[m].mean()) for m in modalities},
        gain_over_best=given[-1].accuracy - max(g.accuracy for g in given if len(g.modalities) == 1),
        interaction=float(interaction(values)),
        by_class=tuple(
            ClassContribution(
                name=name,
                total=int((mine := labels == k).sum()),
                shapley={m: float(clips[m][mine].mean()) for m in modalities} if mine.any() else None,
            )
            for k, name in enumerate(names)
        ),
        exchange=exchange,
    )


def _given(
    modalities: Sequence[str], subset: Subset, by_step: Sequence[Pass], labels: NDArray[np.int64]
) -> GivenModalities:
    correct = int((by_step[-1].predicted == labels).sum())
    early = tuple(float((one.predicted == labels).mean()) for one in by_step)
    return GivenModalities(
        modalities=tuple(m for m in modalities if m in subset),
        accuracy=correct / len(labels),
        interval=wilson_interval(correct, len(labels)),
        probability=float(by_step[-1].probability.mean()),
        step_accuracy=early if len(subset) in (1, len(modalities)) else (),
    )
