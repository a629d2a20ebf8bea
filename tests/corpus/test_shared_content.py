from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colliculus.corpus.sample import Sample
from colliculus.corpus.shared_content import conflicting, content_keys, linked_groups, sharing


def sample(label="0", *, group=None, start=None, end=None):
    return Sample(name="n", label=label, files={"audio": "a.wav"}, group=group, start_s=start, end_s=end)


@st.composite
def samples(draw):
    """Samples of few groups, contents, labels and moments, so that all kinds of relation come up."""
    number = draw(st.integers(1, 8))
    samples, contents = [], []
    for _ in range(number):
        start = draw(st.none() | st.integers(0, 5))
        end = draw(st.none() | st.integers(1, 4).map(lambda length, start=start: (start or 0) + length))
        group = draw(st.none() | st.sampled_from("abc"))
        samples.append(sample(draw(st.sampled_from("xyz")), group=group, start=start, end=end))
        contents.append(draw(st.frozensets(st.sampled_from("pqrs"), max_size=2)))
    return samples, contents


@given(samples())
@settings(max_examples=50)
def test_linked_groups_are_what_relations_connect(drawn):
    samples, contents = drawn
    rows = range(len(samples))
    near = {
        (a, b): a == b
        or bool(contents[a] & contents[b])
        or (samples[a].group is not None and samples[a].group == samples[b].group)
        for a in rows
        for b in rows
    }
    for c in rows:  # Warshall's closure, which knows no representatives
        near = {(a, b): near[a, b] or (near[a, c] and near[c, b]) for a in rows for b in rows}
    linked = linked_groups(samples, contents)
    assert {(a, b): linked[a] == linked[b] for a in rows for b in rows} == near


@given(samples())
@settings(max_examples=50)
def test_a_conflict_is_one_moment_of_one_content_under_two_labels(drawn):
    samples, contents = drawn

    def contradict(a, b, key):
        spans = [(s.start_s or 0, math.inf if s.end_s is None else s.end_s) for s in (samples[a], samples[b])]
        overlap = max(spans[0][0], spans[1][0]) < min(spans[0][1], spans[1][1])
        return key in contents[a] & contents[b] and samples[a].label != samples[b].label and overlap

    rows = range(len(samples))
    expected = {tuple(a for a in rows if any(contradict(a, b, key) for b in rows)) for key in "pqrs"}
    assert conflicting(samples, contents) == [list(found) for found in sorted(expected) if found]


def test_keys_tell_entries_of_a_file_apart_and_pass_over_what_cannot_be_read():
    files = {"audio": "x.hdf5::a", "visual": "v.mp4", "depth": "d.npy"}
    sample = Sample(name="n", label="0", files=files)
    assert content_keys(sample, {"audio": "11", "visual": "22"}) == {"11::a", "22", "d.npy"}
    assert content_keys(sample, {"audio": "", "visual": "22"}, ["depth"]) == {"x.hdf5::a", "22"}
    assert content_keys(sample, {"audio": "11", "visual": "22"}, ("visual", "depth")) == {"11::a"}


def test_many_copies_are_compared_in_no_time():
    samples = [sample("xy"[i % 2]) for i in range(20_000)]
    contents = [frozenset("p")] * len(samples)
    assert conflicting(samples, contents) == [list(range(20_000))] == sharing(contents)


@pytest.mark.parametrize("number", [0, 1])
def test_none_and_one(number):
    samples = [sample()] * number
    assert linked_groups(samples, [{"p"}] * number).tolist() == [0] * number
    assert conflicting(samples, [{"p"}] * number) == []
