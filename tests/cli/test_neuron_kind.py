"""`--method.neuron.kind` on the command line, where a method has a default that the kind does not read."""

from __future__ import annotations

import pytest
import yaml

from colliculus.cli.overrides import read_overrides, read_values
from colliculus.runs.run import read_run

KIND, RESET = "method.neuron.kind", "method.neuron.reset"


@pytest.mark.parametrize("kind", ["graded", "relu"])
def test_the_command_line_takes_it(answer, tiny_flags, tmp_path, kind):
    folder = tmp_path / "run"
    heads = tiny_flags.index("--method.heads")  # MISNet has none
    flags = ["--out", str(folder), *tiny_flags[:heads], *tiny_flags[heads + 2 :], f"--{KIND}", kind]
    answer("train", "misnet-synthetic", *flags)
    assert yaml.safe_load((folder / "run.yaml").read_text())["experiment"]["method"]["neuron"]["reset"] == "hard"
    assert read_run(folder).experiment.method.neuron.kind == kind
    assert "is finished" in answer("train", "misnet-synthetic", *flags, "--resume")[0]
    refused = answer("train", "misnet-synthetic", *flags, f"--{RESET}", "soft", code=2)[1]
    assert "`reset` is soft" in refused


def test_sweeps_take_it():
    presets = ["misnet-synthetic", "late-fusion-synthetic"]
    assert read_overrides(presets, [f"--{KIND}", "relu"]) == {KIND: "relu", RESET: "hard"}
    assert read_values(presets, [(KIND, "lif,relu")]) == {KIND: {"lif": "lif", "relu": "relu"}}
