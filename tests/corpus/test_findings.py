from __future__ import annotations

from dataclasses import replace

import pytest

from colliculus.corpus.class_table import class_counts
from colliculus.corpus.findings import KINDS, examine
from colliculus.corpus.prepare.result import PreparationResult
from colliculus.corpus.sample import Sample
from colliculus.media.notes import NOTES


def clean():
    """Twelve speakers with a clip of each class, in three splits; every file is its own, and of one second."""
    splits = ["train"] * 8 + ["validation"] * 2 + ["test"] * 2
    samples = [
        Sample(name=f"{s}-{k}", label=k, files={"audio": f"{s}{k}.wav", "visual": f"{s}{k}.png"}, group=s, split=split)
        for s, split in zip("abcdefghijkl", splits, strict=True)
        for k in ("yes", "no")
    ]
    digests = [{"audio": f"a{i}", "visual": f"v{i}"} for i in range(len(samples))]
    return samples, [PreparationResult(i, (), "", "", 1.0, digest) for i, digest in enumerate(digests)]


def found(samples, results, *, shortest_s=0.1):
    findings = examine(samples, results, shortest_s=shortest_s)
    trustworthy = not any(finding.untrustworthy for finding in findings)
    return {finding.kind: (finding.samples, *finding.cases) for finding in findings}, trustworthy


def changed(rows, **values):
    """The clean samples, some of them with other values of their fields."""
    samples, results = clean()
    for row in rows:
        own = {name: value for name, value in values.items() if name in Sample.__dataclass_fields__}
        samples[row] = replace(samples[row], **own)
        results[row] = replace(results[row], **{name: value for name, value in values.items() if name not in own})
    return samples, results


def test_nothing_is_found_where_there_is_nothing():
    samples, results = clean()
    assert examine(samples, results) == ()
    assert class_counts([s.label for s in samples], [s.split for s in samples]) == {
        label: {"train": 8, "validation": 2, "test": 2} for label in ("no", "yes")
    }


@pytest.mark.parametrize(
    ("rows", "values", "kind", "case"),
    [
        ([0], {"group": "l"}, "group-in-two-splits", "l (train 1, test 2)"),
        ([16], {"group": "a"}, "group-in-two-splits", "a (train 2, validation 1)"),
        ([0, 22], {"sha256": {"audio": "same"}}, "content-in-two-splits", "a-yes, l-yes (train 1, test 1)"),
        ([0, 22], {"sha256": {"visual": "same"}}, "content-in-two-splits", "a-yes, l-yes (train 1, test 1)"),
        ([0, 1], {"sha256": {"audio": "same"}}, "content-with-two-labels", "a-yes [yes], a-no [no]"),
        ([0, 1], {"sha256": {"audio": "x"}, "left_out": "two labels"}, "known-conflict", "a-yes [yes], a-no [no]"),
        ([4], {"problem": "c.wav is empty"}, "unreadable", "c-yes: c.wav is empty"),
        ([4], {"problem": "c.wav is empty", "left_out": "damaged"}, "known-unreadable", "c-yes: c.wav is empty"),
        ([22, 23], {"label": "perhaps"}, "label-not-trained", "perhaps (test 2)"),
        (range(16), {"split": "test"}, "part-missing", "train"),
        ([20, 21, 22, 23], {"split": "train"}, "part-missing", "test"),
        ([4], {"duration_s": 0.09}, "too-short", "c-yes: 0.09 s"),
        ([4], {"duration_s": 60.0}, "too-long", "c-yes: 60 s"),
        ([4, 22], {"files": {"audio": "x.wav"}}, "missing-modality", "visual (train 1, test 1)"),
        ([0, 2], {"sha256": {"audio": "same", "visual": "v"}}, "repeated", "a-yes, b-yes"),
        ([0, 2, 4], {"label": "Yes"}, "labels-alike", "Yes, yes"),
        ([0, 2, 4], {"label": "perhaps", "group": "a"}, "class-in-one-group", "perhaps (a)"),
        ([0, 2], {"label": "perhaps"}, "small-class", "perhaps (2)"),
        ([0, 1], {"split": None}, "without-split", "a-yes, a-no"),
        (range(24), {"group": None}, "no-groups", "24 samples"),
        *(([4], {"notes": {kind: "c.wav is odd"}}, kind, "c-yes: c.wav is odd") for kind in NOTES),
    ],
)
def test_every_planted_fault_is_found(rows, values, kind, case):
    told, trustworthy = found(*changed(rows, **values))
    assert case in told[kind]
    assert trustworthy is not (any(KINDS[kind][0] for kind in told))
    if not KINDS[kind][0]:
        assert trustworthy
        assert set(told) <= {kind, "repeated"}  # nothing else is made of it


def test_every_kind_has_been_planted():
    tested = {case[2] for case in test_every_planted_fault_is_found.pytestmark[0].args[1]} | {"unbalanced"}
    assert tested == set(KINDS)


def test_rare_classes_are_reported():
    samples = [
        Sample(name=f"{i}", label="much" if i < 40 else "rare", files={"a": f"{i}.wav"}, group=f"{i}")
        for i in range(43)
    ]
    told, trustworthy = found(samples, [PreparationResult(i, (), "") for i in range(43)])
    assert told == {"unbalanced": (3, "rare (3 of 40)")}
    assert trustworthy


def test_segments_of_one_recording_leak_but_contradict_each_other_only_where_they_overlap():
    samples, results = clean()
    same = {"audio": "same"}
    for row, (start, end) in {0: (0.0, 1.0), 1: (1.0, 2.0)}.items():
        samples[row] = replace(samples[row], start_s=start, end_s=end)
        results[row] = replace(results[row], sha256=same)
    assert found(samples, results) == ({}, True)
    samples[1] = replace(samples[1], start_s=0.9)
    assert found(samples, results)[0]["content-with-two-labels"] == (2, "a-yes [yes], a-no [no]")
    samples[1] = replace(samples[1], start_s=1.0, split="test", group="z")
    assert found(samples, results)[0]["content-in-two-splits"] == (2, "a-yes, a-no (train 1, test 1)")


def test_two_labels_contradict_unless_one_alone_is_used():
    samples, results = changed([0, 1, 2], sha256={"audio": "same"})
    samples[1] = replace(samples[1], left_out="two labels")
    told, trustworthy = found(samples, results)
    assert "known-conflict" in told
    assert trustworthy


def test_entries_of_one_file_are_not_identical():
    samples, results = clean()
    for row in (0, 23):
        samples[row] = replace(samples[row], files={"audio": f"digits.hdf5::{row}"})
        results[row] = replace(results[row], sha256={"audio": "same"})
    assert set(found(samples, results)[0]) == {"missing-modality"}


def test_files_that_cannot_be_read_are_no_copies_of_each_other():
    same = {"sha256": {"audio": "empty", "visual": "v"}, "missing": ("audio",), "problem": "it is empty"}
    assert set(found(*changed([0, 22], **same))[0]) == {"unreadable", "content-in-two-splits"}  # by what is seen
    same["missing"] = ("audio", "visual")
    assert set(found(*changed([0, 22], **same))[0]) == {"unreadable"}


def test_many_cases_are_counted_and_some_are_named():
    samples, results = changed(range(24), sha256={"audio": "same"})
    told, _ = found(samples, results)
    assert told["content-in-two-splits"] == (24, "a-yes, a-no, b-yes and 21 more (train 16, validation 4, test 4)")
    assert told["content-with-two-labels"] == (24, "a-yes [yes], a-no [no], b-yes [yes] and 21 more")
