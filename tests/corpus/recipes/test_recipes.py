"""What holds for the recipe of every data set of the papers: prepared, it divides as its protocols say."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import raw_trees

from colliculus.cli import main
from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.corpus.prepare.verification import VERIFIED_FILE
from colliculus.corpus.recipes import RECIPES
from colliculus.corpus.sample import split_entry
from colliculus.data.prepared import Prepared
from colliculus.types import ColliculusError

NAMES = list(raw_trees.RAW_TREES)
PAIRED = ("mnistdvs-ntidigits", "nmnist-shd")
"""Recipes that pair recordings by one rule for the protocol of the papers and by another for the rest."""


@pytest.fixture
def folder(prepared_data):
    return lambda name: Path(prepared_data(name).overrides[1])


def divided(root, **settings):
    """The samples of each part."""
    dataset, samples = Prepared(root=root, **settings).load(), read_prepared(root).samples
    parts = {name: getattr(dataset, name) for name in ("train", "validation", "test")}
    return {name: [samples[row] for row in part.rows] for name, part in parts.items()}


def test_honest_is_accepted_for_group_disjoint(folder):
    former = Prepared(root=folder("crema-d"), protocol="honest")
    assert former == Prepared(root=folder("crema-d"), protocol="group-disjoint")
    assert former.load().protocol == "group-disjoint by group, fold 0 of 5"


def test_every_recipe_of_a_data_set_has_a_tree():
    assert set(NAMES) == set(RECIPES) - {"folder", "manifest"}


@pytest.mark.parametrize("name", NAMES)
def test_every_file_that_a_source_names_is_there(name, shared_tree):
    raw, recipe = shared_tree(name), RECIPES[name]()
    for sample in recipe.samples(raw):
        for modality, file in sample.files.items():
            assert split_entry(raw / file)[0].is_file()
            assert modality in recipe.storages


@pytest.mark.parametrize("name", NAMES)
def test_all_of_a_sound_tree_can_be_prepared(name, folder):
    prepared = read_prepared(folder(name))
    assert {result.problem for result in prepared.results} == {""}
    assert len(prepared.usable) == len(prepared.samples)
    assert list(prepared.storages) == list(RECIPES[name]().storages)
    for array in prepared.arrays.values():
        rows = array.memory_map()
        assert len(np.unique(rows.reshape(len(rows), -1), axis=0)) > len(rows) // 4  # no array of zeros


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fold", [0, 4])
def test_the_group_disjoint_protocol_keeps_groups_on_one_side(name, fold, folder):
    parts = divided(folder(name), fold=fold)
    groups = [{sample.group for sample in part} for part in parts.values()]
    assert all(groups)
    assert len(set.union(*groups)) == sum(map(len, groups))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("crema-d", *PAIRED)])
def test_the_protocol_of_the_papers_is_the_published_split(name, folder):
    for part, samples in divided(folder(name), protocol="paper").items():
        published = {sample.split for sample in samples}
        assert published == ({part} if part != "validation" or name == "ave" else {"train"})


@pytest.mark.parametrize("name", PAIRED)
def test_honest_pairs_are_refused_for_the_protocol_of_the_papers(name, folder):
    assert read_prepared(folder(name)).pairs == "honest"
    with pytest.raises(ColliculusError, match=r"honest', which do not suit the protocol 'paper'.*--pairs paper"):
        Prepared(root=folder(name), protocol="paper").load()


@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.parametrize("protocol", ["auto", "honest", "given"])
def test_pairs_of_the_papers_are_refused_for_other_protocols(name, protocol, small_recipe, shared_tree, tmp_path):
    prepare(replace(small_recipe(name), pairs="paper"), shared_tree(name), tmp_path / "out", jobs=0)
    assert Prepared(root=tmp_path / "out", protocol="paper").load().protocol.startswith("paper")
    with pytest.raises(ColliculusError, match=r"`pairs` 'paper', which do not suit .*--data\.protocol paper, or"):
        Prepared(root=tmp_path / "out", protocol=protocol).load()


@pytest.mark.parametrize("name", NAMES)
def test_preparing_again_gives_the_same_bytes(name, folder, small_recipe, shared_tree, tmp_path):
    prepare(small_recipe(name), shared_tree(name), tmp_path / "again", jobs=0)
    first, again = (
        {path.name: path.read_bytes() for path in out.iterdir() if path.is_file() and path.name != VERIFIED_FILE}
        for out in (folder(name), tmp_path / "again")
    )
    assert first == again
    assert {*(f"{m}.npy" for m in RECIPES[name]().storages), "manifest.csv", "prepare.yaml"} <= set(first)


def test_the_command_line_takes_the_settings_of_a_recipe(shared_tree, tmp_path, capsys):
    raw, out = shared_tree("crema-d"), tmp_path / "out"
    flags = ["--split-list", "train.csv", "test.csv", "--visual.size", "8", "12", "--audio.spectrogram.size", "4", "6"]
    assert main(["prepare", "crema-d", str(raw), str(out), *flags, "--jobs", "0"]) == 0
    assert "24" in capsys.readouterr().out
    prepared = read_prepared(out)
    assert {m: storage.shape for m, storage in prepared.storages.items()} == {"audio": (1, 4, 6), "visual": (3, 8, 12)}
    assert {sample.split for sample in prepared.samples} == {"train", "test"}
    assert {sample.name.split("_")[1] for sample in divided(out, protocol="paper")["test"]} == {"IEO"}


def audited(folder, capsys):
    """The exit code of an audit, and what it calls untrustworthy."""
    code = main(["audit", str(folder), "--json"])
    findings = json.loads(capsys.readouterr().out)["findings"]
    return code, {finding["kind"]: finding["samples"] for finding in findings if finding["untrustworthy"]}


@pytest.mark.parametrize("name", NAMES)
def test_an_audit_finds_nothing_in_a_sound_tree(name, folder, capsys):
    assert audited(folder(name), capsys) == (0, {})


def test_an_audit_finds_what_is_wrong_with_the_published_splits(raw_tree, tmp_path, capsys):
    emotions = raw_tree("crema-d")
    copies = [emotions / f"AudioWAV/1003_DFA_{emotion}_XX.wav" for emotion in ("ANG", "HAP")]
    copies[1].write_bytes(copies[0].read_bytes())
    prepare(RECIPES["crema-d"](split_list=("train.csv", "test.csv")), emotions, tmp_path / "a", jobs=0)
    assert audited(tmp_path / "a", capsys) == (1, {"group-in-two-splits": 24, "content-with-two-labels": 2})

    events = raw_tree("ave")
    with (events / "testSet.txt").open("a") as lines:
        lines.write("Church bell&-vide_o0000&good&0&2\n")
    prepare(RECIPES["ave"](), events, tmp_path / "b", jobs=0)
    code, kinds = audited(tmp_path / "b", capsys)
    assert code == 1
    assert kinds["group-in-two-splits"] == 2

    slices = raw_tree("urbansound8k-av")
    for folder, suffix in (("Dataset_v3_sound", "wav"), ("Dataset_v3_vision", "jpg")):
        (slices / f"{folder}/siren/8005-8-0-1.{suffix}").unlink()
    prepare(RECIPES["urbansound8k-av"](), slices, tmp_path / "c", jobs=0)
    assert audited(tmp_path / "c", capsys) == (1, {"group-in-two-splits": 2})  # the recording 8003
