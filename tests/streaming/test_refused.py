"""Settings, inputs and states that streams refuse."""

from __future__ import annotations

import pytest
import torch
from early_networks import T

from colliculus import ColliculusError, DataSpec, LateFusion
from colliculus.streaming.state import StreamState
from colliculus.streaming.stream import Stream


def model():
    spec = DataSpec(
        channels={"audio": 1, "visual": 2}, sizes=dict.fromkeys(("audio", "visual"), (16, 16)), num_classes=3
    )
    return LateFusion(dim=8, encoder="shallow").model(spec).eval()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"window": 5}, "`window` is 5 and the model has 4 steps: choose 1 to 4"),
        ({"window": 0}, "`window` is 0"),
        ({"stride": 3}, "`stride` is 3: choose a divisor of the window's 4 steps"),
        ({"stride": 0}, "`stride` is 0"),
        ({"stride": 2, "carry": True}, "`stride` is 2, which has no effect with `carry`"),
    ],
)
def test_settings_out_of_range_are_refused(settings, sentence) -> None:
    with pytest.raises(ColliculusError, match=sentence):
        Stream(model(), T, **settings)


def test_inputs_that_do_not_fit_are_refused() -> None:
    stream = Stream(model(), T)
    for frames, sentence in (
        ({"smell": torch.ones(1, 1, 16, 16)}, "unknown modality 'smell'"),
        ({"audio": torch.ones(2, 1, 16, 16)}, r"audio brings frames of shape \(2, 1, 16, 16\): give \(1, 1, 16, 16\)"),
        ({"audio": torch.ones(1, 1, 16, 8)}, "audio brings frames of shape"),
        ({"audio": torch.ones(16, 16)}, "audio brings frames of shape"),
        ({}, "a window begins with at least one of audio, visual"),
    ):
        with pytest.raises(ColliculusError, match=sentence):
            stream.step(frames, stream.start())
    with pytest.raises(ColliculusError, match="`batch` is 0"):
        stream.start(0)


def test_latency_spikes_of_windows_that_overlap_are_refused() -> None:
    spec = DataSpec(channels={"audio": 1}, sizes={"audio": (16, 16)}, num_classes=3)
    latency = LateFusion(dim=8, coding="latency", encoder="shallow").model(spec)
    Stream(latency, T)
    with pytest.raises(ColliculusError, match="audio is coded by latency, once for a window of 4 steps"):
        Stream(latency, T, stride=1)


def test_tensors_of_another_shape_are_no_state() -> None:
    with pytest.raises(ColliculusError, match="not the state of a stream"):
        StreamState.of({"batch": torch.zeros(2), "step": torch.tensor(0)})
