"""TAAF (our reading), S-CMRL with each balance, and the first edition of Tectum on AV-Digits, learned under noise.

    python benchmarks/balance.py --data-root FOLDER

trains every variant with each seed (skips what is done, resumes what was cut off) under the budget and the noise of
benchmarks/methods.py, and prints the table of RESULTS.md: accuracy of the network, of the network with the other
modality withheld, and of each modality's stream by its own head or, where it has none, by its share of the logits. The
streams are those after the exchange, so that each knows of the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from study import Study, markdown, result, spread

from colliculus.evaluation.evaluate import predictions_of
from colliculus.evaluation.trained_run import open_run
from colliculus.runs.kept_predictions import Condition

OWN_HEADS = {"method.unimodal_loss": 1.0}


def balanced(kind: str) -> dict[str, str]:
    """Settings of a balance."""
    return {"method.balance.kind": kind}


VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "S-CMRL": ("s-cmrl-av-digits", {}),
    "S-CMRL, OGM-GE": ("s-cmrl-av-digits", balanced("ogm-ge")),
    "S-CMRL, AGM": ("s-cmrl-av-digits", balanced("agm")),
    "S-CMRL, PMR": ("s-cmrl-av-digits", balanced("pmr")),
    "S-CMRL, MSLR": ("s-cmrl-av-digits", balanced("mslr")),
    "S-CMRL, modality dropout": ("s-cmrl-av-digits", {"method.modality_dropout": 0.25}),
    "S-CMRL, own heads": ("s-cmrl-av-digits", OWN_HEADS),
    "S-CMRL, own heads, IEMF": ("s-cmrl-av-digits", OWN_HEADS | balanced("iemf")),
    "S-CMRL, own heads, MMPareto": ("s-cmrl-av-digits", OWN_HEADS | balanced("mm-pareto")),
    "TAAF (our reading)": ("taaf-av-digits", {}),
    "Tectum, first edition": ("tectum-first-av-digits", {}),
}
"""Preset and changed settings."""


@dataclass(frozen=True, kw_only=True)
class Settings(Study):
    """Train and test every variant."""

    out: Path = Path("runs/balance")
    """Folder of the runs."""
    snr_db: float = -10.0
    """White noise on both modalities, in training (drawn anew each epoch), validation and test."""


def withheld(folder: Path, missing: str) -> float:
    """Test accuracy in percent without a modality, under the noise of the training."""
    run = open_run(folder, "cpu")
    condition = Condition(dict(run.experiment.train.snr_db), (missing,))
    return 100 * float(predictions_of(run, condition).correct.mean())


def table(runs: Mapping[str, Sequence[Path]]) -> list[str]:
    """A row for every variant, in their order."""
    rows: list[dict[str, str]] = []
    for variant, folders in runs.items():
        results = [result(folder) for folder in folders]
        own = {m: [100 * r.test.modality_accuracy[m] for r in results] for m in ("audio", "visual")}
        rows.append(
            {
                "method": variant,
                "test accuracy, %": spread([100 * r.test.accuracy for r in results]),
                "without visual": spread([withheld(folder, "visual") for folder in folders]),
                "without audio": spread([withheld(folder, "audio") for folder in folders]),
                "audio stream": spread(own["audio"]),
                "visual stream": spread(own["visual"]),
                "validation, %": spread([100 * r.validation.accuracy for r in results]),
            }
        )
    return markdown(rows)


def main(settings: Settings) -> None:
    """Train what is not trained, then write the table."""
    noise = {"train.snr_db": dict.fromkeys(("audio", "visual"), settings.snr_db)}
    variants = {title: settings.variant(title, name, noise | changes) for title, (name, changes) in VARIANTS.items()}
    runs = settings.train(list(variants.values()))
    settings.publish("balance", table({title: runs[variant.name] for title, variant in variants.items()}))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
