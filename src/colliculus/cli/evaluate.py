"""`colliculus evaluate`: a trained run on test data, clean or spoiled."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal

import tyro

from colliculus.cli.options import NoSettings, RunFolder, SettingsT, Switch, leading_name, parse
from colliculus.cli.run_data import load_data, part_of
from colliculus.records import console
from colliculus.types import ColliculusError, unknown_name

if TYPE_CHECKING:
    from rich.console import RenderableType

    from colliculus.data.dataset import Dataset
    from colliculus.evaluation.evaluate import Evaluation
    from colliculus.runs.metrics import Metrics
    from colliculus.runs.run import Run
    from colliculus.runtime import Runtime

MISTAKES_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Test a trained run.

    The data are the run's own; any of their settings can be overridden (--data.root, --data.protocol, ...):
    `colliculus evaluate RUN --help` lists them. The dataset is read as for training, so all its parts must be there.
    Example, noise as strong as the sound and no picture:
    colliculus evaluate RUN --snr-db audio 0 --missing visual
    The answer to each clip of the run's own test part is kept in RUN/predictions.csv (under another condition, beside
    it).
    """

    run: RunFolder
    """folder of the run"""
    split: Literal["test", "validation", "train"] = "test"
    """part of the data"""
    snr_db: dict[str, float] = field(default_factory=dict[str, float])
    """add Gaussian noise: modality and signal-to-noise ratio in dB, such as --snr-db audio 0 visual -10; in place
    of the noise that the run learned under, if it did"""
    clean: Switch = False
    """add no noise, whatever the run learned under"""
    noise_seed: int = 0
    """which noise"""
    missing: tuple[str, ...] = ()
    """withhold these modalities from the model"""
    device: str = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""
    json: Switch = False
    """print one JSON object"""
    data: SettingsT
    """the data to test on"""


def run(arguments: list[str]) -> int:
    """Evaluate and print."""
    folder = Path(leading_name(arguments, Options[NoSettings], "evaluate", "colliculus evaluate RUN [options]"))

    from colliculus.runs.run import read_run
    from colliculus.runtime import Runtime

    trained = read_run(folder)
    data = trained.experiment.data
    options = parse(Options[type(data)], "evaluate", arguments, Options(run=tyro.MISSING, data=data))
    options = replace(options, snr_db=_noise(options, trained))
    with Runtime.start(device=options.device) as runtime:
        dataset = runtime.main_first(lambda: load_data(trained, options.data))
        found = _measure(trained, folder, dataset, options, runtime)
        if runtime.is_main:
            _keep(trained, folder, dataset, options, found)
    metrics = found.metrics
    if options.json:
        console.show_json(_record(trained, dataset, options) | asdict(metrics))
    else:
        console.show(_summary(_record(trained, dataset, options), metrics), _classes(metrics), *_mistakes(metrics))
    console.remark_untested({c.name: c.total for c in metrics.per_class}, options.split)
    return 0


def _noise(options: Options[Any], run: Run) -> dict[str, float]:
    if options.clean and options.snr_db:
        raise ColliculusError("--clean and --snr-db contradict each other: give one of them")
    return {} if options.clean else options.snr_db or dict(run.experiment.train.snr_db)


def _measure(run: Run, folder: Path, dataset: Dataset, options: Options[Any], runtime: Runtime) -> Evaluation:
    from colliculus.data.noise import GaussianNoise
    from colliculus.evaluation.evaluate import evaluate_clips
    from colliculus.runs.run import load_model

    model = load_model(folder).to(runtime.device)
    learned_under = run.experiment.train.snr_db
    if strangers := [m for m in options.snr_db if m not in model.modalities and m not in learned_under]:
        raise unknown_name("modality", strangers[0], model.modalities)
    return evaluate_clips(
        model,
        part_of(dataset, options.split),
        batch_size=run.experiment.train.batch_size,
        collective=runtime,
        device=runtime.device,
        corruption=GaussianNoise(options.snr_db, options.noise_seed) if options.snr_db else None,
        missing=options.missing,
    )


def _keep(run: Run, folder: Path, dataset: Dataset, options: Options[Any], found: Evaluation) -> None:
    """Keep the answers to the run's own test clips in its folder, where other verbs look for them."""
    from colliculus.runs.kept_predictions import Condition, write_predictions

    if options.split == "test" and options.noise_seed == 0 and dataset.fingerprint == run.fingerprint:
        write_predictions(folder, run, Condition(options.snr_db, options.missing), found.predictions)


def _record(run: Run, dataset: Dataset, options: Options[Any]) -> dict[str, object]:
    """What was evaluated, as plain JSON values."""
    return {
        "run": str(options.run),
        "preset": run.preset,
        "method": run.experiment.method.name,
        "dataset": options.data.name,
        "protocol": dataset.protocol,
        "split": options.split,
        "snr_db": options.snr_db,
        "noise_seed": options.noise_seed,
        "missing": list(options.missing),
        "fingerprint": dataset.fingerprint,
        "trained_on": run.fingerprint,
    }


def _summary(record: dict[str, Any], metrics: Metrics) -> RenderableType:
    noise = ", ".join(f"{snr_db:g} dB on {modality}" for modality, snr_db in record["snr_db"].items())
    spoiled = {"noise": noise, "missing": ", ".join(record["missing"])}
    rows = {
        "run": f"{record['run']}  ({record['preset']})",
        "data": f"{record['dataset']}, {record['protocol']}, {record['split']} split",
        **{name: text for name, text in spoiled.items() if text},
        "accuracy": console.accuracy(metrics.accuracy, metrics.interval, metrics.correct, metrics.total),
        "macro-F1": console.percent(metrics.macro_f1),
    }
    return console.facts("Evaluation", rows)


def _classes(metrics: Metrics) -> RenderableType:
    table = console.plain_table()
    table.add_column("class", style="cyan")
    for heading in ("recall", "precision", "F1", "samples"):
        table.add_column(heading, justify="right")
    for c in metrics.per_class:
        recall, precision, f1 = map(console.percent, (c.recall, c.precision, c.f1))
        table.add_row(c.name, *((recall, precision, f1) if c.total else ("-", "-", "-")), f"{c.total:,}")
    return console.titled("Classes", table)


def _mistakes(metrics: Metrics) -> list[RenderableType]:
    """The most frequent confusions, if any: what a K x K matrix would say, in the width of a terminal."""
    names = [c.name for c in metrics.per_class]
    pairs = [
        (count, names[i], names[j])
        for i, row in enumerate(metrics.confusion)
        for j, count in enumerate(row)
        if i != j and count
    ]
    table = console.plain_table()
    for heading in ("class", "taken for"):
        table.add_column(heading, style="cyan")
    table.add_column("times", justify="right")
    for count, true, predicted in sorted(pairs, key=lambda pair: -pair[0])[:MISTAKES_SHOWN]:
        table.add_row(true, predicted, f"{count:,}")
    return [console.titled("Most frequent mistakes", table)] if pairs else []
