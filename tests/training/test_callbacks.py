from __future__ import annotations

import pytest
from stopped import stop_in

from colliculus.training.callbacks import Callback
from colliculus.training.fit import TrainingInterrupted, fit


class Recorder(Callback):
    """Everything that a callback is called with."""

    def __init__(self):
        self.calls = []

    def on_start(self, training):
        self.calls.append(("start", training.first_epoch, training.num_batches, training.is_main))

    def on_step(self, training, step):
        assert 0 <= step.accuracy <= 1
        assert step.loss > 0
        assert step.samples_per_second > 0
        self.calls.append(("step", step.epoch, step.sums.totals()["samples"]))

    def on_epoch(self, training, row):
        assert training.learner.history[-1] == row
        self.calls.append(("epoch", row["epoch"]))

    def on_end(self, training, result):
        self.calls.append(("end", result))


def test_callbacks_follow_a_training_in_order(tiny, tmp_path):
    recorder = Recorder()
    result = fit(tiny(epochs=2), out=tmp_path, callbacks=[recorder], progress=False).result
    epochs = [
        call for n in (1, 2) for call in (("step", n, 7.0), ("step", n, 13.0), ("epoch", n))
    ]  # 13 samples in batches of 7 and 6
    assert recorder.calls == [("start", 0, 2, True), *epochs, ("end", result)]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("no power")])
def test_an_interrupted_training_ends_without_a_result_and_goes_on(tiny, tmp_path, monkeypatch, error):
    def stop():
        raise error

    stop_in(monkeypatch, 1, stop)
    first, second = Recorder(), Recorder()
    with pytest.raises((TrainingInterrupted, RuntimeError)):
        fit(tiny(epochs=2), out=tmp_path, callbacks=[first], progress=False)
    assert first.calls[-2:] == [("epoch", 1), ("end", None)]
    result = fit(tiny(epochs=2), out=tmp_path, callbacks=[second], resume=True, progress=False).result
    assert second.calls[0] == ("start", 1, 2, True)
    assert [call for call in second.calls if call[0] == "epoch"] == [("epoch", 2)]
    assert second.calls[-1] == ("end", result)


def test_a_callback_changes_no_digit(tiny, train, digits, tmp_path):
    train(tmp_path / "without")
    fit(tiny(), out=tmp_path / "with", callbacks=[Recorder(), Callback()], progress=False)
    assert digits(tmp_path / "with") == digits(tmp_path / "without")
