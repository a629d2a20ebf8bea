"""Run folders as training and measurements leave them, with made-up figures: nothing is trained."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from colliculus.data.dataset import Normalisation
from colliculus.evaluation.contribution import ClassContribution, Contribution, GivenModalities
from colliculus.evaluation.corruption.plan import RobustnessSettings
from colliculus.evaluation.curves import Curve
from colliculus.evaluation.energy.cost import TABLES, Cost
from colliculus.evaluation.energy.record import Energy
from colliculus.evaluation.energy.totals import BreakEven, LayerRow, Operations, TableCosts
from colliculus.evaluation.exchange.additivity import Additivity
from colliculus.evaluation.exchange.gradients import Pull
from colliculus.evaluation.exchange.record import Decisions, ExchangeEffect, Interventions
from colliculus.evaluation.explanation.clip import ExplainedClip
from colliculus.evaluation.explanation.record import Explanation, Features
from colliculus.evaluation.robustness import Robustness
from colliculus.presets import preset
from colliculus.report.material import ANALYSES
from colliculus.report.report import report
from colliculus.runs.identity import identity
from colliculus.runs.metrics import Metrics
from colliculus.runs.names import MODEL_FILE, RESULT_FILE
from colliculus.runs.result import TrainingResult
from colliculus.runs.run import Run, write_run
from colliculus.types import DataSpec

SPEC = DataSpec(
    channels={"audio": 1, "visual": 1}, sizes={"audio": (8, 8), "visual": (8, 8)}, num_classes=2, class_names=("a", "b")
)


EXCHANGE = ExchangeEffect(
    interventions=Interventions(
        modules=("fusion.attention.audio_from_visual", "fusion.attention.visual_from_audio"),
        total=8,
        accuracy=0.5,
        zeroed=Decisions(0.375, 1),
        shuffled=Decisions(0.25, 2),
        residual_size={"audio": 0.06, "visual": 0.04},
        pulls={"task": Pull(0.009, 1.5), "alignment": Pull(0.247, 0.25)},
    ),
    additivity=Additivity(
        clips=8, pairings=64, accuracy=0.5, additive_accuracy=0.625, changed=1, interaction_share=0.004
    ),
)


def contribution(about):
    given = [GivenModalities(m, 0.5, (0.2, 0.8), 0.5, (0.25, 0.5)) for m in (("audio",), ("visual",), SPEC.modalities)]
    shares = {"audio": 0.125, "visual": 0.25}
    return Contribution(
        **about,
        time_steps=2,
        total=8,
        chance=0.5,
        given=tuple(given),
        shapley_accuracy=shares,
        shapley_probability=shares,
        gain_over_best=0.0,
        interaction=0.0,
        by_class=tuple(ClassContribution(name, 4, shares) for name in SPEC.names),
        exchange=EXCHANGE,
    )


def robustness(about):
    points = dict.fromkeys(("accuracy", "lowest", "highest"), (0.25, 0.5, 0.75))
    curve = Curve(
        kind="white",
        target="audio",
        unit="SNR, dB",
        severities=(-10.0, 0.0, 10.0),
        area=0.4375,
        relative_robustness=None,
        **points,
    )
    settings = RobustnessSettings(snr_db=(-10.0, 0.0, 10.0))
    return Robustness(**about, settings=settings, total=8, clean=0.75, chance=0.5, curves=(curve,), not_applicable={})


def energy(about):
    def costs(nanojoules):
        return Cost(compute_nj=nanojoules, addressing_nj=0.0, memory_nj=0.0, total_nj=nanojoules)

    def totals(name, table):
        """Another figure for each table."""
        spiking = costs(1000 * table.mac_pj)
        return TableCosts(
            cost_table=name,
            mac_pj=table.mac_pj,
            ac_pj=table.ac_pj,
            bits=table.bits,
            source=table.source,
            spiking=spiking,
            spiking_once=spiking,
            of_it_neurons=costs(1.0),
            conventional_nj=1.0,
            counterparts={"artificial": costs(2000 * table.mac_pj)},
            break_even_rate={"artificial": BreakEven(compute=0.25, total=0.25)},
        )

    numbers = ("steps", "repeats", "inputs", "events", "rate", "mac", "ac")
    costs_of_layer = dict.fromkeys(("compute_nj", "addressing_nj", "memory_nj", "total_nj"), 1.0)
    layer = LayerRow(
        layer="head.linear", kind="linear", values="spikes", decides=True, **dict.fromkeys(numbers, 1), **costs_of_layer
    )
    operations = dict.fromkeys(("mac", "mac_once", "ac", "conventional", "counterpart_mac"), 2.0)
    return Energy(
        **about,
        cost_table="45nm-fp32",
        samples=8,
        steps=2,
        rate=0.5,
        operations=Operations(**operations, neuron_updates=1.0, share_of_uses_by_spikes=0.5),
        quantised_bits=4,
        tables={name: totals(name, table) for name, table in TABLES.items()},
        layers=(layer,),
    )


def explain(about):
    clip = ExplainedClip(
        predicted="a",
        probability=0.75,
        probabilities={"a": 0.75, "b": 0.25},
        evidence={"audio": 0.5, "visual": -0.25},
        step_probabilities=(0.5, 0.75),
        index=0,
        label="a",
        time_weights={},
        images=(),
    )
    plane = Features(index=(0, 1), label=(0, 1), pca=((0.0, 1.0), (1.0, 0.0)), pca_share=(0.5, 0.25), tsne=())
    return Explanation(**about, time_steps=2, clips=(clip,), time_weights={}, features=plane)


RECORDS = {"contribution": contribution, "robustness": robustness, "energy": energy, "explain": explain}


def result(about, seed):
    test = Metrics.from_confusion(np.array([[3, 1], [1, 3]]), SPEC.names)
    return TrainingResult(
        preset="s-cmrl-synthetic",
        method="s-cmrl",
        dataset="synthetic",
        protocol="standard",
        fingerprint=about["fingerprint"],
        seed=seed,
        epochs=1,
        best_epoch=1,
        selection="the best",
        parameters=1000,
        validation=test,
        test=test,
        samples_per_second=10.0,
        world_size=1,
        device="cpu",
        versions={"colliculus": "0"},
    )


@pytest.fixture
def made(tmp_path):
    """Write a run folder: settings, result, and records by verb with their changed fields (or a function to them)."""

    def make(name, *, seed=0, snr_db=None, fingerprint="0123456789abcdef", imported=False, measured=None):
        folder = tmp_path / name
        experiment = preset("s-cmrl-synthetic")
        run = Run(
            preset="imported" if imported else "s-cmrl-synthetic",
            experiment=replace(experiment, train=replace(experiment.train, seed=seed, snr_db=snr_db or {})),
            spec=SPEC,
            normalisation=Normalisation(mean={}, std={}),
            protocol="standard",
            fingerprint="" if imported else fingerprint,
        )
        write_run(folder, run)
        (folder / MODEL_FILE).write_bytes(b"weights")
        about = identity(folder, run, fingerprint) | {"classes": SPEC.names, "modalities": SPEC.modalities}
        about |= {"split": "test", "snr_db": snr_db or {}}
        if not imported:
            result(about, seed).save(folder / RESULT_FILE)
        for verb, changes in (measured or {}).items():
            record = RECORDS[verb](about)
            changed = changes(record) if callable(changes) else changes
            replace(record, **changed).save(folder / ANALYSES[verb].kind.FILE)
        return folder

    return make


class Prose(HTMLParser):
    """The words of a page."""

    def __init__(self):
        super().__init__()
        self.words = []

    def handle_data(self, data):
        self.words.append(data)


def words(html):
    """The words of HTML, each separated by one space."""
    prose = Prose()
    prose.feed(html)
    return " ".join(" ".join(prose.words).split())


@pytest.fixture
def written(tmp_path):
    """The words of a page about runs."""

    def read(*folders):
        out = tmp_path / "page.html"
        report(folders, out)
        return words(out.read_text("utf-8"))

    return read
