"""A training that starts from the weights of a finished run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
import torch
import yaml
from stopped import stop_in

from colliculus.data.synthetic import Synthetic
from colliculus.evaluation.groups import group_runs
from colliculus.evaluation.trained_run import open_run
from colliculus.methods import TAAF, LateFusion
from colliculus.runs.result import read_result
from colliculus.runs.run import load_model, read_run
from colliculus.runs.start import class_layers
from colliculus.runs.weights import read_tensors, save_weights
from colliculus.training.callbacks import Callback
from colliculus.training.fit import TrainingInterrupted, fit
from colliculus.types import ColliculusError


class FirstWeights(Callback):
    """Keeps the weights before the first step."""

    def on_start(self, training):
        self.found = {name: value.clone() for name, value in training.model.state_dict().items()}


@pytest.fixture
def before(train, tmp_path):
    train(tmp_path / "before")
    return tmp_path / "before"


def other_classes(experiment, **changes):
    return replace(experiment, data=replace(experiment.data, **{"num_classes": 3, "num_train": 15, **changes}))


def test_the_weights_are_those_of_the_other_run(before, tiny, train, tmp_path):
    seen = FirstWeights()
    result = fit(tiny(seed=5), out=tmp_path / "on", start=before, callbacks=[seen], progress=False).result
    theirs = read_tensors(before / "model.safetensors")
    assert all(torch.equal(seen.found[name], value) for name, value in theirs.items())
    assert result.start.startswith("weights of tiny (sha256 ")
    assert "new" not in result.start
    assert "started from" in str(result.table())
    assert read_run(tmp_path / "on").start.run == before
    plain = train(tmp_path / "plain", seed=5)
    assert (plain.start, read_run(tmp_path / "plain").start) == ("", None)
    assert "started from" not in str(plain.table())


def test_other_classes_have_a_new_head_and_the_rest_is_taken(before, tiny, tmp_path, capsys):
    seen, start = FirstWeights(), open_run(before, "cpu")
    run = fit(other_classes(tiny()), out=tmp_path / "on", start=start, callbacks=[seen])
    assert "so these are new: head.linear.weight, head.linear.bias" in " ".join(capsys.readouterr().out.split())
    new = [name for name, x in read_tensors(before / "model.safetensors").items() if not _same(seen.found[name], x)]
    assert sorted(new) == ["head.linear.bias", "head.linear.weight"]
    assert seen.found["head.linear.weight"].shape[0] == 3
    assert run.result.start == str(read_run(tmp_path / "on").start)


def _same(one, other):
    return one.shape == other.shape and torch.equal(one, other)


def test_classes_of_other_names_have_a_new_head_too(tiny, tmp_path):
    def data(names):
        draw = torch.Generator().manual_seed(1)
        samples = [({"imu": torch.randn(2, 3, 1, 8, generator=draw)}, k % 2) for k in range(24)]
        return {"train": samples, "class_names": names}

    experiment = replace(tiny(epochs=1), method=LateFusion(dim=8, encoder="auto", time_steps=2))
    fit(experiment, data(("walk", "run")), tmp_path / "one", progress=False)
    fresh = {
        names: fit(experiment, data(names), start=tmp_path / "one", progress=False).run.start.fresh
        for names in (("walk", "run"), ("cat", "dog"))
    }
    assert fresh == {("walk", "run"): (), ("cat", "dog"): ("head.linear.weight", "head.linear.bias")}


def test_layers_of_the_classes_are_found_wherever_they_are():
    spec = Synthetic(num_classes=2, num_train=8, num_validation=4, num_test=4, size=8, steps=2).load().spec
    found = class_layers(TAAF(dim=8, encoder="shallow", time_steps=2), spec)
    assert any("query" in name for name in found)
    assert not any(name.startswith("encoders") for name in found)


@pytest.mark.parametrize("changes", [{}, {"refit": True, "ema_decay": 0.9}], ids=str)
def test_one_and_two_epochs_equal_three_without_naming_the_start_again(
    before, tiny, digits, tmp_path, monkeypatch, changes
):
    fit(other_classes(tiny(**changes)), out=tmp_path / "whole", start=before, progress=False)
    stop_in(monkeypatch, 1)
    with pytest.raises(TrainingInterrupted, match="holds 1 of 3 epochs"):
        fit(other_classes(tiny(**changes)), out=tmp_path / "halves", start=before, progress=False)
    if not changes:  # the second training of a refit starts from the weights again
        shutil.rmtree(before)
    fit(other_classes(tiny(**changes)), out=tmp_path / "halves", resume=True, progress=False)
    assert digits(tmp_path / "whole") == digits(tmp_path / "halves")
    assert read_result(tmp_path / "halves").start


def test_a_resumed_run_keeps_its_start(before, tiny, train, tmp_path):
    fit(tiny(), out=tmp_path / "on", start=before, progress=False)
    (tmp_path / "on" / "result.json").unlink()
    train(tmp_path / "other", seed=9)
    with pytest.raises(ColliculusError, match=r"belongs to another run, its start\.model is "):
        fit(tiny(), out=tmp_path / "on", start=tmp_path / "other", resume=True, progress=False)
    shutil.move(before, tmp_path / "moved")
    fit(tiny(), out=tmp_path / "on", start=tmp_path / "moved", resume=True, progress=False)
    assert read_result(tmp_path / "on").start


def test_other_weights_in_the_same_place_are_noticed(before, tiny, tmp_path):
    fit(tiny(), out=tmp_path / "on", start=before, progress=False)
    for name in ("last", "result.json"):
        path = tmp_path / "on" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    model = load_model(before)
    with torch.no_grad():
        next(model.parameters()).add_(1.0)
    save_weights(model, before / "model.safetensors")
    with pytest.raises(ColliculusError, match="not the file that this training started from, its digest differs"):
        fit(tiny(), out=tmp_path / "on", resume=True, progress=False)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"data": {"tactile": True}}, "was trained on audio, visual and these data hold audio, visual, tactile: start"),
        ({"method": {"dim": 16}}, r"do not fit, their encoders\.\S+ has shape .* and that of the model is .*: start"),
    ],
)
def test_another_network_is_refused_in_a_sentence_before_anything_is_announced(
    before, tiny, tmp_path, change, sentence, capsys
):
    experiment = tiny()
    for part, settings in change.items():
        experiment = replace(experiment, **{part: replace(getattr(experiment, part), **settings)})
    with pytest.raises(ColliculusError, match=sentence):
        fit(experiment, out=tmp_path / "on", start=before)
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "on" / "run.yaml").exists()


def test_a_run_that_is_not_finished_is_refused_before_data_are_read(before, tiny, tmp_path, monkeypatch):
    (before / "result.json").unlink()
    monkeypatch.setattr(Synthetic, "load", lambda *_: pytest.fail("the data are read first"))
    with pytest.raises(ColliculusError, match="before is not finished: add --resume to the command that trained it"):
        fit(tiny(), out=tmp_path / "on", start=before, progress=False)


def test_parts_that_were_left_out_are_tried_again(tiny, tmp_path):
    from colliculus.methods import Tectum

    experiment = replace(tiny(epochs=1), method=Tectum(dim=8, encoder="shallow", time_steps=2))
    fit(experiment, out=tmp_path / "one", progress=False)
    model = load_model(tmp_path / "one")
    parts = model.optional_parts()
    assert parts
    for part in parts.values():
        part.get_buffer("kept").fill_(False)
    save_weights(model, tmp_path / "one" / "model.safetensors")
    seen = FirstWeights()
    fit(experiment, out=tmp_path / "two", start=tmp_path / "one", callbacks=[seen], progress=False)
    assert all(bool(seen.found[f"{name}.kept"]) for name in parts)


def test_a_run_that_started_elsewhere_is_another_method(before, tiny, train, tmp_path):
    fit(tiny(), out=tmp_path / "on", start=before, progress=False)
    train(tmp_path / "seed", seed=1)
    groups = group_runs([open_run(tmp_path / name, "cpu") for name in ("before", "seed", "on")])
    assert [(group.name, len(group.members)) for group in groups] == [("tiny", 2), ("tiny start=tiny", 1)]


def test_the_record_is_plain(before, tiny, tmp_path):
    fit(tiny(), out=tmp_path / "on", start=before, progress=False)
    start = yaml.safe_load((tmp_path / "on" / "run.yaml").read_text())["start"]
    assert {**start, "model": len(start["model"])} == {"run": str(before), "preset": "tiny", "model": 64, "fresh": []}
    assert json.loads((tmp_path / "on" / "result.json").read_text())["start"].startswith("weights of tiny")
