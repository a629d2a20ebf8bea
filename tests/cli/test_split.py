from __future__ import annotations

import json

import pytest

from colliculus.cli import main
from colliculus.corpus.manifest import read_manifest


@pytest.fixture
def manifest(tmp_path):
    rows = [f"{'yn'[i % 2]},{i}.wav,s{i // 4},{i}" for i in range(40)]
    (tmp_path / "all.csv").write_text("\n".join(["label,audio,group,#note", *rows]))
    return tmp_path / "all.csv"


def test_a_manifest_is_divided_and_passes_its_audit(answer, manifest):
    target = manifest.with_name("split.csv")
    out, err = answer("split", str(manifest), str(target), "--fractions", "0.6", "0.2", "0.2")
    assert "y 12 4 4" in out
    assert f"Written: {target}" in out
    assert err == ""
    sides = {sample.group: sample.split for sample in read_manifest(target)}
    assert len(sides) == 10
    for i in range(40):
        (manifest.parent / f"{i}.wav").write_bytes(b"RIFF")
    assert "No finding makes" in answer("audit", str(target), "--quick")[0]


def test_folds_are_files(answer_json, manifest, capsys):
    record = answer_json("split", str(manifest), str(manifest.with_name("cv.csv")), "--folds", "5", "--seed", "3")
    assert record["files"] == [str(manifest.with_name(f"cv-fold-{i}.csv")) for i in range(5)]
    assert record["classes"]["y"] == {str(i): 4 for i in range(5)}
    assert record["groups"] == 10
    other = manifest.with_name("other.csv")
    assert main(["split", str(manifest), str(other), "--folds", "5", "--seed", "4"]) == 0
    assert "fold 4" in capsys.readouterr().out
    first, second = (read_manifest(manifest.with_name(f"{name}-fold-0.csv")) for name in ("cv", "other"))
    assert [sample.split for sample in first] != [sample.split for sample in second]
    again = manifest.with_name("again.csv")
    assert main(["split", str(manifest), str(again), "--folds", "5", "--seed", "3"]) == 0
    for i in range(5):
        assert manifest.with_name(f"again-fold-{i}.csv").read_bytes() == (
            manifest.with_name(f"cv-fold-{i}.csv").read_bytes()
        )


def test_whoever_tells_no_groups_is_warned(answer, manifest):
    manifest.write_text(manifest.read_text().replace("group", "#who", 1))
    target = str(manifest.with_name("o.csv"))
    out, _ = answer("split", str(manifest), target, "--fractions", "0.5", "0.5")
    assert "no column 'group' names groups: related samples may be on both sides" in out
    out, _ = answer("split", str(manifest), str(manifest.with_name("p.csv")), "--folds", "2", "--group", "#who")
    assert "may be on both sides" not in out
    assert "o.csv exists" in answer("split", str(manifest), target, "--fractions", "0.5", "0.5", code=2)[1]


def test_a_class_of_one_group_is_reported(answer_json, answer, manifest):
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([*lines, "rare,40.wav,s0,40", "rare,41.wav,s0,41"]))
    out, _ = answer("split", str(manifest), str(manifest.with_name("o.csv")), "--folds", "2")
    assert "tests classes that it does not train on: rare" in out
    record = answer_json("split", str(manifest), str(manifest.with_name("p.csv")), "--folds", "2")
    assert sorted(map(json.dumps, record["untrained"].values())) == ['["rare"]', "[]"]


@pytest.mark.parametrize("how", [[], ["--folds", "3", "--fractions", "0.5", "0.5"]])
def test_one_way_to_divide_must_be_told(answer, manifest, how):
    _, err = answer("split", str(manifest), str(manifest.with_name("o.csv")), *how, code=2)
    assert "2 or 3 fractions, such as 0.7 0.1 0.2, or folds, such as 5" in err
