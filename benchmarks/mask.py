"""Accuracy and energy of the exchanges that can be deployed: a mask in place of attention, and a causal branch.

    python benchmarks/mask.py --data-root FOLDER --into RESULTS.md

The plan, written before any of it is run:

- S-CMRL and Tectum, each with its attention and with the mask; S-CMRL with a causal temporal branch, which may stream
  without end; and late fusion as what is there without an exchange. All else is as in their presets.
- White noise of -10 dB on both modalities in training, validation and test, because without noise all methods are near
  100 %; `--snr-db none` leaves it out.
- Ten seeds, which decide initial weights and order. The epoch is chosen on validation, and tested once.
- Primary comparison: the test accuracy of S-CMRL with the mask against S-CMRL with attention, seed by seed. The mask
  becomes a preset if its mean is at most one point lower. The same for Tectum, and the causal branch, are secondary.
- Every network with a mask goes to NIR, where no spike may differ (`colliculus export RUN --to nir`).

It trains what is not trained (resumes what was cut off) and prints the table of RESULTS.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import tyro
from study import Study, markdown, result, spread

from colliculus.evaluation.energy.record import Energy
from colliculus.evaluation.significance import permutation, student_interval
from colliculus.methods import SCMRL

COSTS = "45nm-fp32"
Runs = Mapping[str, Sequence[Path]]
"""Run folders by title."""

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "S-CMRL, attention": ("s-cmrl-av-digits", {}),
    "S-CMRL, mask": ("s-cmrl-av-digits", {"method.cross_attention": "mask", "method.heads": SCMRL.heads}),
    "S-CMRL, causal": ("s-cmrl-av-digits", {"method.cross_modal.causal": True}),
    "Tectum, attention": ("tectum-av-digits", {"method.exchange": "attention"}),
    "Tectum, mask": ("tectum-av-digits", {"method.exchange": "mask"}),
    "late fusion": ("late-fusion-av-digits", {}),
}
"""Preset and changed settings."""
PAIRS = {
    "S-CMRL, mask": "S-CMRL, attention",
    "S-CMRL, causal": "S-CMRL, attention",
    "Tectum, mask": "Tectum, attention",
}
"""Each change, and the attention it is compared with."""
IN_NIR = ("S-CMRL, mask", "Tectum, mask", "late fusion")
"""Networks that NIR holds whole."""


@dataclass(frozen=True, kw_only=True)
class Settings(Study):
    """Train and test every variant."""

    out: Path = Path("runs/mask")
    """Folder of the runs."""
    seeds: int = 10
    """Trainings of each variant."""
    snr_db: float | None = -10.0
    """White noise on both modalities; None: there is none."""
    epochs: int | None = None
    """Epochs of a training; None: those of the presets."""

    @property
    def shared(self) -> dict[str, Any]:
        """Settings of all trainings."""
        noise = {} if self.snr_db is None else {"train.snr_db": dict.fromkeys(("audio", "visual"), self.snr_db)}
        return noise | ({} if self.epochs is None else {"train.epochs": self.epochs})


def rows(runs: Runs) -> list[dict[str, str]]:
    """A row for every variant: accuracy, its difference to the attention's seed by seed, spikes and energy."""
    accuracy = {title: [100 * result(folder).test.accuracy for folder in folders] for title, folders in runs.items()}
    found: list[dict[str, str]] = []
    for title, folders in runs.items():
        differences = [
            ours - theirs for ours, theirs in zip(accuracy[title], accuracy[PAIRS.get(title, title)], strict=True)
        ]
        low, high = student_interval(differences)
        costs = [Energy.read(folder / Energy.FILE).tables[COSTS].spiking_once for folder in folders]
        compared = f"{spread(differences)} ({low:.1f} to {high:.1f}), p = {permutation(differences):.3f}"
        found.append(
            {
                "variant": title,
                "test accuracy, %": spread(accuracy[title]),
                "difference to attention, points": compared if title in PAIRS else "",
                "energy of a clip: operations, uJ": f"{mean(cost.compute_nj for cost in costs) / 1000:.2f}",
                "and memory, uJ": f"{mean(cost.total_nj for cost in costs) / 1000:.1f}",
                "whole in NIR": "yes" if all((folder / "nir" / "graph.json").exists() for folder in folders) else "no",
            }
        )
    return found


def main(settings: Settings) -> None:
    """Train what is not trained, count energy, export, then write the table."""
    variants = {
        title: settings.variant(title, name, changes | settings.shared) for title, (name, changes) in VARIANTS.items()
    }
    trained = settings.train(list(variants.values()))
    runs = {title: trained[variant.name] for title, variant in variants.items()}
    settings.examine([folder for folders in runs.values() for folder in folders], "energy", Energy.FILE)
    in_nir = [folder for title in IN_NIR for folder in runs[title]]
    settings.examine(in_nir, "export", "nir/graph.json", "--to", "nir")
    settings.publish("mask", markdown(rows(runs)))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
