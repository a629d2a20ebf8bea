from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from begun import begun

from colliculus.modulation import MSLR, MSLRSettings, Validation
from colliculus.modulation.mslr import recent_gain
from colliculus.types import ColliculusError


@pytest.mark.parametrize(
    ("accuracies", "factor"),
    [([], 1.0), ([0.4], 1.0), ([0.2, 0.4], 1.0), ([0.2, 0.4, 0.6], 2.0), ([0.9, 0.5, 0.3, 0.2], 0.5), ([0, 0, 0.5], 1)],
)
def test_the_factor_by_hand(accuracies, factor):
    assert recent_gain(accuracies, window=2) == pytest.approx(factor)


def test_the_last_accuracy_is_compared_with_the_five_before_it():
    """By hand, with 1 for the first five evaluations."""
    modulator, accuracies = begun(MSLR(MSLRSettings())), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.6]
    factors = []
    for accuracy in accuracies:
        modulator.end_epoch(Validation({"audio": accuracy}))
        factors.append(modulator.learning_rates()["audio"])
    assert factors == pytest.approx([1.0] * 5 + [0.6 / 0.3, 0.6 / 0.4])


def test_a_fixed_factor_acts_in_every_epoch(make_lab):
    lab = make_lab(2)
    modulator = begun(MSLR(MSLRSettings(window=1, factors={"audio": 0.9, "visual": 1.1})))
    assert modulator.learning_rates() == {"audio": 0.9, "visual": 1.1}
    for accuracy in (0.2, 0.4):
        modulator.end_epoch(Validation({"audio": accuracy}))
    assert lab.backward(modulator) == pytest.approx({"rate_audio": 1.8, "rate_visual": 1.1})


def test_it_acts_in_its_epochs_and_remembers_the_others(make_lab):
    lab, modulator = make_lab(2), MSLR(MSLRSettings(window=1, first_epoch=3, last_epoch=3, factors={"audio": 0.5}))
    rates = []
    for epoch, accuracy in enumerate((0.1, 0.2, 0.8, 0.8)):
        begun(modulator, epoch)
        rates.append(modulator.learning_rates())
        assert lab.backward(modulator) == {"rate_audio": 1.0, "rate_visual": 1.0} | {
            f"rate_{m}": rate for m, rate in rates[-1].items()
        }
        modulator.end_epoch(Validation(dict.fromkeys(("audio", "visual"), accuracy)))
    assert [rates[i] for i in (0, 1, 3)] == [{}] * 3
    assert rates[2] == pytest.approx({"audio": 0.5 * 0.2 / 0.1, "visual": 0.2 / 0.1})


def test_a_factor_of_an_unknown_modality_is_named(make_lab):
    with pytest.raises(ColliculusError, match="'adio': did you mean 'audio'"):
        make_lab(2).backward(MSLR(MSLRSettings(factors={"adio": 0.9})))


def test_it_looks_back_on_the_window_only():
    modulator = begun(MSLR(MSLRSettings(window=2)))
    assert modulator.learning_rates() == {}
    for audio, visual in ((0.9, 0.2), (0.2, 0.2), (0.4, 0.2), (0.4, 0.2)):
        modulator.end_epoch(Validation({"audio": audio, "visual": visual}))
    assert modulator.learning_rates() == pytest.approx({"audio": 0.4 / 0.3, "visual": 1.0})


def test_modalities_equally_accurate_learn_equally_fast():
    modulator = begun(MSLR(MSLRSettings(window=2)))
    for accuracy in (0.3, 0.5, 0.6):
        modulator.end_epoch(Validation(dict.fromkeys(("audio", "visual", "touch"), accuracy)))
    assert list(modulator.learning_rates().values()) == pytest.approx([1.5] * 3)


def test_the_gradients_are_left_alone_and_the_factors_are_told(lab):
    plain = lab.plain_gradients()
    modulator = begun(MSLR(MSLRSettings(window=1)))
    assert set(lab.backward(modulator).values()) == {1.0}
    modulator.end_epoch(Validation(dict.fromkeys(lab.model.modalities, 0.2)))
    modulator.end_epoch(Validation(dict.fromkeys(lab.model.modalities, 0.4)))
    assert list(lab.backward(modulator).values()) == pytest.approx([2.0] * len(lab.model.modalities))
    assert all(torch.equal(gradient, plain[name]) for name, gradient in lab.gradients().items())


def test_its_memory_goes_on():
    first, second = begun(MSLR(MSLRSettings(window=3))), begun(MSLR(MSLRSettings(window=3)))
    for accuracy in (0.2, 0.5, 0.4, 0.6):
        first.end_epoch(Validation({"audio": accuracy}))
    second.restore(first.state())
    for modulator in (first, second):
        modulator.end_epoch(Validation({"audio": 0.7}))
    assert second.learning_rates() == first.learning_rates() == pytest.approx({"audio": 0.7 * 3 / 1.5})


def test_a_model_in_which_no_modality_answers_is_refused(make_lab):
    with pytest.raises(ColliculusError, match=r"mslr .* set unimodal_loss"):
        make_lab(2, unimodal_loss=0.0).backward(MSLR(MSLRSettings()), lambda output: replace(output, evidence={}))


def test_settings_out_of_range_are_refused():
    assert MSLRSettings(window=1).window == 1
    with pytest.raises(ColliculusError, match="mslr"):
        MSLRSettings(window=0)
    with pytest.raises(ColliculusError, match=r"0\.0 for audio"):
        MSLRSettings(factors={"audio": 0.0})


def test_without_accuracies_or_with_none_right_the_rate_stays():
    assert (recent_gain([], 1), recent_gain([0.0, 0.0], 1), recent_gain([0.25, 0.75], 1)) == (1.0, 1.0, 3.0)
