"""Why S-CMRL's cross-modal path is revived as it is: other choices beside ours, on AV-Digits.

    python benchmarks/revival.py --data-root FOLDER

trains every variant (`--jobs` at once), skips what is done, and prints a table in Markdown: accuracy on the validation
part (not the test), clean, mean over noise, and with one modality missing, and the lowest firing
rate of a layer before and after training.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import tyro
from av_digits import CONDITIONS, Job, Study, read, score, spread, train

PRESET = "s-cmrl-av-digits"
HALF = ("--method.alpha", "0.5")
VARIANTS = {
    "reference arithmetic, alpha 1.5": ("--method.reference", "--method.alpha", "1.5", "--method.heads", "16"),
    "ours, alpha 0.5": HALF,
    "ours, alpha 0.5, product of the branches": (*HALF, "--method.arithmetic.combination", "product"),
    "ours, alpha 0.5, no residual left out": (*HALF, "--method.arithmetic.dropout", "0"),
    "ours, alpha 0.25": (),
}
"""What each changes on the command line."""


@dataclass(frozen=True, kw_only=True)
class Settings(Study):
    """Train and test every variant."""

    out: Path = Path("runs/revival")
    """Folder of the runs."""


def jobs(settings: Settings, variant: str) -> list[Job]:
    """The trainings of a variant, one for each seed."""
    name = re.sub(r"[^\w.]+", "-", variant)
    return [
        settings.job(PRESET, f"{name}-seed{seed}", "--train.seed", str(seed), *VARIANTS[variant])
        for seed in range(settings.seeds)
    ]


def table(settings: Settings) -> Iterator[str]:
    """A row for every variant."""
    yield "| variant | clean | mean over noise | no audio | no visual | lowest rate, start | lowest rate, trained |"
    yield "|---|---|---|---|---|---|---|"
    noisy = [condition.title for condition in CONDITIONS if condition.snr_db]
    for variant in VARIANTS:
        done = jobs(settings, variant)
        tests = [score(job, "validation") for job in done]
        columns = [[found[title] for found in tests] for title in ("clean", "no audio", "no visual")]
        columns.insert(1, [mean(found[title] for title in noisy) for found in tests])
        health = [read(job.run / "spike_health.json") for job in done]
        lowest = [
            min(layer["rate"] for found in health for layer in found[moment]["layers"]) for moment in ("start", "end")
        ]
        cells = [spread(column) for column in columns] + [f"{100 * rate:.1f} %" for rate in lowest]
        yield f"| {variant} | {' | '.join(cells)} |"


def main(settings: Settings) -> None:
    """Train what is not trained, then print the table."""
    with ThreadPoolExecutor(settings.jobs) as pool:
        list(pool.map(train, [job for variant in VARIANTS for job in jobs(settings, variant)]))
    print("\n".join(table(settings)))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
