"""Choices for a cross-modal path of S-CMRL that does not start silent, beside ours, on AV-Digits.

    python benchmarks/silent_start.py --data-root FOLDER

trains every variant (`--jobs` at once), skips what is done, and prints a table in Markdown: accuracy on the validation
part (not the test), clean, mean over noise, and with one modality missing, and the lowest firing
rate of a layer before and after training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import tyro
from study import Study, markdown, rates, spread, without

from colliculus.evaluation.robustness import Robustness

PRESET = "s-cmrl-av-digits"
HALF = {"method.alpha": 0.5}
VARIANTS: dict[str, dict[str, Any]] = {
    "reference arithmetic, alpha 1.5": {"method.arithmetic": "reference", "method.alpha": 1.5, "method.heads": 16},
    "ours, alpha 0.5": HALF,
    "ours, alpha 0.5, product of the branches": HALF | {"method.cross_modal.combination": "product"},
    "ours, alpha 0.5, no residual left out": HALF | {"method.cross_modal.dropout": 0.0},
    "ours, alpha 0.25": {},
}
"""Changed settings of each variant."""


RECORD = "robustness/result.json"
CONDITIONS = ("--split", "validation", "--only", "white", "missing", "--snr-db", "0", "-10")


@dataclass(frozen=True, kw_only=True)
class Settings(Study):
    """Train and test every variant."""

    out: Path = Path("runs/silent_start")
    """Folder of the runs."""


def row(title: str, folders: Sequence[Path]) -> dict[str, str]:
    """Results of a variant."""
    found = [Robustness.read(folder / RECORD) for folder in folders]
    noisy = [mean(a for c in one.curves if c.kind == "white" for a in c.accuracy) for one in found]
    return {
        "variant": title,
        "clean": spread([100 * one.clean for one in found]),
        "mean over noise": spread([100 * accuracy for accuracy in noisy]),
        "no audio": spread(without(found, "audio")),
        "no visual": spread(without(found, "visual")),
        "lowest rate, start": f"{min(rates(folders, 'start')):.1f} %",
        "lowest rate, trained": f"{min(rates(folders, 'end')):.1f} %",
    }


def main(settings: Settings) -> None:
    """Train what is not trained, then write the table."""
    variants = {title: settings.variant(title, PRESET, changes) for title, changes in VARIANTS.items()}
    runs = settings.train(list(variants.values()))
    settings.examine([folder for folders in runs.values() for folder in folders], "robustness", RECORD, *CONDITIONS)
    settings.publish("silent_start", markdown([row(title, runs[v.name]) for title, v in variants.items()]))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
