"""Run folders that version 0.1 wrote (format 1) load, predict what they predicted, and go on where they stopped."""

from __future__ import annotations

import csv
import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from colliculus.corpus.prepare.storage import Frames
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.data.folder import Folder
from colliculus.files.documents import from_plain
from colliculus.methods import FirstTectum, LateFusion
from colliculus.modulation import AGMSettings, Balance, OGMGESettings, PMRSettings
from colliculus.runs.document import experiment_from_plain, experiment_to_plain
from colliculus.runs.experiment import Experiment
from colliculus.runs.migration import FORMAT, migrated
from colliculus.runs.run import load_model, read_run, read_run_file
from colliculus.training.checkpoint import read_state, write_state
from colliculus.training.fit import TrainingInterrupted, fit
from colliculus.training.learner import Learner

FOLDERS = Path(__file__).parent / "format_1"
FINISHED = sorted(path.name for path in FOLDERS.iterdir() if (path / "result.json").exists())


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_kind_is_there() -> None:
    kept = {"cmci-reference", "s-cmrl", "s-cmrl-reference", "sca", "taaf", "tectum", "unimodal"}
    assert set(FINISHED) == kept
    for folder in FOLDERS.iterdir():
        assert yaml.safe_load((folder / "run.yaml").read_text())["format"] == 1


@pytest.mark.parametrize("name", FINISHED)
def test_a_run_predicts_what_it_predicted(name) -> None:
    run, model = read_run(FOLDERS / name), load_model(FOLDERS / name)
    test = run.experiment.data.load(run.normalisation).test
    with torch.no_grad():
        found = model(test.batch(np.arange(len(test)), epoch=0).inputs).logits.softmax(1)
    expected = rows(FOLDERS / name / "predictions.csv")
    classes = [key for key in expected[0] if key.startswith("probability")]
    probabilities = torch.tensor([[float(row[key]) for key in classes] for row in expected])
    assert len(probabilities.unique(dim=0)) > 2  # a silent network says the same of every clip
    torch.testing.assert_close(found, probabilities, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", FINISHED)
def test_the_settings_are_those_of_the_present(name) -> None:
    document = read_run_file(FOLDERS / name)
    assert document["format"] == FORMAT
    method = read_run(FOLDERS / name).experiment.method
    assert document["experiment"]["method"]["name"] == method.name
    assert getattr(method, "arithmetic", "ours") == ("reference" if name in REFERENCE else "ours")


@pytest.mark.parametrize(("number", "kind"), [(1, "inverse"), (2, "inverse"), (3, "inverse"), (4, "loss")])
def test_the_loss_by_inverse_scores_has_another_name(number, kind) -> None:
    scores = {"kind": "loss"}
    method = {"name": "taaf", "neuron": {}, "balance": {"kind": "scores", "scores": scores}}
    found = migrated({"format": number, "experiment": {"method": method}})["experiment"]["method"]
    assert found["balance"]["scores"]["kind"] == kind
    assert scores == {"kind": "loss"}  # the document that was given is not changed


REFERENCE = ("cmci-reference", "s-cmrl-reference", "unimodal")


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize(("learned", "kind"), [(True, "plif"), (False, None)])
def test_a_learned_time_constant_became_a_kind_of_neuron(number, learned, kind) -> None:
    neuron = {"learned_tau": learned, "tau": 3.0}
    former = {"format": number, "experiment": {"method": {"name": "late-fusion", "neuron": neuron}}}
    found = migrated(former)["experiment"]["method"]["neuron"]
    assert found == {"tau": 3.0} | ({"kind": kind} if kind else {})
    assert neuron == {"learned_tau": learned, "tau": 3.0}  # the document that was given is not changed


@pytest.mark.parametrize("number", [1, 2])
def test_a_tectum_of_former_formats_is_the_first_edition(number) -> None:
    method = {"name": "tectum", "dim": 32, "heads": 4, "alpha": 0.5, "neuron": {"learned_tau": True}}
    former = {"format": number, "preset": "tectum-av-digits", "experiment": {"method": method}}
    found = migrated(former)
    assert (found["format"], found["preset"]) == (FORMAT, "tectum-first-av-digits")
    assert found["experiment"]["method"] == {
        **{name: value for name, value in method.items() if name != "neuron"},
        "name": "tectum-first",
        "neuron": {"kind": "plif"},
    }
    assert migrated(found) == found
    assert method["name"] == "tectum", "the document given is not changed"
    run = read_run(FOLDERS / "tectum")
    assert isinstance(run.experiment.method, FirstTectum)
    assert run.preset == "tectum-first-synthetic"


def test_the_second_edition_and_other_methods_keep_their_names() -> None:
    present = {"format": FORMAT, "preset": "tectum-arrays", "experiment": {"method": {"name": "tectum", "dim": 32}}}
    assert migrated(present) == present
    other = {"format": 2, "preset": "tectum-mine", "experiment": {"method": {"name": "taaf", "dim": 32}}}
    assert migrated(other) == {**other, "format": FORMAT}


def test_settings_that_had_an_effect_are_kept_and_the_others_are_not() -> None:
    methods = {name: read_run(FOLDERS / name).experiment.method for name in FINISHED}
    assert (methods["s-cmrl"].balance.kind, methods["s-cmrl"].cross_attention) == ("ogm-ge", "spatial")
    assert methods["s-cmrl"].alpha == methods["s-cmrl-reference"].alpha == 1.5  # as it was recorded
    assert methods["sca"].attention_threshold == 0.4
    assert (methods["taaf"].balance.scores.kind, methods["taaf"].neuron.temporal_gradient) == ("inverse", True)
    assert methods["unimodal"].neuron.temporal_gradient is False
    assert (methods["cmci-reference"].unimodal_loss, methods["cmci-reference"].modality_dropout) == (1.0, 0.0)
    recorded = yaml.safe_load((FOLDERS / "s-cmrl" / "run.yaml").read_text())["experiment"]
    assert (recorded["method"]["temperature"], recorded["train"]["momentum"]) == (0.1, 0.8)  # nobody read them
    assert methods["s-cmrl"].temperature == 0.07
    assert methods["s-cmrl"].residual == "add"
    assert {read_run(FOLDERS / name).experiment.train.snr_of for name in FINISHED} == {"standardised"}


def test_a_stopped_run_goes_on_to_the_same_end(tmp_path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(FOLDERS / "stopped", folder)
    (folder / "last").mkdir()
    (folder / "last" / "state.pt").write_bytes(gzip.decompress((folder / "state.pt.gz").read_bytes()))
    run = read_run(folder)
    fit(run.experiment, out=folder, resume=True, device="cpu", progress=False)
    found, expected = (rows(folder / name) for name in ("metrics.csv", "metrics_to_the_end.csv"))
    assert len(found) == len(expected) == 20
    for mine, theirs in zip(found, expected, strict=True):
        assert {k: float(v) for k, v in mine.items()} == pytest.approx(
            {k: float(v) for k, v in theirs.items()}, rel=1e-4
        )
    predicted = [row["predicted"] for row in rows(folder / "predictions.csv")]
    assert predicted == [row["predicted"] for row in rows(folder / "predictions_at_the_end.csv")]


def test_settings_that_a_version_did_not_know_get_their_defaults_and_the_run_goes_on(
    train, digits, tmp_path, monkeypatch
) -> None:
    new = ("head_factor", "select", "refit")
    train(tmp_path / "whole")
    train_epoch = Learner.train_epoch

    def stopped(self, split, epoch, watch):
        if epoch == 2:
            monkeypatch.undo()
            raise KeyboardInterrupt
        return train_epoch(self, split, epoch, watch)

    monkeypatch.setattr(Learner, "train_epoch", stopped)
    with pytest.raises(TrainingInterrupted):
        train(tmp_path / "old")
    document = yaml.safe_load((tmp_path / "old" / "run.yaml").read_text())
    state = read_state(tmp_path / "old")
    for experiment in (document["experiment"], state.run["experiment"]):
        for name in new:
            del experiment["train"][name]
    for group in state.optimizer["param_groups"]:
        del group["factor"]
    (tmp_path / "old" / "run.yaml").write_text(yaml.safe_dump(document))
    write_state(tmp_path / "old", state)
    train(tmp_path / "old", resume=True)
    found, expected = digits(tmp_path / "old"), digits(tmp_path / "whole")
    assert found["weights"] == expected["weights"]
    assert found["metrics"] == expected["metrics"]
    assert found["result"] == expected["result"]


def test_a_method_of_ones_own_does_not_keep_other_settings_from_their_defaults() -> None:
    document = {
        "format": 2,
        "experiment": {
            "method": {"name": "own", "module": "absent"},
            "data": {"name": "arrays", "augment": {"seed": 3}},
            "train": {"epochs": 7},
        },
    }
    found = migrated(document)["experiment"]
    assert found["method"] == document["experiment"]["method"]
    assert (found["data"]["augment"]["seed"], found["data"]["augment"]["noise"]["probability"]) == (3, 0.0)
    assert (found["train"]["epochs"], found["train"]["head_factor"]) == (7, 1.0)


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize(
    ("kind", "recorded", "expected"),
    [
        ("none", {"ogm_ge": {"alpha": 0.8, "last_epoch": None}, "pmr": {"momentum": 0.5}}, Balance()),
        ("ogm-ge", {"ogm_ge": {"last_epoch": 7}}, Balance(kind="ogm-ge", ogm_ge=OGMGESettings(last_epoch=7))),
        (
            "ogm-ge",
            {"ogm_ge": {"alpha": 0.3}},
            Balance(kind="ogm-ge", ogm_ge=OGMGESettings(alpha=0.3, last_epoch=None)),
        ),
        ("agm", {"agm": {"alpha": 2.0}}, Balance(kind="agm", agm=AGMSettings(alpha=2.0, clip_norm=None))),
        ("pmr", {}, Balance(kind="pmr", pmr=PMRSettings(weights="paper", momentum=0.5))),
        ("iemf", {"pmr": {"momentum": 0.5}}, Balance(kind="iemf")),
    ],
)
def test_a_balance_does_what_it_did(number, kind, recorded, expected) -> None:
    method = {"name": "late-fusion", "unimodal_loss": 1.0, "balance": {"kind": kind, **recorded}}
    found = migrated({"format": number, "experiment": {"method": method}})
    assert found["format"] == FORMAT
    assert from_plain(found["experiment"]["method"]["balance"], Balance) == expected
    assert method["balance"] == {"kind": kind, **recorded}  # the document that was given is not changed


@pytest.mark.parametrize(
    "document", [{}, {"format": 1}, {"format": 1, "experiment": 3}, {"format": 1, "experiment": {"method": "scmrl"}}]
)
def test_a_damaged_document_stays_damaged(document) -> None:
    assert {**migrated(document), "format": 0} == {**document, "format": 0}


def test_sca_of_the_reference() -> None:
    method = {"name": "sca", "reference": True, "attention_threshold": 0.4}
    found = migrated({"format": 1, "experiment": {"method": method}})["experiment"]["method"]
    assert found == {"name": "sca", "arithmetic": "reference"}
    assert method["reference"], "the document given is not changed"


@pytest.mark.parametrize("steps", [None, 3])
def test_clips_of_former_runs_keep_one_frame_of_each_video(steps) -> None:
    run = Experiment(method=LateFusion(), data=Folder(clips=FolderRecipe(visual=Frames(steps=steps))))
    plain = experiment_to_plain(run)
    del plain["data"]["clips"]["video_frames"]
    clips = experiment_from_plain(migrated({"format": 4, "experiment": plain})["experiment"]).data.clips
    assert clips.video_frames == (0 if steps is None else FolderRecipe.video_frames)
    assert clips.visual.steps == steps
