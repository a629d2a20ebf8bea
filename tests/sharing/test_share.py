"""A run for others: what the folder holds, what it must not hold, and the way over the hub."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from colliculus.cli import main
from colliculus.evaluation.comparison import compare
from colliculus.evaluation.energy.measure import energy
from colliculus.evaluation.trained_run import open_run
from colliculus.report.report import report
from colliculus.runs.hub import Address, address_of
from colliculus.runs.local import local_run
from colliculus.runs.run import load_model, read_run
from colliculus.sharing.share import fetch, share
from colliculus.training.fit import fit
from colliculus.types import ColliculusError

FILES = ["README.md", "model.safetensors", "result.json", "run.yaml", "spike_health.json"]


def front_matter(folder):
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def rewrite(path, change):
    document = yaml.safe_load(path.read_text())
    change(document)
    path.write_text(yaml.safe_dump(document))


def test_a_copy_loads_and_computes_the_same(run, tmp_path):
    found = share(run, tmp_path / "for others", data_licence="CC0")
    folder = tmp_path / "for others"
    assert sorted(found.files) == sorted(path.name for path in folder.iterdir()) == FILES
    inputs = open_run(run, "cpu").data.test.batch(np.arange(5), epoch=0).inputs
    with torch.no_grad():
        ours, theirs = (load_model(place)(inputs).logits for place in (run, folder))
    assert torch.equal(ours, theirs)
    assert ours.std() > 0
    assert open_run(folder, "cpu").result == open_run(run, "cpu").result
    assert read_run(folder) == read_run(run)


def test_the_card_has_the_figures_of_the_result(run, tmp_path):
    energy(run, samples=2, device="cpu")
    share(run, tmp_path / "out", data_licence="CC BY 4.0 | by <Ada>", licence="apache-2.0")
    result = json.loads((run / "result.json").read_text())
    matter, text = front_matter(tmp_path / "out"), (tmp_path / "out" / "README.md").read_text()
    assert (matter["library_name"], matter["license"]) == ("colliculus", "apache-2.0")
    (entry,) = matter["model-index"]
    (measured,) = entry["results"]
    assert entry["name"] == "tiny"
    assert {m["type"]: m["value"] for m in measured["metrics"]} == {
        "accuracy": result["test"]["accuracy"],
        "f1": result["test"]["macro_f1"],
    }
    assert "Data of the training: CC BY 4.0 &#124; by &lt;Ada&gt;." in text
    assert "were not verified by anyone" in text
    assert f"{result['test']['correct']} of {result['test']['total']}" in text
    assert "energy of a clip" in text
    counterpart = next(line for line in text.splitlines() if line.startswith("| its ANN counterpart |"))
    assert counterpart.endswith(" uJ, not trained |")
    assert "a clip" in next(line for line in text.splitlines() if line.startswith("| spikes"))
    assert "| audio | 2 x 1 x 8 x 8 (T x C x H x W) |" in text
    assert "colliculus predict out FILE..." in text


def test_energy_of_other_weights_is_not_on_the_card(run, tmp_path):
    energy(run, samples=2, device="cpu")
    record = json.loads((run / "energy" / "energy.json").read_text())
    (run / "energy" / "energy.json").write_text(json.dumps({**record, "model": "0" * 64}))
    share(run, tmp_path / "out", data_licence="CC0")
    assert "energy of a clip" not in (tmp_path / "out" / "README.md").read_text()


def test_no_path_of_this_computer_leaves_it(tiny, run, tmp_path):
    fit(tiny(), out=tmp_path / "on", start=run, progress=False)

    def with_root(document):
        data = {"name": "arrays", "root": "/data/secret/clips"}
        document["experiment"]["data"] = data

    rewrite(tmp_path / "on" / "run.yaml", with_root)
    share(tmp_path / "on", tmp_path / "out", data_licence="CC0")
    stored = yaml.safe_load((tmp_path / "out" / "run.yaml").read_text())
    assert Path(stored["experiment"]["data"]["root"]) == Path("clips")
    assert Path(stored["start"]["run"]) == Path("run")
    text = "".join((tmp_path / "out" / name).read_text() for name in FILES if name != "model.safetensors")
    assert "secret" not in text
    assert str(tmp_path) not in text
    assert read_run(tmp_path / "out").start.model == read_run(tmp_path / "on").start.model


@pytest.mark.parametrize("name", ["/" + "home/ada/cats", "C:" + "\\Users\\ada", "~/cats"])
def test_a_home_folder_that_is_left_is_refused(run, tmp_path, name):
    def with_class(document):
        document["spec"]["class_names"] = [name, "dog"]

    rewrite(run / "run.yaml", with_class)
    with pytest.raises(ColliculusError, match=r"run\.yaml of .* would name a home folder \(.*\): rename what"):
        share(run, tmp_path / "out", data_licence="CC0")
    assert not (tmp_path / "out").exists()


def test_generated_data_need_no_licence(run, tmp_path):
    share(run, tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text()
    assert "Data of the training: generated by Colliculus, which holds no data of others." in text
    share(run, tmp_path / "other", data_licence="mine")
    assert "Data of the training: mine." in (tmp_path / "other" / "README.md").read_text()


def test_the_licence_of_the_data_must_be_named(run, tmp_path, capsys):
    rewrite(run / "run.yaml", lambda document: document["experiment"].update(data={"name": "arrays", "root": "mine"}))
    assert main(["share", str(run), "--to", str(tmp_path / "out")]) == 2
    sentence = f"the licence of the data of {run} is not named: add --data-licence, such as CC0"
    assert sentence in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_a_run_without_figures_and_a_full_folder_are_refused(run, tmp_path):
    with pytest.raises(ColliculusError, match="run is not an empty folder: choose another one"):
        share(run, run, data_licence="CC0")
    (run / "result.json").unlink()
    with pytest.raises(ColliculusError, match="run is not finished: add --resume"):
        share(run, tmp_path / "out", data_licence="CC0")
    rewrite(run / "run.yaml", lambda document: document.update(fingerprint=""))
    with pytest.raises(ColliculusError, match="run was imported and has no figures of its own"):
        share(run, tmp_path / "out", data_licence="CC0")


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(run, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(ColliculusError, match=r"below cannot be written \(.+\): free some space"):
        share(run, tmp_path / "file" / "below", data_licence="CC0")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(ColliculusError, match=r"^\. has no name of its own: give the name of a new folder"):
        share(run, ".", data_licence="CC0")
    assert [*(tmp_path / "here").iterdir()] == []


def test_an_address_is_read_also_where_a_path_lost_a_slash():
    assert address_of(Path("hf://ada/digits@v1.0")) == Address("ada/digits", "v1.0")
    assert str(address_of("hf://ada/digits@v1.0")) == "hf://ada/digits@v1.0"
    for text in ("hf://ada", "hf://ada/b/c", "hf://../..", "hf://ada/.x", "hf://ada/x@"):
        with pytest.raises(ColliculusError, match="is not an address of the hub: write hf://owner/name"):
            address_of(text)


def test_a_run_goes_to_the_hub_and_comes_back(run, hub, tmp_path, monkeypatch, capsys):
    (run / "notes.txt").write_text("mine")
    assert main(["share", str(run), "--to", "hf://ada/digits", "--data-licence", "CC0"]) == 0
    (files,) = hub.commits["ada/digits"]
    assert sorted(files) == FILES
    assert b"colliculus predict hf://ada/digits FILE..." in files["README.md"]
    monkeypatch.chdir(tmp_path)
    assert main(["fetch", "hf://ada/digits"]) == 0
    assert "colliculus predict digits FILE..." in " ".join(capsys.readouterr().out.split())
    assert {p.name: p.read_bytes() for p in (tmp_path / "digits").iterdir()} == files
    assert fetch("hf://ada/digits", tmp_path / "again").files == {name: len(files[name]) for name in FILES}
    with pytest.raises(ColliculusError, match="digits is not an empty folder"):
        fetch("hf://ada/digits")


def test_an_address_is_a_run_for_every_command(run, hub, tiny, tmp_path, capsys):
    share(run, "hf://ada/digits", data_licence="CC0")
    clips = open_run(run, "cpu").experiment.data.export(tmp_path / "clips", count=1)
    for command in (["predict", "{run}", *map(str, clips), "--json"], ["evaluate", "{run}", "--json"]):
        answers = []
        for name in (str(run), "hf://ada/digits"):
            assert main([word.format(run=name) for word in command] + ["--device", "cpu"]) == 0
            answers.append({k: v for k, v in json.loads(capsys.readouterr().out).items() if k != "run"})
        assert answers[0] == answers[1]
    assert hub.downloads == [hub.model_info("ada/digits").sha]  # each commit once
    assert fit(tiny(epochs=1), start="hf://ada/digits", progress=False).result.start.startswith("weights of tiny")
    assert compare(["hf://ada/digits"]).methods[0].name == "tiny"
    pytest.importorskip("matplotlib")
    assert report("hf://ada/digits", tmp_path / "page.html").num_bytes > 1000
    assert len(hub.downloads) == 1


def test_a_new_commit_is_another_download_and_an_old_one_can_be_named(run, hub):
    share(run, "hf://ada/digits", data_licence="CC0")
    first = hub.model_info("ada/digits").sha
    old = local_run("hf://ada/digits")
    share(run, "hf://ada/digits", data_licence="CC BY 4.0")
    new = local_run("hf://ada/digits")
    assert old != new
    assert "CC BY 4.0" in (new / "README.md").read_text()
    assert local_run(f"hf://ada/digits@{first}") == old
    assert len(hub.downloads) == 2


@pytest.mark.parametrize("name", ["model.pt", "last/State.PKL", "weights.pth.tar", "pytorch_model.bin"])
def test_a_repository_with_a_pickle_is_refused(run, hub, tmp_path, name):
    share(run, "hf://ada/digits", data_licence="CC0")
    hub.put("ada/digits", {**hub.commits["ada/digits"][0], name: b"\x80"})
    with pytest.raises(ColliculusError, match=f"hf://ada/digits holds {name}, which can run code: colliculus reads"):
        fetch("hf://ada/digits", tmp_path / "out")
    assert not hub.downloads


def test_other_repositories_damage_and_silence_are_told_in_a_sentence(run, hub, tmp_path, monkeypatch):
    hub.put("ada/other", {"README.md": b"", "config.json": b"{}"})
    with pytest.raises(ColliculusError, match=r"hf://ada/other is not a shared run, it has no run\.yaml: give another"):
        fetch("hf://ada/other", tmp_path / "out")
    share(run, "hf://ada/digits", data_licence="CC0")
    weights = bytearray(hub.commits["ada/digits"][0]["model.safetensors"])
    weights[-1] ^= 1
    hub.put("ada/digits", {**hub.commits["ada/digits"][0], "model.safetensors": bytes(weights)})
    with pytest.raises(ColliculusError, match="has changed since it was written, its digest differs"):
        fetch("hf://ada/digits", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    hub.offline = True
    with pytest.raises(
        ColliculusError, match=r"did not answer for hf://a/b \(ConnectionError: no route to host\): che"
    ):
        open_run("hf://a/b")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ColliculusError, match=r"the hub needs huggingface_hub: pip install 'colliculus\[share\]'"):
        share(run, "hf://ada/digits", data_licence="CC0")
