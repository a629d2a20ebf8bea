from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from colliculus.modulation import MSLR, MSLRSettings
from colliculus.modulation.mslr import recent_gain
from colliculus.types import ColliculusError


@pytest.mark.parametrize(
    ("accuracies", "factor"),
    [([0.4], 1.0), ([0.2, 0.4], 4 / 3), ([0.6, 0.3], 2 / 3), ([0.3, 0.6, 0.6], 1.2), ([0.5, 0.5, 0.5], 1.0)],
)
def test_the_factor_by_hand(accuracies, factor):
    assert recent_gain(accuracies) == pytest.approx(factor)


def test_it_looks_back_on_the_window_only():
    modulator = MSLR(MSLRSettings(window=2))
    assert modulator.learning_rates() == {}
    for audio, visual in ((0.9, 0.2), (0.2, 0.2), (0.4, 0.2)):
        modulator.end_epoch({"audio": audio, "visual": visual})
    assert modulator.learning_rates() == pytest.approx({"audio": 4 / 3, "visual": 1.0})


def test_modalities_equally_accurate_learn_equally_fast():
    modulator = MSLR(MSLRSettings())
    for accuracy in (0.3, 0.5, 0.4):
        modulator.end_epoch(dict.fromkeys(("audio", "visual", "touch"), accuracy))
    assert len(set(modulator.learning_rates().values())) == 1


def test_the_gradients_are_left_alone_and_the_factors_are_told(lab):
    plain = lab.plain_gradients()
    modulator = MSLR(MSLRSettings())
    assert set(lab.backward(modulator).values()) == {1.0}
    modulator.end_epoch(dict.fromkeys(lab.model.modalities, 0.2))
    modulator.end_epoch(dict.fromkeys(lab.model.modalities, 0.4))
    assert list(lab.backward(modulator).values()) == pytest.approx([4 / 3] * len(lab.model.modalities))
    assert all(torch.equal(gradient, plain[name]) for name, gradient in lab.gradients().items())


def test_its_memory_goes_on():
    first, second = MSLR(MSLRSettings(window=3)), MSLR(MSLRSettings(window=3))
    for accuracy in (0.2, 0.5, 0.4, 0.6):
        first.end_epoch({"audio": accuracy})
    second.restore(first.state())
    for modulator in (first, second):
        modulator.end_epoch({"audio": 0.7})
    assert second.learning_rates() == first.learning_rates() == pytest.approx({"audio": 0.7 * 3 / 1.7})


def test_a_model_in_which_no_modality_answers_is_refused(make_lab):
    with pytest.raises(ColliculusError, match=r"mslr .* set unimodal_loss"):
        make_lab(2, unimodal_loss=0.0).backward(MSLR(MSLRSettings()), lambda output: replace(output, evidence={}))


def test_settings_out_of_range_are_refused():
    assert MSLRSettings(window=2).window == 2
    with pytest.raises(ColliculusError, match="mslr"):
        MSLRSettings(window=1)


def test_without_accuracies_or_with_none_right_the_rate_stays():
    assert (recent_gain([]), recent_gain([0.0, 0.0]), recent_gain([0.25, 0.5, 0.75])) == (1.0, 1.0, 1.5)
