"""Run folders as they lie after training and analysis, with made-up figures: nothing is trained."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from colliculus.cli import main
from colliculus.data.dataset import Normalisation
from colliculus.evaluation.energy.cost import TABLES
from colliculus.runs.metrics import Metrics
from colliculus.presets import preset
from colliculus.report.folder import ANALYSES
from colliculus.runs.identity import identity
from colliculus.runs.run import Run, write_run
from colliculus.types import DataSpec

SPEC = DataSpec(
    channels={"audio": 1, "visual": 1}, sizes={"audio": (8, 8), "visual": (8, 8)}, num_classes=2, class_names=("a", "b")
)
LEVELS = [-10.0, 0.0, 10.0]


def contribution():
    given = [
        {"modalities": m, "accuracy": 0.5, "interval": [0.2, 0.8], "probability": 0.5, "step_accuracy": [0.25, 0.5]}
        for m in (["audio"], ["visual"], ["audio", "visual"])
    ]
    shares = {"audio": 0.125, "visual": 0.25}
    classes = [{"name": name, "total": 4, "shapley": shares} for name in SPEC.names]
    found = {"modalities": ["audio", "visual"], "total": 8, "chance": 0.5, "given": given, "classes": classes}
    return {"contribution": found | {"shapley_accuracy": shares, "gain_over_best": 0.0, "interaction": 0.0}}


def robustness():
    points = {
        "levels": LEVELS,
        "accuracy": [0.25, 0.5, 0.75],
        "lowest": [0.25, 0.5, 0.75],
        "highest": [0.25, 0.5, 0.75],
    }
    curve = {"kind": "white", "target": "audio", "unit": "dB", "area": 0.4375, "retained": None} | points
    settings = {"snr_db": LEVELS, "seeds": 3}
    return {"clean": 0.75, "chance": 0.5, "curves": [curve], "settings": settings, "not_applicable": {}}


def energy():
    def costs(nanojoules):
        return {"compute_nj": nanojoules, "addressing_nj": 0.0, "memory_nj": 0.0, "total_nj": nanojoules}

    def totals(mac_pj):
        """So that every table gives another figure."""
        networks = {"spiking": costs(1000 * mac_pj), "spiking_first_layer_once": costs(1000 * mac_pj)}
        twins = {"artificial": costs(2000 * mac_pj)}
        rates = {"artificial": {"compute": 0.25, "total": 0.25}}
        return {"mac_pj": mac_pj, "ac_pj": 0.1, "twins": twins, "break_even_rate": rates} | networks

    layer = {"layer": "head", "mac": 1.0, "ac": 2.0, "rate": 0.5} | costs(1.0)
    operations = {"ac": 2.0, "mac": 1.0, "twin_mac": 4.0}
    tables = {name: totals(table.mac_pj) for name, table in TABLES.items()}
    told = {"table": "45nm-fp32", "samples": 8, "rate": 0.5, "operations": operations}
    return told | {"tables": tables, "layers": [layer]}


def explain():
    clip = {"index": 0, "label": "a", "predicted": "a", "probability": 0.75, "probabilities": {"a": 0.75, "b": 0.25}}
    clip |= {"evidence": {"audio": 0.5, "visual": 0.25}, "step_probabilities": [0.5, 0.75], "time_weights": {}}
    features = {"index": [0, 1], "label": [0, 1], "pca": [[0, 1], [1, 0]], "pca_share": [0.5, 0.25], "tsne": []}
    return {"clips": [clip | {"pictures": []}], "time_weights": {}, "features": features}


FOUND = {"contribution": contribution, "robustness": robustness, "energy": energy, "explain": explain}


@pytest.fixture
def made(tmp_path):
    """Write a run folder: how it was trained, what came out, and of every verb what it found."""

    def make(name, *, seed=0, snr_db=None, fingerprint="0123456789abcdef", imported=False, measured=None):
        folder = tmp_path / name
        experiment = preset("s-cmrl-synthetic")
        train = replace(experiment.train, seed=seed, snr_db=snr_db or {})
        run = Run(
            preset="imported" if imported else "s-cmrl-synthetic",
            experiment=replace(experiment, train=train),
            spec=SPEC,
            normalisation=Normalisation(mean={}, std={}),
            protocol="standard",
            fingerprint="" if imported else fingerprint,
        )
        write_run(folder, run)
        (folder / "model.safetensors").write_bytes(b"weights")
        if not imported:
            (folder / "result.json").write_text(json.dumps(result()))
        about = identity(folder, run, fingerprint) | {"split": "test", "snr_db": snr_db or {}}
        for verb, changes in (measured or {}).items():
            write(folder, verb, about | FOUND[verb]() | changes)
        return folder

    return make


def result():
    test = asdict(Metrics.from_confusion(np.array([[3, 1], [1, 3]]), SPEC.names))
    rest = {"best_epoch": 1, "selection": "the best", "parameters": 1000, "samples_per_second": 10.0, "device": "cpu"}
    return rest | {"versions": {"colliculus": "0"}, "validation": test, "test": test}


def write(folder, verb, record):
    path = Path(folder, ANALYSES[verb])
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(record))


class Prose(HTMLParser):
    """The words of a page."""

    def __init__(self):
        super().__init__()
        self.words = []

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture
def told(tmp_path, capsys):
    """The words of a page about runs; of a page that is refused, what was said."""

    def read(*folders, code=0):
        out = tmp_path / "page.html"
        assert main(["report", *map(str, folders), "--out", str(out)]) == code
        if code:
            assert not out.exists()
            return " ".join(capsys.readouterr().err.split())
        prose = Prose()
        prose.feed(out.read_text("utf-8"))
        return " ".join(" ".join(prose.words).split())

    return read
