from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from colliculus.data.noise import GaussianNoise
from colliculus.evaluation.trained_run import check_spec, open_run
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
