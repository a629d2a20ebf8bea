"""Every preset does all a user does with one: it trains, stops, resumes, is evaluated and predicts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from small_methods import read_by

from colliculus.cli import main
from colliculus.presets import PRESETS
from colliculus.training.learner import Learner

TINY_METHOD = {"dim": "16", "heads": "4", "time_steps": "2"}
TINY_TRAIN = ["--train.epochs", "2", "--train.batch-size", "64", "--train.device", "cpu"]  # an epoch is one step,
TINY_TRAIN += ["--train.no-drop-incomplete"]  # and no full batch


def by_class() -> Iterator[Any]:
    """Every preset; those whose method, encoder and data all ran with an earlier one are slow.

    Late fusion, which is quick, comes first and runs on all data.
    """
    seen: set[str] = set()
    for name, preset in sorted(PRESETS.items(), key=lambda item: item[0] != f"late-fusion-{item[1].data}"):
        parts = {name.removesuffix(f"-{preset.data}"), preset.data, f"{preset.experiment.method.encoder} encoder"}
        yield pytest.param(name, marks=[pytest.mark.slow] if parts <= seen else [])
        seen |= parts


@pytest.fixture
def stop_after_first_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    train_epoch = Learner.train_epoch

    def stopping(self: Learner, split: Any, epoch: int, watch: Any) -> dict[str, float]:
        if epoch == 1:
            monkeypatch.undo()
            raise KeyboardInterrupt
        return train_epoch(self, split, epoch, watch)

    monkeypatch.setattr(Learner, "train_epoch", stopping)


@pytest.mark.parametrize("name", list(by_class()))
@pytest.mark.usefixtures("stop_after_first_epoch")
def test_preset(name: str, tiny_data: Callable[[str], Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment, run = PRESETS[name].experiment, str(tmp_path / "run")
    data = tiny_data(PRESETS[name].data)
    settings = read_by(type(experiment.method), TINY_METHOD)
    if name.startswith("s-cmrl-mask-"):  # a mask has no heads
        del settings["heads"]
    method = [part for name, value in settings.items() for part in (f"--method.{name}", value)]

    def result_of(*arguments: str) -> dict[str, Any]:
        assert main([*arguments, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    assert main(["train", name, "--out", run, *method, *data.overrides, *TINY_TRAIN]) == 130
    assert main(["train", name, "--out", run, "--resume"]) == 0
    capsys.readouterr()
    trained = json.loads((tmp_path / "run" / "result.json").read_text())
    assert trained["epochs"] == 2

    found = result_of("evaluate", run, "--device", "cpu")
    assert found["fingerprint"] == found["trained_on"]
    assert {key: found[key] for key in trained["test"]} == trained["test"]

    predictions = result_of("predict", run, *map(str, data.clips), "--device", "cpu")["predictions"]
    for prediction in predictions:
        assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert prediction["probability"] == prediction["probabilities"][prediction["predicted"]]
    assert predictions
    assert main(["predict", run, *map(str, data.clips), "--device", "cpu"]) == 0
