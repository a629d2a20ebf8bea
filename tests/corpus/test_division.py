from __future__ import annotations

import pytest

from colliculus.corpus.division import Division, split
from colliculus.corpus.manifest import read_manifest, write_manifest
from colliculus.corpus.sample import Sample
from colliculus.files.tables import read_table
from colliculus.types import ColliculusError

HOW = {"fractions": (0.5, 0.25, 0.25)}


@pytest.fixture
def manifest(tmp_path):
    """Eight speakers with four clips of two classes, one clip left out."""
    samples = [
        Sample(
            name=f"{s}{c}",
            label="xy"[c % 2],
            files={"audio": f"{s}{c}.wav"},
            group=s,
            left_out="damaged" if (s, c) == ("a", 0) else "",
            split="test",
        )
        for s in "abcdefgh"
        for c in range(4)
    ]
    write_manifest(tmp_path / "all.csv", samples)
    return tmp_path / "all.csv"


def test_parts_keep_groups_together_and_everything_else_as_it_was(manifest):
    before = manifest.read_bytes()
    divided = split(manifest, manifest.with_name("split.csv"), **HOW)
    assert divided.files == (manifest.with_name("split.csv"),)
    assert divided.groups == 8
    assert not any(divided.untrained.values())
    assert manifest.read_bytes() == before
    samples = read_manifest(divided.files[0])
    splits = {sample.group: sample.split for sample in samples if not sample.left_out}
    assert all(sample.split == splits[sample.group] for sample in samples if not sample.left_out)
    assert sorted(splits.values()) == ["test"] * 2 + ["train"] * 4 + ["validation"] * 2
    assert [sample.split for sample in samples if sample.left_out] == [None]
    for old, new in zip(read_manifest(manifest), samples, strict=True):
        assert (old.name, old.label, old.files, old.group, old.left_out) == (
            new.name,
            new.label,
            new.files,
            new.group,
            new.left_out,
        )
    counts = {"test": 4, "train": 8, "validation": 4}
    assert divided.classes["y"] == counts
    assert sum(divided.classes["x"].values()) == 16
    assert divided.classes["x"][""] == 1


def test_each_fold_is_the_test_of_one_file(manifest):
    divided = split(manifest, manifest.with_name("cv.csv"), folds=4)
    assert [path.name for path in divided.files] == [f"cv-fold-{i}.csv" for i in range(4)]
    tested = []
    for number, path in enumerate(divided.files):
        samples, table = read_manifest(path), read_table(path)
        fold = [cells[table.columns.index("#fold")] for cells in table.rows]
        for sample, own in zip(samples, fold, strict=True):
            assert sample.split == (None if sample.left_out else "test" if own == str(number) else "train")
        tested += [sample.name for sample in samples if sample.split == "test"]
    assert sorted(tested) == sorted(sample.name for sample in read_manifest(manifest) if not sample.left_out)


def test_another_column_names_the_groups(tmp_path):
    path = tmp_path / "all.csv"
    rows = [f"{'xy'[i % 2]},{i}.wav,{'ab c'[i // 4].strip()}" for i in range(16)]
    path.write_text("\n".join(["label,audio,#who", *rows]))
    divided = split(path, tmp_path / "out.csv", fractions=(0.5, 0.5), group="#who")
    samples = read_manifest(tmp_path / "out.csv")
    assert [sample.group for sample in samples] == ["a"] * 4 + ["b"] * 4 + [None] * 4 + ["c"] * 4
    assert all(len({sample.split for sample in samples if sample.group == g}) == 1 for g in "abc")
    assert divided.groups == 3
    with pytest.raises(ColliculusError, match=r"unknown column of .*all\.csv 'who': did you mean '#who'"):
        split(path, tmp_path / "new.csv", **HOW, group="who")


def test_without_groups_every_class_is_cut_exactly(tmp_path):
    samples = [Sample(name=str(i), label="xxxy"[i % 4], files={"audio": f"{i}.wav"}) for i in range(40)]
    write_manifest(tmp_path / "all.csv", samples)
    divided = split(tmp_path / "all.csv", tmp_path / "o.csv", fractions=(0.8, 0.2))
    assert divided.groups == 0
    assert divided.classes == {"x": {"test": 6, "train": 24}, "y": {"test": 2, "train": 8}}


def test_a_class_of_one_group_is_reported_where_it_is_not_trained_on(tmp_path):
    samples = [
        Sample(name=f"{s}{k}", label=k, files={"audio": f"{s}{k}.wav"}, group=s)
        for s, labels in {"a": "xy", "b": "xy", "c": "xz"}.items()
        for k in labels
    ]
    write_manifest(tmp_path / "all.csv", samples)
    divided = split(tmp_path / "all.csv", tmp_path / "o.csv", folds=3)
    assert sorted(divided.untrained.values()) == [(), (), ("z",)]


def test_nothing_is_overwritten_and_no_path_goes_astray(manifest, tmp_path):
    with pytest.raises(ColliculusError, match=r"all\.csv exists: choose another name"):
        split(manifest, manifest, **HOW)
    (tmp_path / "cv-fold-1.csv").symlink_to("nowhere")
    with pytest.raises(ColliculusError, match=r"cv-fold-1\.csv exists"):
        split(manifest, tmp_path / "cv.csv", folds=2)
    (tmp_path / "sub").mkdir()
    with pytest.raises(ColliculusError, match=r"is not in the folder of .*where paths begin"):
        split(manifest, tmp_path / "sub" / "o.csv", **HOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.csv", "cv-fold-1.csv", "sub"]


@pytest.mark.parametrize("how", [{"fractions": (1.0,)}, {"fractions": ()}, {"folds": 3}, {"fractions": (), "folds": 0}])
def test_one_way_to_divide_must_be_told(manifest, how):
    with pytest.raises(ColliculusError, match="choose how to divide"):
        split(manifest, manifest.with_name("o.csv"), **{**HOW, **how})


def test_a_division_is_a_record(manifest, tmp_path):
    divided = split(manifest, manifest.with_name("cv.csv"), folds=2, seed=1)
    assert Division.read(divided.save(tmp_path / "division.json")) == divided
    assert "Written:" in str(divided.table())
    assert "fold 1" in str(divided.table())
    without = split(manifest, manifest.with_name("o.csv"), fractions=(0.5, 0.5), group="name")
    assert without.groups == 31  # of 32 clips, one is left out
    assert not without.warnings
