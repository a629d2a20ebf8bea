from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colliculus.corpus.protocols import SplitProtocol, current_name
from colliculus.corpus.sample import Sample
from colliculus.corpus.shared_content import conflicting, linked_groups
from colliculus.types import ColliculusError

CHOICE = {"validation_fraction": 0.25, "seed": 0}
DISJOINT = SplitProtocol(name="group-disjoint", fold=0, folds=3, **CHOICE)
PAPER, GIVEN = (SplitProtocol(name=name, fold=0, folds=3, **CHOICE) for name in ("paper", "given"))


def sample(i, label="x", **told):
    return Sample(name=str(i), label=label, files={"audio": f"{i}.wav"}, **told)


def speakers(number, clips=4, **told):
    """`clips` samples of each speaker, of the classes x and y by turns."""
    return [sample(f"{s}-{c}", "xy"[c % 2], group=f"s{s}", **told) for s in range(number) for c in range(clips)]


def nothing(samples):
    return [frozenset()] * len(samples)


def parts(partition):
    return partition.train.tolist(), partition.validation.tolist(), partition.test.tolist()


@given(data=st.data(), number=st.integers(14, 18), folds=st.integers(2, 4), seed=st.integers(0, 3))
@settings(deadline=None, max_examples=15)
def test_group_disjoint_folds_keep_linked_groups_together_and_train_on_nothing_doubtful(data, number, folds, seed):
    samples, contents = [], []
    for sample in speakers(number):
        doubt = len(samples) < 16 and data.draw(st.booleans())  # the first four speakers; the others can be trained on
        samples.append(replace(sample, left_out="damaged" if doubt else "", stratum=data.draw(st.sampled_from("fm"))))
        contents.append(frozenset(data.draw(st.sampled_from(["", "p", "q"]) if len(samples) < 16 else st.just(""))))
    linked = linked_groups(samples, contents)
    doubtful = {row for rows in conflicting(samples, contents) for row in rows}
    doubtful |= {row for row, sample in enumerate(samples) if sample.left_out}
    tested = []
    for fold in range(folds):
        protocol = replace(DISJOINT, fold=fold, folds=folds, validation_fraction=0.3, seed=seed)
        partition = protocol.divide(samples, contents)
        sides = [set(linked[rows].tolist()) for rows in parts(partition)]
        assert not sides[0] & sides[1]
        assert not (sides[0] | sides[1]) & sides[2]
        assert not doubtful & {*partition.train.tolist(), *partition.validation.tolist()}
        assert len(partition.train)
        assert len(partition.validation)
        assert {*partition.train.tolist(), *partition.validation.tolist()} == set(range(len(samples))) - doubtful - set(
            partition.test.tolist()
        )
        assert parts(protocol.divide(samples, contents)) == parts(partition)
        tested += partition.test.tolist()
    assert sorted(tested) == list(range(len(samples)))  # the folds together test every sample once


def test_group_disjoint_folds_keep_the_strata_in_proportion():
    samples = [replace(s, stratum="f" if int(s.group[1:]) % 2 else "m") for s in speakers(12)]
    for fold in range(3):
        tested = replace(DISJOINT, fold=fold).divide(samples, nothing(samples)).test
        assert sorted(samples[row].stratum for row in tested) == ["f"] * 8 + ["m"] * 8
        assert sorted(samples[row].label for row in tested) == ["x"] * 8 + ["y"] * 8


def test_the_name_of_a_group_disjoint_partition_says_what_it_knew():
    samples = speakers(6)
    alone = [replace(sample, group=None) for sample in samples]
    twins = [frozenset([sample.group + sample.label]) for sample in samples]
    assert DISJOINT.divide(samples, twins).name == "group-disjoint by group, fold 0 of 3"
    assert DISJOINT.divide(alone, nothing(alone)).name == "group-disjoint by sample (no groups are known), fold 0 of 3"
    assert DISJOINT.divide(alone, twins).name == "group-disjoint by content (no groups are known), fold 0 of 3"
    with pytest.raises(ColliculusError, match=r"into 2 independent part\(s\), too few for 3 folds"):
        DISJOINT.divide(speakers(2), nothing(speakers(2)))


def test_identical_content_under_two_labels_is_only_tested_on():
    samples, contents = speakers(9), nothing(speakers(9))
    contents[0] = contents[1] = frozenset("p")  # s0 under x and y
    contents[2] = contents[6] = frozenset("q")  # s0 and s1, both x: they stay together and may be trained on
    for fold in range(3):
        train, validation, test = parts(replace(DISJOINT, fold=fold).divide(samples, contents))
        assert not {0, 1} & {*train, *validation}
        assert {2, 6} <= set(test) or {2, 6} <= set(train) or {2, 6} <= set(validation)


@pytest.mark.parametrize("protocol", [PAPER, GIVEN], ids=lambda protocol: protocol.name)
def test_a_split_is_taken_as_it_is(protocol):
    samples = [
        sample(i, "xy"[i % 2], group="one", split=["train", "validation", "test", None][i // 4]) for i in range(16)
    ]
    partition = protocol.divide(samples, nothing(samples))
    assert parts(partition) == ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11])
    assert partition.name == protocol.name


def test_what_is_left_out_is_in_no_part_of_a_given_split_and_stays_in_a_published_one():
    samples = [
        sample(i, "xy"[i % 2], split=["train", "validation", "test"][i // 4], left_out="" if i % 4 < 2 else "damaged")
        for i in range(12)
    ]
    assert parts(GIVEN.divide(samples, nothing(samples))) == ([0, 1], [4, 5], [8, 9])
    paper = PAPER.divide(samples, nothing(samples))
    assert parts(paper) == ([0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11])


def test_validation_is_taken_from_training_by_samples_or_by_groups():
    samples = speakers(8, split="train") + [sample(f"t{i}", "xy"[i], split="test") for i in range(2)]
    paper = PAPER.divide(samples, nothing(samples))
    given = GIVEN.divide(samples, nothing(samples))
    for partition in (paper, given):
        assert partition.test.tolist() == [32, 33]
        assert sorted([*partition.train, *partition.validation]) == list(range(32))
        assert sorted(samples[row].label for row in partition.validation) == ["x"] * 4 + ["y"] * 4
        assert partition.name.endswith(", validation from training")
    sides = [{samples[row].group for row in rows} for rows in (given.train, given.validation)]
    assert not sides[0] & sides[1]
    assert {samples[row].group for row in paper.train} & {samples[row].group for row in paper.validation}
    other = replace(GIVEN, seed=1).divide(samples, nothing(samples))
    assert other.validation.tolist() != given.validation.tolist()


@pytest.mark.parametrize("protocol", [DISJOINT, GIVEN, PAPER], ids=lambda protocol: protocol.name)
def test_a_share_of_0_holds_nothing_out(protocol):
    samples = speakers(8, split="train") + [sample(f"t{i}", "xy"[i], split="test") for i in range(2)]
    usual, whole = (replace(protocol, validation_fraction=f).divide(samples, nothing(samples)) for f in (0.25, 0))
    assert len(usual.validation)
    assert whole.validation.tolist() == []
    assert whole.train.tolist() == sorted([*usual.train, *usual.validation])
    assert whole.test.tolist() == usual.test.tolist()
    assert whole.name.endswith(", no validation part")
    held = replace(samples[0], split="validation")
    own = replace(GIVEN, validation_fraction=0).divide([*samples, held], nothing([*samples, held]))
    assert (own.validation.tolist(), own.name) == ([34], "given")


def test_what_the_data_do_not_allow_is_refused_with_a_way_out():
    samples = speakers(6)
    with pytest.raises(ColliculusError, match=r"`paper` needs samples of the split 'train'.*lists when you prepare"):
        PAPER.divide(samples, nothing(samples))
    trained = [replace(sample, split="train") for sample in samples]
    with pytest.raises(ColliculusError, match=r"`given` needs samples of the split 'test'.*colliculus split"):
        GIVEN.divide(trained, nothing(trained))
    unknown = [*trained, sample("t", "z", split="test")]
    with pytest.raises(ColliculusError, match=r"given.*no training sample of the class 'z' is left"):
        GIVEN.divide(unknown, nothing(unknown))
    single = [sample(i, "xyz"[i], group="one", split=split) for i in range(3) for split in ("train", "test")]
    with pytest.raises(ColliculusError, match="no validation part can be taken from 3 training samples"):
        GIVEN.divide(single, nothing(single))


@pytest.mark.parametrize(("fold", "folds"), [(-1, 3), (3, 3), (0, 1)])
def test_folds_out_of_range(fold, folds):
    with pytest.raises(ColliculusError, match=f"there is no fold {fold} of {folds}"):
        replace(DISJOINT, fold=fold, folds=folds)


@pytest.mark.parametrize("name", ["paper", "given"])
def test_a_fold_of_a_protocol_without_folds_is_refused(name):
    with pytest.raises(ColliculusError, match=f"`{name}` has no folds, and `fold` is 1"):
        SplitProtocol(name=name, fold=1, folds=4, **CHOICE)


@pytest.mark.parametrize("name", ["group-disjoint", "paper", "given"])
def test_protocols_by_name(name):
    assert SplitProtocol(name=name, fold=0, folds=4, **CHOICE).name == name
    assert current_name("honest") == "group-disjoint"
    with pytest.raises(ColliculusError, match="unknown protocol 'onest'"):
        SplitProtocol(name="onest", fold=0, folds=4, **CHOICE)
    with pytest.raises(ColliculusError, match=r"`validation_fraction` is 1.0: choose at least 0 and less than 1"):
        SplitProtocol(name=name, fold=0, folds=4, validation_fraction=1.0, seed=0)


def test_many_samples_are_divided_in_seconds():
    samples = [sample(i, str(i % 10), group=str(i // 20)) for i in range(20_000)]
    contents = [frozenset([f"{i // 40} {i % 10}"]) for i in range(20_000)]  # each in two groups
    partition = replace(DISJOINT, fold=4, folds=5).divide(samples, contents)
    assert len(partition.test) == pytest.approx(4_000, abs=20)
    assert np.ptp(np.bincount([int(samples[row].label) for row in partition.test])) <= 4
