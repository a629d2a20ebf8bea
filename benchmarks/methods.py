"""Every method on AV-Digits under one budget: under noise that leaves room between them, and with an unknown speaker.

    python benchmarks/methods.py --data-root FOLDER --into RESULTS.md

trains each preset (skips what is done, resumes what was cut off), measures robustness and energy of the runs, the speed
of all methods in turns, and writes the tables of RESULTS.md with intervals and paired tests. Methods are compared with
the best of the others' fusions, chosen on the validation part; ours once more by themselves. Accuracies of the ANN
counterparts of some methods (ReLU, T = 1) stand beside their energies. It is a survey: the comparison that was declared
before its trainings is declared.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from time import perf_counter

import torch
import tyro
from study import Study, areas, markdown, rates, result, spread, validation, without

from colliculus.evaluation.comparison import Comparison, compare
from colliculus.evaluation.energy.record import Energy
from colliculus.evaluation.paired import PairedTest
from colliculus.evaluation.robustness import Robustness
from colliculus.evaluation.verdict import p_value
from colliculus.presets import PRESETS
from colliculus.runtime import Runtime
from colliculus.training.optim import build_optimizer
from colliculus.training.step import TrainingStep
from colliculus.types import Batch

DATA = "av-digits"
OURS = {
    "s-cmrl": "S-CMRL",
    "taaf": "TAAF (our reading)",
    "tectum": "Tectum",
    "tectum-first": "Tectum, first edition",
}
OTHERS = {
    "s-cmrl-reference": "S-CMRL, reference",
    "spatial": "spatial attention alone",
    "temporal": "temporal attention alone",
    "sca": "SCA",
    "sca-reference": "SCA, reference",
    "cmci": "CMCI, as published",
    "cmci-reference": "CMCI, reference",
    "cmqka": "CMQKA",
    "misnet": "MISNet",
    "spikformer": "Spikformer, late fusion",
    "qkformer": "QKFormer, late fusion",
    "sew-resnet": "SEW-ResNet, late fusion",
    "tet": "TET alone",
    "weighted-attention": "weighted attention",
    "late-fusion": "late fusion, sum",
    "late-fusion-concat": "late fusion, concatenation",
}
ALONE = {"audio": "audio alone", "visual": "visual alone"}
TITLES = {f"{name}-{DATA}": title for name, title in {**OURS, **OTHERS, **ALONE}.items()}
"""What the methods are called in the tables, by preset."""
OWN_ARITHMETIC = [preset for preset in TITLES if "-reference-" not in preset]
"""The methods once each: those with the arithmetic of the released program have no trainings without a speaker."""
NOISE = {"train.snr_db": {"audio": -10.0, "visual": -10.0}}
COUNTED = ("late-fusion", "weighted-attention", "s-cmrl", "taaf", "tectum", "cmqka")
"""Methods whose ANN counterparts are trained."""
RELU = {"method.neuron.kind": "relu", "method.time_steps": 1}
NUM_FOLDS = 6
COSTS = "45nm-fp32"
ROBUSTNESS, ENERGY = "robustness/result.json", "energy/energy.json"
ROUNDS, STEPS = 5, 4
Runs = Mapping[str, Sequence[Path]]
"""Run folders by preset."""


@dataclass(frozen=True, kw_only=True)
class Settings(Study):
    """Train, test, compare, count and time every method."""

    out: Path = Path("runs/methods")
    """Folder of the runs."""
    seeds: int = 10
    """Trainings of each method under noise; with an unknown speaker there is one for each of the six speakers."""
    counterparts: int = 3
    """Trainings of each ANN counterpart."""


def noisy_runs(settings: Settings, presets: Sequence[str]) -> Runs:
    """Trainings under noise, seed by seed."""
    study = replace(settings, out=settings.out / "noisy")
    return study.train(study.grid(presets, NOISE))


def counterpart_runs(settings: Settings) -> Runs:
    """Trainings of ANN counterparts under noise, seed by seed."""
    study = replace(settings, out=settings.out / "relu")
    grid = study.grid([f"{method}-{DATA}" for method in COUNTED], {**NOISE, **RELU})
    found = study.train(grid, settings.counterparts)
    return {variant.preset: found[variant.name] for variant in grid}


def count_energy(settings: Settings, runs: Runs, counterparts: Runs) -> None:
    """Count the energy of every run, with the accuracy of its counterpart of the same seed, if there is one."""
    for preset, folders in runs.items():
        trained = counterparts.get(preset, ())
        for folder, counterpart in zip(folders, trained, strict=False):
            settings.examine([folder], "energy", ENERGY, "--counterpart", str(counterpart))
        settings.examine(folders[len(trained) :], "energy", ENERGY)


def speaker_runs(settings: Settings, presets: Sequence[str]) -> Runs:
    """One training with each speaker left out."""
    study = replace(settings, out=settings.out / "speaker")
    grid = study.grid(presets, {"data.protocol": "speaker-out"}, {"data.fold": range(NUM_FOLDS)})
    found = study.train(grid, 1)
    return {preset: [run for v in grid if v.preset == preset for run in found[v.name]] for preset in presets}


def compared(runs: Runs, baseline: str, *over: str) -> Comparison:
    """Every method against one, on the clips that the runs were tested on."""
    return compare([folder for folders in runs.values() for folder in folders], baseline=baseline, over=over)


def accuracy_table(found: Comparison, runs: Runs) -> list[str]:
    """Accuracy with its interval, and the difference to the baseline with both p-values; the best on top."""
    against = {c.first: c for c in found.tests}
    ranked = sorted(found.scores.items(), key=lambda item: -item[1].accuracy)
    return markdown(
        [
            {
                "method": TITLES[name],
                "test accuracy, %": _share(score.accuracy, score.interval),
                "validation, %": f"{100 * validation(runs[name]):.1f}",
                **_tested(against.get(name), found),
            }
            for name, score in ranked
        ]
    )


def _share(accuracy: float, interval: tuple[float, float]) -> str:
    return f"{100 * accuracy:.1f} ({100 * interval[0]:.1f} to {100 * interval[1]:.1f})"


def _tested(test: PairedTest | None, found: Comparison) -> dict[str, str]:
    """Difference to the baseline with its interval, both p-values, and what Holm makes of the larger."""
    headings = (f"over {TITLES[found.baseline]}, points", f"p, {found.repeats}", "p, clips", "p, both, Holm")
    if test is None or test.seed_interval is None or test.p_seeds is None or test.p is None:
        return dict.fromkeys(headings, "")
    low, high = (f"{100 * bound:+.1f}" for bound in test.seed_interval)
    points = f"{100 * test.difference:+.1f} ({low} to {high})"
    p_values = (p_value(p) for p in (test.p_seeds, test.p_clips, test.p))
    return dict(zip(headings, (points, *p_values), strict=True))


def verdicts(found: Comparison) -> list[str]:
    """Result of each test in one or two sentences."""
    sentences = list(found.verdicts)
    for preset, title in sorted(TITLES.items(), key=lambda item: -len(item[0])):
        sentences = [sentence.replace(preset, title) for sentence in sentences]
    return [f"- {sentence}" for sentence in sentences]


def speaker_table(found: Comparison) -> list[str]:
    """A column for every speaker left out, then mean, interval and tests over speakers."""
    against = {c.first: c for c in found.tests}
    rows: list[dict[str, str]] = []
    for method in sorted(found.methods, key=lambda method: -method.score.accuracy):
        score = method.score
        folds = sorted(zip((fold for fold, _ in method.trainings), score.accuracies, strict=True))
        rows.append(
            {
                "method": TITLES[method.name],
                **{fold.replace("data.fold=", "speaker "): f"{100 * accuracy:.1f}" for fold, accuracy in folds},
                "mean, %": _share(score.accuracy, score.interval),
                **_tested(against.get(method.name), found),
            }
        )
    return markdown(rows)


def robustness_table(runs: Runs) -> list[str]:
    """Mean accuracy along the curve of white noise, on each modality and on both, and accuracy without a modality."""
    targets = {"white noise on audio": "audio", "on visual": "visual", "on both": "audio+visual"}
    rows: list[dict[str, str]] = []
    for preset, folders in runs.items():
        found = [Robustness.read(folder / ROBUSTNESS) for folder in folders]
        measured = {heading: areas(found, target) for heading, target in targets.items()}
        measured |= {f"no {modality}": without(found, modality) for modality in ("audio", "visual")}
        cells = {heading: spread(values) if values else "" for heading, values in measured.items()}
        rows.append({"method": TITLES[preset], **cells})
    return markdown(rows)


def cost_table(runs: Runs) -> list[str]:
    """Parameters, speed, firing, and the energy of a clip, of operations alone and with memory: spiking / ANN."""
    speed = speeds(list(runs))
    rows: list[dict[str, str]] = []
    for preset, folders in runs.items():
        costs = [Energy.read(folder / ENERGY).tables[COSTS] for folder in folders]
        networks = [[c.spiking_once for c in costs], [c.counterparts["artificial"] for c in costs]]
        operations = [mean(cost.compute_nj for cost in network) / 1000 for network in networks]
        together = [mean(cost.total_nj for cost in network) / 1000 for network in networks]
        artificial = [100 * a.accuracy for f in folders if (a := Energy.read(f / ENERGY).accuracy.get("artificial"))]
        training, evaluation = speed[preset]
        rows.append(
            {
                "method": TITLES[preset],
                "parameters": f"{result(folders[0]).parameters:,}",
                "samples/s in training": f"{training:.0f}",
                "in evaluation": f"{evaluation:.0f}",
                "lowest rate at the start": f"{min(rates(folders, 'start')):.1f} %",
                "energy of a clip: operations, uJ": " / ".join(f"{uj:.1f}" for uj in operations),
                "and memory, uJ": " / ".join(f"{uj:.0f}" for uj in together),
                "test accuracy of the ANN, %": spread(artificial) if artificial else "not trained",
            }
        )
    return markdown(rows)


def speeds(presets: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Samples a second of every method in training and in evaluation: they take turns, the median over turns counts."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    shape = (PRESETS[presets[0]].experiment.train.batch_size, 1, 32, 32)
    batch = Batch({"audio": torch.randn(shape), "visual": torch.randn(shape)}, torch.arange(shape[0]) % 10)
    learners = {preset: learner(preset) for preset in presets}
    found: dict[str, list[tuple[float, float]]] = {preset: [] for preset in presets}
    for turn in range(ROUNDS + 1):
        for preset, step in learners.items():
            start = perf_counter()
            for _ in range(STEPS):
                step(batch)
            between = perf_counter()
            with torch.inference_mode():
                step.model.eval()
                for _ in range(STEPS):
                    step.model(batch.inputs)
                step.model.train()
            if turn:  # the first turn warms up
                samples = STEPS * len(batch)
                found[preset].append((samples / (between - start), samples / (perf_counter() - between)))
    return {preset: (median(t for t, _ in turns), median(e for _, e in turns)) for preset, turns in found.items()}


def learner(preset: str) -> TrainingStep:
    """The training step of a preset, on one thread of the CPU."""
    experiment = PRESETS[preset].experiment
    model = experiment.method.model(experiment.data.spec).train()
    return TrainingStep(
        model=model,
        objective=experiment.method.objective(),
        modulator=experiment.method.modulator(),
        optimizer=build_optimizer(model, experiment.train),
        runtime=Runtime(device=torch.device("cpu")),
        clip_norm=None,
    )


def best_of_the_others(runs: Runs) -> str:
    """The fusion of the others with the highest mean validation accuracy; the test is not looked at."""
    presets = [preset for name in OTHERS if (preset := f"{name}-{DATA}") in OWN_ARITHMETIC]
    return max(presets, key=lambda preset: validation(runs[preset]))


def main(settings: Settings) -> None:
    """Train what is not trained, look at what was not looked at, write the tables."""
    everything = list(TITLES)
    noisy = noisy_runs(settings, everything)
    speaker = speaker_runs(settings, OWN_ARITHMETIC)
    best = best_of_the_others(noisy)
    ours = [f"{name}-{DATA}" for name in OURS]
    trained = [run for runs in noisy.values() for run in runs]
    count_energy(settings, noisy, counterpart_runs(settings))
    settings.examine(trained, "robustness", ROBUSTNESS, "--only", "white", "missing", "--seeds", "1")
    settings.publish("methods under noise", accuracy_table(compared(noisy, best), noisy))
    settings.publish("ours under noise", verdicts(compared({preset: noisy[preset] for preset in (*ours, best)}, best)))
    settings.publish("robustness", robustness_table(noisy))
    settings.publish("cost", cost_table(noisy))
    best = best_of_the_others(speaker)
    settings.publish("unknown speaker", speaker_table(compared(speaker, best, "data.fold")))
    found = compared({preset: speaker[preset] for preset in (*ours, best)}, best, "data.fold")
    settings.publish("ours with an unknown speaker", verdicts(found))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
