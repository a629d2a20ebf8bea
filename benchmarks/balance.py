"""Balances by their authors' recipes, each against the same training without it, where one modality is dominant.

    python benchmarks/balance.py --data-root FOLDER

The plan, written before any of it is run:

- Method: late fusion by concatenation, the network of most of the papers, on AV-Digits with white noise of -4 dB on
  the images in training (drawn anew each epoch), validation and test, and none on the sound, which is then dominant.
  Inputs are 16x16, so that so many epochs can be trained. An image of 32x32 has four times as many pixels to average
  over, which is 6 dB: there the same noise is -10 dB.
- Seven recipes of `colliculus show recipes`, each with its optimiser, schedule, own heads, and start and end. Its twin
  has all of these and no balance. Recipes with the same training and heads share a twin. The recipes of G-Blending and
  OPM are left out, for their time.
- All epochs of a recipe are multiplied by --share, 0.3: its own, those of a step, the window of MSLR, and those in
  which it acts. Fractions are rounded up, so that an epoch in which it acts in part is one in which it acts: IEMF,
  which begins after 60 of 100, acts from epoch 19 of 30. One number stays: LFM halves the step size of its weight every
  20 epochs.
- The learning rate is 8e-3 in all recipes, eight times that of OGM-GE: 30 epochs of AV-Digits are 1,140 steps, where an
  author's data give 10,000 and more. At the published rates, 1e-4 to 5e-3, few of the networks would learn in so many.
  Two trainings without a balance (seed 100, 50 epochs, validation alone) led to it: at 8e-3 the network had 94.7 %, at
  8e-4 38.3 %. Two trainings of OGM-GE and AGM at the published rates were cut off before, the first at 39 % on
  validation after 33 of 50 epochs.
- Ten seeds, which decide initial weights and order. The epoch is chosen on validation, and tested once. With six seeds
  the smallest p of a permutation of signs is 2 / 64 = 0.03, which times seven balances can never fall below 0.05; with
  ten it is 2 / 1024.
- Primary comparison: the test accuracy of OGM-GE against its twin, seed by seed, by permutation of signs; level 0.05.
- Secondary: the same for every other balance, and the accuracy of the images' own predictions for all, with p-values
  by Holm over all balances and 95 % intervals of Student. A balance "helps" where the first p-value is below 0.05.

It trains what is not trained (resumes what was cut off) and prints the table of RESULTS.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import tyro
from study import Study, markdown, result, spread

from colliculus.evaluation.significance import holm, permutation, student_interval
from colliculus.modulation import MSLRSettings
from colliculus.runs.recipes import recipe_changes

METHOD = "late-fusion-concat-av-digits"
COMPARED = ("ogm-ge", "agm", "pmr", "mslr", "iemf", "lfm", "mm-pareto")
WEAK = "visual"


@dataclass(frozen=True, kw_only=True)
class Settings(Study):
    """Train and test every recipe and its twin."""

    out: Path = Path("runs/balance")
    """Folder of the runs."""
    seeds: int = 10
    """Trainings of each recipe and of each twin."""
    snr_db: float = -4.0
    """White noise on the images."""
    size: int = 16
    """Height and width of the inputs."""
    share: float = 0.3
    """Fraction of the published epochs."""
    learning_rate: float = 8e-3
    """Learning rate in all recipes."""


_COUNTS = ("train.epochs", "train.step_epochs", ".last_epoch", ".window")
_BY_DEFAULT = {"mslr": {"method.balance.mslr.window": MSLRSettings.window}}
"""Counts of epochs that a recipe takes from the defaults of its balance."""


def shortened(changes: Mapping[str, Any], share: float) -> dict[str, Any]:
    """Changes of a recipe with all counts of epochs multiplied, rounded up.

    A first epoch is one more than the number of epochs before it; this number is multiplied, and rounded down.

    Example:
        >>> shortened({"train.epochs": 100, "train.step_epochs": 70, "method.balance.pmr.last_epoch": 101}, 0.5)
        {'train.epochs': 50, 'train.step_epochs': 35, 'method.balance.pmr.last_epoch': 51}
        >>> shortened({"method.balance.iemf.first_epoch": 61}, 0.5)
        {'method.balance.iemf.first_epoch': 31}
    """

    def scaled(key: str, value: Any) -> Any:
        if key.endswith(".first_epoch"):
            return 1 + int(round(share * (value - 1), 6))
        return max(1, ceil(round(share * value, 6))) if key.endswith(_COUNTS) else value

    return {key: scaled(key, value) for key, value in changes.items()}


def trained_as(name: str, settings: Settings, *, balanced: bool) -> dict[str, Any]:
    """Settings of the training of a recipe, or of its twin."""
    changes = recipe_changes(name, balanced=balanced) | (_BY_DEFAULT.get(name, {}) if balanced else {})
    return shortened(changes, settings.share) | {
        "train.learning_rate": settings.learning_rate,
        "train.snr_db": {WEAK: settings.snr_db},
        "data.size": settings.size,
    }


def twins(settings: Settings) -> dict[str, str]:
    """The first recipe with the same training and heads, for each recipe; its twin stands for both."""
    plain = {name: trained_as(name, settings, balanced=False) for name in COMPARED}
    return {name: next(first for first in plain if plain[first] == plain[name]) for name in COMPARED}


def accuracies(folders: Sequence[Path]) -> tuple[list[float], list[float]]:
    """Test accuracy of runs and of the weak modality alone, in percent."""
    found = [result(folder).test for folder in folders]
    return [100 * one.accuracy for one in found], [100 * one.modality_accuracy[WEAK] for one in found]


def table(with_balance: Mapping[str, Sequence[Path]], without: Mapping[str, Sequence[Path]]) -> list[str]:
    """A row for every recipe, with its differences to its twin seed by seed."""
    rows: list[dict[str, str]] = []
    p_values: list[list[float]] = []
    for name, folders in with_balance.items():
        row, p = {"recipe": name}, list[float]()
        pairs = zip(accuracies(folders), accuracies(without[name]), strict=True)
        for figure, (ours, theirs) in zip(("test accuracy, %", f"{WEAK} alone, %"), pairs, strict=True):
            differences = [a - b for a, b in zip(ours, theirs, strict=True)]
            low, high = student_interval(differences)
            row |= {figure: spread(ours), f"{figure}, without": spread(theirs)}
            row |= {f"{figure}, difference": f"{spread(differences)} ({low:.1f} to {high:.1f})"}
            p.append(permutation(differences))
        rows.append(row)
        p_values.append(p)
    for figure, column in enumerate(zip(*p_values, strict=True)):
        heading = ("p", "p alone")[figure]
        for row, p, adjusted in zip(rows, column, holm(column), strict=True):
            row[heading], row[f"{heading}, Holm"] = f"{p:.3f}", f"{adjusted:.3f}"
    return markdown(rows)


def main(settings: Settings) -> None:
    """Train what is not trained, then write the table."""
    shared = twins(settings)
    balanced = {n: settings.variant(n, METHOD, trained_as(n, settings, balanced=True)) for n in COMPARED}
    plain = {
        first: settings.variant(f"trained as {first}", METHOD, trained_as(first, settings, balanced=False))
        for first in dict.fromkeys(shared.values())
    }
    runs = settings.train([*balanced.values(), *plain.values()])
    with_balance = {name: runs[variant.name] for name, variant in balanced.items()}
    without = {name: runs[plain[first].name] for name, first in shared.items()}
    settings.publish("balance", table(with_balance, without))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
