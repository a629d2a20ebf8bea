"""S-CMRL and its baselines on AV-Digits: every training, every test, and the tables of RESULTS.md.

    python benchmarks/av_digits.py --data-root FOLDER

trains one `colliculus train` command after another (`--jobs` at once), skips what is done and resumes what was cut off,
then tests each run clean, with noise at test time, and with one modality missing, and prints the tables in Markdown.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import tyro

STANDARD = {
    "s-cmrl-av-digits": "S-CMRL",
    "s-cmrl-reference-av-digits": "S-CMRL, reference",
    "late-fusion-av-digits": "late fusion",
    "audio-av-digits": "audio alone",
    "visual-av-digits": "visual alone",
}
SPEAKER_OUT = {name: STANDARD[name] for name in ("s-cmrl-av-digits", "late-fusion-av-digits")}
NUM_FOLDS = 6
SNR_DB = (0.0, -10.0)


@dataclass(frozen=True)
class Condition:
    """What is done to the test inputs: noise at an SNR in dB on some modalities, or modalities withheld."""

    title: str
    snr_db: dict[str, float]
    missing: tuple[str, ...] = ()


CONDITIONS = (
    Condition("clean", {}),
    *(Condition(f"{m} {snr:g} dB", {m: snr}) for m in ("audio", "visual") for snr in SNR_DB),
    *(Condition(f"both {snr:g} dB", {"audio": snr, "visual": snr}) for snr in SNR_DB),
    Condition("no audio", {}, ("audio",)),
    Condition("no visual", {}, ("visual",)),
)


@dataclass(frozen=True)
class Job:
    """One training: one `colliculus train` command."""

    preset: str
    run: Path
    overrides: tuple[str, ...]

    @property
    def command(self) -> list[str]:
        """Its arguments; one that was cut off goes on where it stood."""
        again = ["--resume"] if (self.run / "run.yaml").exists() else list(self.overrides)
        return ["train", self.preset, "--out", str(self.run), *again]


@dataclass(frozen=True, kw_only=True)
class Study:
    """Where a study finds its data and keeps its runs, and how many there are."""

    out: Path
    """Folder of the runs."""
    data_root: Path | None = None
    """Folder of the dataset; None: the cache folder, downloaded on first use."""
    seeds: int = 3
    """Trainings of each preset or variant; the seed decides initial weights and order, not the split or the pairs."""
    jobs: int = os.cpu_count() or 1
    """Trainings at once, each on one thread."""

    def job(self, preset: str, name: str, *overrides: str) -> Job:
        """A training of this study."""
        root = ("--data.root", str(self.data_root)) if self.data_root else ()
        return Job(preset, self.out / name, (*overrides, *root))


@dataclass(frozen=True, kw_only=True)
class Settings(Study):
    """Train and test everything of the AV-Digits tables."""

    out: Path = Path("runs/av-digits")
    """Folder of the runs."""


def jobs(settings: Settings) -> tuple[list[Job], list[Job]]:
    """The trainings of the standard and of the speaker-out protocol."""
    seeds, folds = range(settings.seeds), range(NUM_FOLDS)
    standard = [settings.job(p, f"{p}-seed{s}", "--train.seed", str(s)) for s in seeds for p in STANDARD]
    left_out = ("--data.protocol", "speaker-out", "--data.fold")
    return standard, [settings.job(p, f"{p}-fold{f}", *left_out, str(f)) for f in folds for p in SPEAKER_OUT]


def train(job: Job) -> None:
    """Run a training in a process of one thread, its output in a log beside the run."""
    if (job.run / "result.json").exists():
        return
    job.run.parent.mkdir(parents=True, exist_ok=True)
    arguments, environment = job.command, {**os.environ, "OMP_NUM_THREADS": "1"}
    with job.run.with_name(f"{job.run.name}.log").open("a") as log:
        command = [sys.executable, "-m", "colliculus", *arguments]
        done = subprocess.run(command, stdout=log, stderr=log, env=environment, check=False)
    print(f"{'FAILED' if done.returncode else 'done'}: colliculus {' '.join(arguments)}", file=sys.stderr)


def train_all(todo: Sequence[Job], at_once: int) -> None:
    """Train what is not trained; leave the program where one could not be."""
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(train, todo))
    if missing := [job.run.name for job in todo if not (job.run / "result.json").exists()]:
        sys.exit(f"not finished: {', '.join(missing)}")


def score(job: Job, part: str) -> dict[str, float | None]:
    """Accuracy in percent under every condition; None where it does not concern the model. Kept in the run's folder."""
    kept = job.run / f"conditions-{part}.json"
    if not kept.exists():
        kept.write_text(json.dumps(measure(job.run, part), indent=1))
    return json.loads(kept.read_text())


def measure(run_folder: Path, part: str) -> dict[str, float | None]:
    """Test a run under every condition on a part of the data."""
    from colliculus.evaluation.corruptions import GaussianNoise
    from colliculus.evaluation.evaluate import evaluate
    from colliculus.runtime import Runtime
    from colliculus.training.run import load_model, read_run

    run, model = read_run(run_folder), load_model(run_folder)
    split = getattr(run.experiment.data.load(run.normalisation), part)
    with Runtime.start() as runtime:
        model.to(runtime.device)

        def accuracy(condition: Condition) -> float | None:
            touched, present = {*condition.snr_db, *condition.missing}, {*model.modalities}
            if not touched <= present or present <= {*condition.missing}:
                return None
            noise = GaussianNoise(condition.snr_db) if condition.snr_db else None
            found = evaluate(
                model,
                split,
                batch_size=100,
                collective=runtime,
                device=runtime.device,
                corruption=noise,
                missing=condition.missing,
            )
            return 100 * found.accuracy

        return {condition.title: accuracy(condition) for condition in CONDITIONS}


def spread(values: Sequence[float]) -> str:
    """Mean and standard deviation; of one value itself."""
    return f"{mean(values):.1f} ± {stdev(values):.1f}" if len(values) > 1 else f"{mean(values):.1f}"


def standard_table(done: Sequence[Job]) -> Iterator[str]:
    """Mean and spread over seeds: a row for every condition, a column for every preset."""
    found = {preset: [score(job, "test") for job in done if job.preset == preset] for preset in STANDARD}
    yield "| test accuracy, % | " + " | ".join(STANDARD.values()) + " |"
    yield "|---|" + "---|" * len(STANDARD)
    for condition in CONDITIONS:
        values = ([figures[condition.title] for figures in found[preset]] for preset in STANDARD)
        cells = ["" if None in column else spread([x for x in column if x is not None]) for column in values]
        yield f"| {condition.title} | " + " | ".join(cells) + " |"


def cost_table(done: Sequence[Job]) -> Iterator[str]:
    """Parameters and training speed, a row for every preset."""
    yield "| model | parameters | samples/s in training | firing rates of its layers, trained |"
    yield "|---|---|---|---|"
    for preset, title in STANDARD.items():
        runs = [job.run for job in done if job.preset == preset]
        results = [read(run / "result.json") for run in runs]
        rates = [layer["rate"] for run in runs for layer in read(run / "spike_health.json")["end"]["layers"]]
        speed = mean(result["samples_per_second"] for result in results)
        yield (
            f"| {title} | {results[0]['parameters']:,} | {speed:.0f} | "
            f"{100 * min(rates):.1f} .. {100 * max(rates):.1f} % |"
        )


def speaker_table(done: Sequence[Job]) -> Iterator[str]:
    """A column for every speaker left out, and the mean over speakers."""
    yield "| test accuracy, % | " + " | ".join(f"fold {f}" for f in range(NUM_FOLDS)) + " | mean ± spread |"
    yield "|---|" + "---|" * (NUM_FOLDS + 1)
    for preset, title in SPEAKER_OUT.items():
        values = [100 * read(job.run / "result.json")["test"]["accuracy"] for job in done if job.preset == preset]
        yield f"| {title} | " + " | ".join(f"{x:.1f}" for x in values) + f" | {spread(values)} |"


def read(path: Path) -> dict[str, Any]:
    """A JSON file of a run."""
    return json.loads(path.read_text())


def main(settings: Settings) -> None:
    """Train what is not trained, test what is not tested, print the tables."""
    standard, speaker_out = jobs(settings)
    train_all([*standard, *speaker_out], settings.jobs)
    print(f"Standard protocol, {settings.seeds} seeds, mean ± standard deviation:\n")
    print("\n".join(standard_table(standard)), end="\n\n")
    print("\n".join(cost_table(standard)), end="\n\n")
    print("Speaker-out protocol, one training for each of the six speakers:\n")
    print("\n".join(speaker_table(speaker_out)))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
