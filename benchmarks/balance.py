"""TAAF (our reading), S-CMRL with each balance of the modalities, and Tectum on AV-Digits, learned under noise.

    python benchmarks/balance.py --data-root FOLDER

trains every variant with each seed (skips what is done, resumes what was cut off) under the budget and the noise of
benchmarks/fusion_methods.py, and prints the table of RESULTS.md: accuracy of the network, of the network with the other
modality withheld, and of each modality's stream by its own head or, where it has none, by its share of the logits. The
streams are those after the exchange, so that each knows of the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tyro
from av_digits import Job, Study, read, spread, train_all

from colliculus.evaluation.corruptions import GaussianNoise
from colliculus.evaluation.evaluate import evaluate
from colliculus.runtime import Runtime
from colliculus.training.run import load_model, read_run

OWN_HEADS = ("--method.unimodal-loss", "1")


def balanced(kind: str) -> tuple[str, ...]:
    """The flags of a balance."""
    return ("--method.balance.kind", kind)


VARIANTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "S-CMRL": ("s-cmrl-av-digits", ()),
    "S-CMRL, OGM-GE": ("s-cmrl-av-digits", balanced("ogm-ge")),
    "S-CMRL, AGM": ("s-cmrl-av-digits", balanced("agm")),
    "S-CMRL, PMR": ("s-cmrl-av-digits", balanced("pmr")),
    "S-CMRL, MSLR": ("s-cmrl-av-digits", balanced("mslr")),
    "S-CMRL, modality dropout": ("s-cmrl-av-digits", ("--method.modality-dropout", "0.25")),
    "S-CMRL, own heads": ("s-cmrl-av-digits", OWN_HEADS),
    "S-CMRL, own heads, IEMF": ("s-cmrl-av-digits", (*OWN_HEADS, *balanced("iemf"))),
    "S-CMRL, own heads, MMPareto": ("s-cmrl-av-digits", (*OWN_HEADS, *balanced("mm-pareto"))),
    "TAAF (our reading)": ("taaf-av-digits", ()),
    "Tectum": ("tectum-av-digits", ()),
}
"""Preset, and what is changed on the command line."""


@dataclass(frozen=True, kw_only=True)
class Settings(Study):
    """Train and test every variant."""

    out: Path = Path("runs/balance")
    """Folder of the runs."""
    snr_db: float = -10.0
    """White noise on both modalities, in training (drawn anew each epoch), validation and test."""


def jobs(settings: Settings, variant: str) -> list[Job]:
    """The trainings of a variant, one for each seed."""
    preset, flags = VARIANTS[variant]
    noise = ("--train.snr-db", "audio", str(settings.snr_db), "visual", str(settings.snr_db))
    name = re.sub(r"\W+", "-", variant.lower()).strip("-")
    return [
        settings.job(preset, f"{name}-seed{seed}", "--train.seed", str(seed), *noise, *flags)
        for seed in range(settings.seeds)
    ]


def withheld(job: Job, missing: str) -> float:
    """Test accuracy in percent without a modality, under the noise of the training; kept in the run's folder."""
    kept = job.run / f"without-{missing}.json"
    if not kept.exists():
        run, model = read_run(job.run), load_model(job.run)
        with Runtime.start(device="cpu") as runtime:
            found = evaluate(
                model,
                run.experiment.data.load(run.normalisation).test,
                batch_size=run.experiment.train.batch_size,
                collective=runtime,
                device=runtime.device,
                corruption=GaussianNoise(run.experiment.train.snr_db),
                missing=(missing,),
            )
        kept.write_text(json.dumps({"accuracy": found.accuracy}))
    return 100 * read(kept)["accuracy"]


def table(settings: Settings) -> Iterator[str]:
    """A row for every variant, in their order."""
    columns = ("test accuracy, %", "without visual", "without audio", "audio stream", "visual stream", "validation, %")
    yield f"| method | {' | '.join(columns)} |"
    yield "|---|---|---|---|---|---|---|"
    for variant in VARIANTS:
        done = jobs(settings, variant)
        results = [read(job.run / "result.json") for job in done]
        without = [[withheld(job, m) for job in done] for m in ("visual", "audio")]
        own = [[100 * r["test"]["modality_accuracy"][m] for r in results] for m in ("audio", "visual")]
        joint, validation = ([100 * r[part]["accuracy"] for r in results] for part in ("test", "validation"))
        yield (
            f"| {variant} | {spread(joint)} | {spread(without[0])} | {spread(without[1])} "
            f"| {spread(own[0])} | {spread(own[1])} | {spread(validation)} |"
        )


def main(settings: Settings) -> None:
    """Train what is not trained, then print the table."""
    todo = [job for seed in zip(*(jobs(settings, variant) for variant in VARIANTS), strict=True) for job in seed]
    train_all(todo, settings.jobs)
    print(f"Noise of {settings.snr_db:g} dB on both modalities, {settings.seeds} seeds, mean ± standard deviation:\n")
    print("\n".join(table(settings)))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
