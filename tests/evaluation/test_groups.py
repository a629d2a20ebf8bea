from __future__ import annotations

from colliculus.evaluation.groups import methods_among


def test_seed_device_and_place_of_the_data_make_no_other_method():
    first = {"preset": "a", "method.dim": 8, "train.seed": 0, "train.device": "cpu", "data.root": "here"}
    same = [{**first, **change} for change in ({"train.seed": 1}, {"train.device": "cuda"}, {"data.root": "there"})]
    assert methods_among([first, *same]) == [("a", [0, 1, 2, 3])]
    assert methods_among([first, {**first, "method.dim": 16}]) == [("a method.dim=8", [0]), ("a method.dim=16", [1])]
