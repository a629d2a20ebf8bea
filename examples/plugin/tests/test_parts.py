"""The parts are found by their names, train, and come back from a run folder."""

from __future__ import annotations

import colliculus as cl


def test_the_method_trains_and_is_loaded_by_its_name(tmp_path):
    small = {"data": {"num_train": 32, "num_test": 12, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
    run = cl.fit(cl.preset("gated-synthetic", **small), out=tmp_path / "run", progress=False)
    assert cl.load(tmp_path / "run").result.test == run.result.test


def test_the_data_set_can_be_learned():
    settings = {"train": {"epochs": 12, "batch_size": 16}, "method": {"dim": 16}}
    run = cl.fit(cl.preset("late-fusion-concat-two-beeps", **settings), progress=False)
    assert run.result.test.accuracy > 0.6
