"""What alignment and balance do where the answer is known: the synthetic set with a lag, or with a dominant modality.

    python benchmarks/controlled.py

trains every condition with every seed (skips what is done), writes OUT/lag.csv, OUT/dominance.csv and
OUT/controlled.png, and prints tables with 95 % intervals over the seeds, of accuracies and of differences seed by seed.

Lag: audio follows the images by 0 to 4 of 10 steps, the first event beginning at one of the same two moments; TAAF
(our reading) with each alignment, S-CMRL and the first edition of Tectum, none balanced, AdamW. Dominance: the sound's
signal has 1/1 to 1/4 of the amplitude of the images', under the same noise; late fusion, TAAF and Tectum, without and
with balances, SGD with momentum. All have own heads of each modality, the same neurons, label smoothing and budget;
"alone" is what a modality's own head says. All other readings of TAAF: readings.py.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import log10, nan
from pathlib import Path
from statistics import mean
from typing import Any

import torch
import tyro
from study import Tables, side_by_side

from colliculus.data.synthetic import Synthetic
from colliculus.evaluation.significance import student_interval
from colliculus.fusion import AlignmentName
from colliculus.methods import SCMRL, TAAF, FirstTectum, LateFusion
from colliculus.methods.spiking_transformer import SpikingTransformer
from colliculus.modulation import Balance, BalanceName
from colliculus.neurons import NeuronSettings
from colliculus.runs.experiment import Experiment, TrainSettings
from colliculus.training.fit import fit

LAGS = (0, 1, 2, 3, 4)
RATIOS = (1, 2, 3, 4)
STEPS = 10
FIGURES = {"joint": "test accuracy", "audio": "audio alone", "visual": "visual alone"}


@dataclass(frozen=True, kw_only=True)
class Settings(Tables):
    """Train every condition."""

    out: Path = Path("runs/controlled")
    """Folder of the runs, tables and chart."""
    seeds: int = 8
    """Trainings of each condition; the seed decides data, initial weights and order."""
    jobs: int = 2
    """Trainings at once, each on one thread."""


@dataclass(frozen=True)
class Trial:
    """One training: a point of a study, and what to train there."""

    study: str
    value: int
    method: str
    seed: int
    experiment: Experiment[Any, Any]

    @property
    def name(self) -> str:
        """Of its folder."""
        return re.sub(r"[^\w]+", "-", f"{self.study}{self.value} {self.method} {self.seed}")


def clips(seed: int, **changes: Any) -> Synthetic:
    """Small clips; noise as strong as the images' signal."""
    sizes = {"num_train": 480, "num_validation": 120, "num_test": 480}
    settings = {"size": 16, "steps": STEPS, "visual_snr_db": 0.0, "audio_snr_db": 0.0, **sizes, **changes}
    return Synthetic(seed=seed, **settings)


SHARED: dict[str, Any] = {
    "dim": 16,
    "encoder": "shallow",
    "time_steps": STEPS,
    "label_smoothing": 0.0,
    "neuron": NeuronSettings(temporal_gradient=True),
}


def late_fusion(kind: BalanceName) -> SpikingTransformer:
    """Late fusion by concatenation, with heads of each modality."""
    return LateFusion(**SHARED, fusion="concat", unimodal_loss=1.0, balance=Balance(kind=kind))


def taaf(kind: BalanceName, alignment: AlignmentName = "conv") -> SpikingTransformer:
    """TAAF as it was by default when the tables were made; "scores" is its own balance."""
    return TAAF(**SHARED, regulariser="none", alignment=alignment, balance=Balance(kind=kind))


def tectum(kind: BalanceName) -> SpikingTransformer:
    """The first edition of Tectum; "scores" is its own balance."""
    return FirstTectum(**SHARED, heads=4, alpha=0.25, balance=Balance(kind=kind))


LAGGED: dict[str, SpikingTransformer] = {
    "TAAF, identity": taaf("none", "identity"),
    "TAAF, conv": taaf("none"),
    "TAAF, warp": taaf("none", "warp"),
    "TAAF, warp by the clip": taaf("none", "clip-warp"),
    "S-CMRL": SCMRL(**SHARED, heads=4, alpha=0.25, fusion="concat", unimodal_loss=1.0),
    "Tectum": tectum("none"),
}
BALANCES: dict[str, SpikingTransformer] = {
    "late fusion": late_fusion("none"),
    "late fusion, OGM-GE": late_fusion("ogm-ge"),
    "late fusion, AGM": late_fusion("agm"),
    "TAAF without balance": taaf("none"),
    "TAAF, OGM-GE": taaf("ogm-ge"),
    "TAAF (our reading)": taaf("scores"),
    "Tectum without balance": tectum("none"),
    "Tectum": tectum("scores"),
}
ALIGNED_OVER = [
    ("TAAF, conv", "TAAF, identity"),
    ("TAAF, warp", "TAAF, identity"),
    ("TAAF, warp by the clip", "TAAF, identity"),
    ("Tectum", "S-CMRL"),
    ("Tectum", "TAAF, conv"),
]
BALANCED_OVER = [
    ("late fusion, OGM-GE", "late fusion"),
    ("late fusion, AGM", "late fusion"),
    ("TAAF, OGM-GE", "TAAF without balance"),
    ("TAAF (our reading)", "TAAF without balance"),
    ("Tectum", "Tectum without balance"),
]
OVER_LATE_FUSION = [("TAAF (our reading)", "late fusion"), ("Tectum", "late fusion")]
"""What is compared seed by seed: the first with the second."""
ADAMW = TrainSettings(epochs=10, batch_size=32, warmup_epochs=1, learning_rate=4e-3, device="cpu")
SGD = replace(ADAMW, optimizer="sgd", learning_rate=0.1, final_learning_rate=1e-3, epochs=15)


def experiment(method: SpikingTransformer, data: Synthetic, train: TrainSettings, seed: int) -> Experiment[Any, Any]:
    """The seed decides initial weights and order."""
    return Experiment(method=method, data=data, train=replace(train, seed=seed), preset="controlled")


def trials(seeds: int) -> Iterator[Trial]:
    """All trainings of both studies."""
    for seed in range(seeds):
        for lag in LAGS:
            data = clips(seed, lag=lag, onsets=2)
            for name, method in LAGGED.items():
                yield Trial("lag", lag, name, seed, experiment(method, data, ADAMW, seed))
        for ratio in RATIOS:
            data = clips(seed, audio_snr_db=-20 * log10(ratio))
            for name, method in BALANCES.items():
                yield Trial("dominance", ratio, name, seed, experiment(method, data, SGD, seed))


def run(trial: Trial, out: Path) -> dict[str, float]:
    """Train, if that is not done yet; the test's accuracies in percent."""
    torch.set_num_threads(1)
    test = fit(trial.experiment, out=out / trial.name, resume=True, progress=False).result.test
    return {"joint": 100 * test.accuracy, **{m: 100 * accuracy for m, accuracy in test.modality_accuracy.items()}}


def interval(values: Sequence[float]) -> float:
    """Half the width of the 95 % interval of the mean (Student's t); unknown of one value."""
    return student_interval(values)[1] - mean(values) if len(values) > 1 else nan


Found = dict[tuple[str, int, str], list[dict[str, float]]]
"""By study, value and method: the figures of every seed."""


def write_csv(found: Found, study: str, path: Path) -> None:
    """A row for every training."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([study, "method", "seed", *FIGURES])
        for (of, value, method), results in found.items():
            if of == study:
                writer.writerows([value, method, seed, *(r[f] for f in FIGURES)] for seed, r in enumerate(results))


def table(found: Found, study: str, methods: Iterable[str], figure: str) -> Iterator[str]:
    """Mean and 95 % interval: a row for every value, a column for every method."""
    values, methods = sorted({value for of, value, _ in found if of == study}), list(methods)
    yield f"| {study}, {FIGURES[figure]}, % | " + " | ".join(methods) + " |"
    yield "|---|" + "---|" * len(methods)
    for value in values:
        columns = [[r[figure] for r in found[study, value, method]] for method in methods]
        yield f"| {value} | " + " | ".join(f"{mean(c):.1f} ± {interval(c):.1f}" for c in columns) + " |"


def differences(found: Found, study: str, pairs: Iterable[tuple[str, str]], figure: str) -> Iterator[str]:
    """The same of what the first method of each pair has over the second, seed by seed, in points."""
    gains: Found = {
        (study, value, f"{method} over {other}"): [
            {figure: r[figure] - o[figure]}
            for r, o in zip(found[study, value, method], found[study, value, other], strict=True)
        ]
        for method, other in pairs
        for value in sorted({value for of, value, _ in found if of == study})
    }
    yield from table(gains, study, [f"{method} over {other}" for method, other in pairs], figure)


def draw(found: Found, path: Path) -> None:
    """Accuracy over lag; joint and weak modality's own accuracy over dominance."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    panels = [("lag", LAGGED, "joint"), ("dominance", BALANCES, "joint"), ("dominance", BALANCES, "audio")]
    figure, axes = plt.subplots(1, len(panels), figsize=(13, 5.2), layout="constrained")
    for axis, (study, methods, of) in zip(axes, panels, strict=True):
        for shift, method in enumerate(methods):
            points = sorted(value for s, value, m in found if (s, m) == (study, method))
            columns = [[r[of] for r in found[study, value, method]] for value in points]
            axis.errorbar(
                [p + 0.06 * (shift - len(methods) / 2) for p in points],
                [mean(c) for c in columns],
                [interval(c) for c in columns],
                label=method,
                marker="o",
                capsize=3,
            )
        axis.set_xlabel("lag of the audio, steps" if study == "lag" else "amplitude of the images over the audio's")
        axis.set_xticks(sorted({value for s, value, _ in found if s == study}))
        axis.set_title(f"{study}: {FIGURES[of]}, %")
        if of == "joint":  # the third panel has the methods of the second
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False)
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def main(settings: Settings) -> None:
    """Train, write and print."""
    todo = list(trials(settings.seeds))
    results = side_by_side(run, todo, settings.out, settings.jobs)
    found: Found = {}
    for trial, result in zip(todo, results, strict=True):
        found.setdefault((trial.study, trial.value, trial.method), []).append(result)
    for study in ("lag", "dominance"):
        write_csv(found, study, settings.out / f"{study}.csv")
    draw(found, settings.out / "controlled.png")
    settings.publish("lag", table(found, "lag", LAGGED, "joint"))
    settings.publish("lag, differences", differences(found, "lag", ALIGNED_OVER, "joint"))
    for figure in FIGURES:
        settings.publish(f"dominance, {figure}", table(found, "dominance", BALANCES, figure))
    for figure in ("joint", "audio"):
        settings.publish(f"dominance, differences of {figure}", differences(found, "dominance", BALANCED_OVER, figure))
    settings.publish("dominance, over late fusion", differences(found, "dominance", OVER_LATE_FUSION, "joint"))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
