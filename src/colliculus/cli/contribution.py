"""`colliculus contribution`: what each modality of a trained run gives, by withholding the others."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal

import tyro

from colliculus.cli.options import NoSettings, RunFolder, SettingsT, Switch, leading_name, parse
from colliculus.cli.run_data import load_data, part_of
from colliculus.records import console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from colliculus.data.dataset import Split
    from colliculus.evaluation.answers import Answers
    from colliculus.evaluation.contribution import Contribution, Subset
    from colliculus.files.cache import Cache
    from colliculus.runs.run import Run

FOLDER, RECORD, CLIPS = "contribution", "contribution.json", "clips.csv"


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Measure what each modality contributes, by giving the model every subset of them.

    Shapley values share out what is known beyond chance: on accuracy over all clips, and for every clip on the
    probability of its true class. Beside them: accuracy alone and together, how much better together is than the best
    alone, and, of each modality alone and all together, the accuracy of the same network run for its first 1, 2, ... T
    steps: later ones are withheld, and where streams are aligned in time they count as zero.

    Written into RUN/contribution: contribution.json, and clips.csv with a row for each clip. Under the noise that the
    run learned under, if it did. A pass over the data that is done is not made again after an interruption.
    """

    run: RunFolder
    """folder of the run"""
    split: Literal["test", "validation", "train"] = "test"
    """part of the data"""
    device: str = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""
    json: Switch = False
    """print one JSON object"""
    data: SettingsT
    """the data to measure on"""


def run(arguments: list[str]) -> int:
    """Measure, write and print."""
    folder = Path(leading_name(arguments, Options[NoSettings], "contribution", "colliculus contribution RUN [options]"))

    from colliculus.evaluation.contribution import contribution, followed
    from colliculus.files.cache import Cache
    from colliculus.runs.identity import identity
    from colliculus.runs.run import read_run

    trained = read_run(folder)
    data = trained.experiment.data
    options = parse(Options[type(data)], "contribution", arguments, Options(run=tyro.MISSING, data=data))
    dataset = load_data(trained, options.data)
    split = part_of(dataset, options.split)
    snr_db = dict(trained.experiment.train.snr_db)
    about = identity(folder, trained, dataset.fingerprint) | {"split": options.split, "snr_db": snr_db}
    about["time_steps"] = trained.experiment.method.time_steps
    by_step = _by_step(trained, split, options, Cache(folder / FOLDER / "subsets", about))
    answers = {subset: after[-1] for subset, after in by_step.items()}
    everyone = max(answers, key=len)
    modalities = [m for m in trained.spec.modalities if m in everyone]  # a model may use one of the data's
    curves = {subset: by_step[subset] for subset in followed(modalities)}
    found = contribution(answers, curves, split.labels, modalities=modalities, names=trained.spec.names)
    record = about | {"contribution": asdict(found)}
    _write(folder / FOLDER, record, _clips(answers, curves[everyone], split, trained.spec.num_classes))
    if options.json:
        console.show_json({"run": str(folder)} | record)
    else:
        console.show(*_tables(found), f"Written into {folder / FOLDER}")
    return 0


def _by_step(run: Run, split: Split, options: Options[Any], pieces: Cache) -> dict[Subset, list[Answers]]:
    """What the model says with every subset; before it, of those followed, what it says after 1, 2, ... T - 1 steps.

    What was measured before is read.
    """
    from rich.progress import Progress

    from colliculus.data.noise import GaussianNoise
    from colliculus.evaluation.answers import Answers, measure_answers
    from colliculus.evaluation.anytime import first_steps
    from colliculus.evaluation.contribution import followed, subsets
    from colliculus.runs.run import load_model
    from colliculus.runtime import choose_device

    model = load_model(options.run).to(choose_device(options.device))
    noise = GaussianNoise(snr_db) if (snr_db := run.experiment.train.snr_db) else None
    size, total = run.experiment.train.batch_size, run.experiment.method.time_steps
    names = {s: "+".join(m for m in model.modalities if m in s) for s in subsets(model.modalities)}
    early = {s: range(1, total) if s in followed(model.modalities) else range(0) for s in names}
    passes = {s: [(t, f"{name}.{t}") for t in early[s]] + [(total, name)] for s, name in names.items()}
    if changed := sorted({key for made in passes.values() for _, piece in made for key in pieces.changed(piece)}):
        console.remark(f"an earlier measurement differs in {', '.join(changed)}: all is measured anew")
    found: dict[Subset, list[Answers]] = {s: [] for s in names}
    with Progress(console=console.progress_console(), transient=True) as bar:
        for subset, made in passes.items():
            advance = partial(bar.advance, bar.add_task(names[subset], total=len(made) * len(split)))
            for t, piece in made:
                if (kept := pieces.find(piece)) is None:
                    with first_steps(model, t, total):
                        answers = measure_answers(
                            model, split, subset, batch_size=size, corruption=noise, advance=advance
                        )
                    pieces.keep(piece, answers.to_plain())
                else:
                    answers = Answers.from_plain(kept)
                found[subset].append(answers)
    return found


def _clips(answers: Mapping[Subset, Answers], by_step: Sequence[Answers], split: Split, num_classes: int) -> str:
    """A row for each clip: what was said with all modalities, each one's Shapley value, and what after each step."""
    from colliculus.evaluation.contribution import clip_shapley

    values = clip_shapley(answers, num_classes)
    everyone = answers[max(answers, key=len)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    shapley, after = [f"shapley_{m}" for m in values], [f"probability_after_{t + 1}" for t in range(len(by_step))]
    writer.writerow(["index", "label", "predicted", "probability", *shapley, *after])
    for i, label in enumerate(split.labels.tolist()):
        early = (one.probability[i] for one in by_step)
        numbers = [everyone.probability[i], *(v[i] for v in values.values()), *early]
        writer.writerow([i, label, int(everyone.predicted[i]), *(f"{x:.6f}" for x in numbers)])
    return text.getvalue()


def _write(folder: Path, record: Mapping[str, object], clips: str) -> None:
    from colliculus.files.atomic import write_atomic

    write_atomic(folder / CLIPS, clips.encode())
    write_atomic(folder / RECORD, json.dumps(record, indent=1, allow_nan=False).encode())


def _tables(found: Contribution) -> tuple[RenderableType, ...]:
    given = console.plain_table()
    given.add_column("given", style="cyan")
    for heading in ("accuracy", "95 % interval", "probability", "% by step"):
        given.add_column(heading, justify="right")
    for one in found.given:
        low, high = (100 * bound for bound in one.interval)
        steps = " ".join(f"{100 * x:.1f}" for x in one.step_accuracy) or "-"
        numbers = console.percent(one.accuracy), f"{low:.1f} to {high:.1f}", console.percent(one.probability)
        given.add_row(" + ".join(one.modalities), *numbers, steps)
    share = console.plain_table()
    share.add_column("modality", style="cyan")
    for heading in ("of the accuracy, points", "of the probability, points"):
        share.add_column(heading, justify="right")
    for m in found.modalities:
        share.add_row(m, f"{100 * found.shapley_accuracy[m]:+.1f}", f"{100 * found.shapley_probability[m]:+.1f}")
    above = f"Shapley values, beyond chance ({console.percent(found.chance)})"
    parts = [console.titled(f"Given some modalities ({found.total:,} clips)", given), console.titled(above, share)]
    parts.append(
        "Probability: of the true class. By step: accuracy of the same network run for its first 1, 2, ... steps only; "
        "later ones are withheld, where streams are aligned in time they count as zero."
    )
    if len(found.modalities) > 1:
        parts.append(
            f"Together {100 * found.gain_over_best:+.1f} points over the best alone; interaction "
            f"{100 * found.interaction:+.1f} (above 0: they complement each other, below: they say the same)"
        )
    return tuple(parts)
