"""Another kind of neuron takes a method's own defaults away, and nothing that the user chose."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from colliculus.methods import METHODS, MISNet
from colliculus.neurons import NeuronKind, NeuronSettings
from colliculus.presets import preset
from colliculus.runs.neuron_kind import ready_for_kind
from colliculus.types import ColliculusError

KIND, RESET = "method.neuron.kind", "method.neuron.reset"


@pytest.mark.parametrize(("kind", "reset"), [("lif", "soft"), ("plif", "soft"), ("graded", "hard"), ("relu", "hard")])
@pytest.mark.parametrize("form", [{KIND: ...}, {"method": {"neuron": {"kind": ...}}}, {"method": {"neuron.kind": ...}}])
def test_the_own_reset_stays_where_it_is_read(form, kind, reset):
    def filled(changes):
        return {name: kind if value is ... else filled(value) for name, value in changes.items()}

    neuron = preset("misnet-synthetic", **filled(form)).method.neuron
    assert neuron == NeuronSettings(kind=kind, reset=reset)


@pytest.mark.parametrize("kind", ["graded", "relu"])
def test_a_value_that_the_user_chose_is_refused(kind):
    for chosen in ({RESET: "soft"}, {"method.neuron.tau": 3.0}):
        with pytest.raises(ColliculusError, match=f'which has no effect with `kind` "{kind}"'):
            preset("misnet-synthetic", **{KIND: kind, **chosen})
    slow = replace(MISNet(), neuron=NeuronSettings(reset="soft", tau=3.0))
    assert ready_for_kind(slow, kind).neuron == NeuronSettings(tau=3.0)


def test_a_file_may_name_the_kind(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("method: {neuron: {kind: relu}}")
    assert preset("misnet-synthetic", config=file).method.neuron == NeuronSettings(kind="relu")


def test_nothing_changes_without_another_kind():
    for kind in (None, "lif", "unknown"):
        assert ready_for_kind(MISNet(), kind) == MISNet()
    for name, kind in METHODS.items():
        if name != "misnet":
            assert {ready_for_kind(kind(), each).neuron for each in get_args(NeuronKind)} == {kind().neuron}
    assert ready_for_kind("no settings", "relu") == "no settings"
    with pytest.raises(ColliculusError, match=r"method\.neuron\.kind is 'rely'"):
        preset("misnet-synthetic", **{KIND: "rely"})
