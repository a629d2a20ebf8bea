from __future__ import annotations

import re

import pytest
import torch
import yaml

from colliculus.runs.run import FORMAT, Run, load_model, read_run, write_run
from colliculus.types import ColliculusError


@pytest.fixture
def run(tiny):
    experiment = tiny()
    return Run.of(experiment, experiment.data.load())


def test_a_run_comes_back_as_it_was_written(run, tmp_path):
    write_run(tmp_path, run)
    assert read_run(tmp_path) == run


def test_the_file_states_format_version_and_fingerprint(run, tmp_path):
    write_run(tmp_path, run)
    document = yaml.safe_load((tmp_path / "run.yaml").read_text())
    assert document["format"] == FORMAT
    assert re.match(r"\d+\.\d+|unknown", document["version"])
    assert document["fingerprint"] == run.fingerprint
    assert document["experiment"]["method"]["name"] == "late-fusion"


def test_a_folder_without_a_run_is_told(tmp_path):
    with pytest.raises(ColliculusError, match="not a run folder"):
        read_run(tmp_path)
    with pytest.raises(ColliculusError, match="not a run folder"):
        read_run(tmp_path / "absent")


@pytest.mark.parametrize("text", ["", "[1, 2]", "a: [", "preset: x", "format: one"])
def test_a_damaged_file_is_told(tmp_path, text):
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(ColliculusError, match="damaged"):
        read_run(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": FORMAT + 1}, "upgrade"),
        ({"preset": 3}, "expected str and found 3"),
        ({"spec": {"channels": {"a": 1}}}, "required field missing @ DataSpec.sizes"),
        ({"normalisation": {"mean": {"a": ["x"]}, "std": {}}}, "Normalisation.mean"),
        ({"experiment": {}}, "method, data and train"),
    ],
)
def test_a_wrong_entry_and_a_later_format_are_named(run, tmp_path, change, told):
    write_run(tmp_path, run)
    document = yaml.safe_load((tmp_path / "run.yaml").read_text())
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(document | change))
    with pytest.raises(ColliculusError, match=told):
        read_run(tmp_path)


def test_a_missing_entry_is_named(run, tmp_path):
    write_run(tmp_path, run)
    document = yaml.safe_load((tmp_path / "run.yaml").read_text())
    del document["protocol"]
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(ColliculusError, match="it has no protocol"):
        read_run(tmp_path)


def test_the_trained_model_is_the_one_that_was_tested(train, run, runtime, tmp_path):
    result = train(tmp_path)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    model = load_model(str(tmp_path))
    assert torch.equal(torch.rand(1), expected)  # loading draws none of the caller's random numbers
    assert not model.training
    test = run.experiment.data.load(run.normalisation).test
    batch = test.batch(torch.arange(len(test)).numpy(), epoch=0)
    with torch.no_grad():
        correct = (model(batch.inputs).logits.argmax(1) == batch.labels).sum()
    assert correct == result.test.correct


def test_weights_that_do_not_fit_are_told(train, tmp_path):
    train(tmp_path)
    document = yaml.safe_load((tmp_path / "run.yaml").read_text())
    document["experiment"]["method"]["dim"] = 16
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(document))
    with pytest.raises(ColliculusError, match="belongs to another model"):
        load_model(tmp_path)
