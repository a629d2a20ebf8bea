from __future__ import annotations

import pytest
import torch

from colliculus import ColliculusError
from colliculus.coding import AllFrames, Direct, Latency, Poisson, RecentFrames, coder, intensity, latency


def test_direct_repeats_what_stands_still_and_shows_what_moves() -> None:
    still, moving = torch.randn(2, 1, 4, 4), torch.randn(6, 2, 1, 4, 4)
    assert torch.equal(Direct(3)(still), torch.stack([still] * 3))
    assert torch.equal(Direct(6)(moving), moving)
    assert torch.equal(Direct(3)(moving), moving[[1, 3, 5]])
    torch.testing.assert_close(Direct(3, "linear")(moving), (moving[::2] + moving[1::2]) / 2)


@pytest.mark.parametrize("frames", [1, 2, 3, 6, 8])
def test_a_step_sees_its_frame_and_those_before_it(frames) -> None:
    """The oldest comes first; the first frame stands for those before it."""
    moving = torch.randn(6, 2, 3, 4, 4)
    found = RecentFrames(frames)(moving)
    assert found.shape == (6, 2, 3 * frames, 4, 4)
    for t in range(6):
        for place in range(frames):
            seen = moving[max(t - (frames - 1) + place, 0)]
            assert torch.equal(found[t, :, 3 * place : 3 * place + 3], seen)


@pytest.mark.parametrize(("frames", "chosen"), [(6, range(6)), (3, (1, 3, 5))])
def test_all_frames_become_one_static_input(frames, chosen) -> None:
    moving = torch.randn(6, 2, 3, 4, 4)
    found = AllFrames(frames)(moving)
    assert found.shape == (2, 3 * frames, 4, 4)
    for place, t in enumerate(chosen):
        assert torch.equal(found[:, 3 * place : 3 * place + 3], moving[t])
    halves = AllFrames(3, "linear")(moving)
    torch.testing.assert_close(halves[:, 3:6], (moving[2] + moving[3]) / 2)


@pytest.mark.parametrize("frames", [AllFrames(2), RecentFrames(2)])
def test_a_static_input_is_every_frame(frames) -> None:
    still = torch.randn(2, 3, 4, 4)
    assert torch.equal(frames(still), torch.cat([still, still], dim=1))


def test_poisson_rate_is_the_intensity() -> None:
    torch.manual_seed(0)
    image = torch.tensor([0.0, 0.25, 0.5, 1.0]).view(1, 1, 2, 2)
    rates = Poisson(20000)(image).mean(0).flatten()
    torch.testing.assert_close(rates, torch.tensor([0.0, 0.25, 0.5, 1.0]), atol=0.015, rtol=0)


def test_poisson_repeats_in_evaluation_and_not_in_training() -> None:
    coding, image = Poisson(8), torch.rand(3, 1, 8, 8)
    assert not torch.equal(coding(image), coding(image))
    coding.eval()
    assert torch.equal(coding(image), coding(image))
    alone = torch.cat([coding(sample.unsqueeze(0)) for sample in image], dim=1)
    assert torch.equal(coding(image), alone)  # whatever batch it comes in


def test_latency_fires_once_and_the_brighter_first() -> None:
    x = torch.linspace(0, 1, 101).view(1, 1, 1, 101)
    spikes = latency(x, 5)
    assert spikes.sum(0).flatten().tolist() == [0] + [1] * 100
    when = spikes.argmax(0).flatten()[1:]
    assert when[-1] == 0
    assert (when.diff() <= 0).all()
    assert set(when.tolist()) == {0, 1, 2, 3}


def test_latency_refuses_a_sequence() -> None:
    with pytest.raises(ColliculusError, match="static"):
        Latency(4)(torch.zeros(4, 2, 1, 8, 8))


def test_intensity_of_a_constant_image_is_zero() -> None:
    assert intensity(torch.full((2, 1, 3, 3), 7.0)).abs().max() == 0


@pytest.mark.parametrize(("name", "kind"), [("direct", Direct), ("poisson", Poisson), ("latency", Latency)])
def test_coder_gives_what_is_named(name, kind) -> None:
    assert isinstance(coder(name, 4), kind)
