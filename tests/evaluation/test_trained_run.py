from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from colliculus.data.noise import GaussianNoise
from colliculus.data.synthetic import Synthetic
from colliculus.evaluation.trained_run import TrainedRun, check_spec, open_run
from colliculus.methods import Tectum
from colliculus.runs.experiment import Experiment, TrainSettings
from colliculus.runs.names import MODEL_FILE
from colliculus.runs.run import Run, write_run
from colliculus.runs.weights import save_weights
from colliculus.types import ColliculusError, DataSpec

SPEC = {
    "channels": {"audio": 1, "visual": 3},
    "sizes": {"audio": (8, 8), "visual": (8, 8)},
    "num_classes": 2,
    "class_names": ("owl", "fox"),
}


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"channels": {"audio": 2, "visual": 3}}, "channels"),
        ({"sizes": {"audio": (8, 8), "visual": (9, 8)}}, "sizes"),
        ({"class_names": ("cat", "dog")}, "classes"),
        ({"channels": {"audio": 1}, "sizes": {"audio": (8, 8)}}, "modalities"),
    ],
)
def test_data_of_another_kind_are_refused(change, kind):
    with pytest.raises(ColliculusError, match=f"trained on the {kind} "):
        check_spec(DataSpec(**SPEC), DataSpec(**(SPEC | change)))


def test_a_model_that_knows_neither_sizes_nor_names_takes_any():
    imported = DataSpec(channels=SPEC["channels"], sizes={}, num_classes=2)
    check_spec(imported, DataSpec(**SPEC))
    with pytest.raises(ColliculusError, match="trained on the classes "):
        check_spec(imported, DataSpec(**(SPEC | {"num_classes": 3, "class_names": ()})))


@pytest.mark.parametrize(("time_steps", "context", "steps"), [(0, 1, 2), (0, 0, 1), (3, 0, 3), (3, 2, 3)])
def test_the_time_steps_are_those_of_the_model(tmp_path, time_steps, context, steps):
    """With 0 they are the frames of the data, here two, unless all frames are seen at once."""
    data = Synthetic(num_classes=2, num_train=4, num_validation=2, num_test=2, size=8, steps=2)
    dataset = data.load()
    method = Tectum(dim=8, time_steps=time_steps, context=context)
    write_run(tmp_path, Run.of(Experiment(method=method, data=data, train=TrainSettings()), dataset))
    save_weights(method.model(dataset.spec), tmp_path / MODEL_FILE)
    run = open_run(tmp_path, "cpu")
    assert run.time_steps == steps
    assert len(run.model(run.batch(run.data.test, range(2)).inputs).step_logits) == steps


def test_the_time_steps_of_a_method_of_ones_own_are_its_setting(trained_folder):
    run = open_run(trained_folder)
    own = replace(run.run.experiment, method=SimpleNamespace(time_steps=5))
    assert TrainedRun(run.folder, replace(run.run, experiment=own), run.device).time_steps == 5


def test_sequences_may_differ_in_length():
    check_spec(DataSpec(**SPEC), DataSpec(**SPEC, steps={"visual": 5}))


def test_an_open_run_is_returned_as_it_is(trained_folder):
    run = open_run(str(trained_folder))
    assert open_run(run) is run
    assert open_run(run, str(run.device)) is run


def test_other_data_are_remarked_on(trained_folder, capsys):
    run = open_run(trained_folder)
    assert run.load() is run.data
    run.load(run.experiment.data)
    assert capsys.readouterr().err == ""
    run.load(replace(run.experiment.data, seed=7))
    assert "not the data of the training" in capsys.readouterr().err


def test_a_batch_has_the_noise_of_the_training(noisy_folder):
    run = open_run(noisy_folder, "cpu")
    rows = np.array([3, 1])
    clean = run.part("test").batch(rows, epoch=0).inputs
    noisy = run.batch(run.part("test"), rows).inputs
    assert torch.equal(noisy["visual"], clean["visual"])
    assert torch.equal(noisy["audio"], GaussianNoise({"audio": -5.0})(clean, rows)["audio"])


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(ColliculusError, match=tmp_path.name):
        open_run(tmp_path)
