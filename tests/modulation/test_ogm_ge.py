from __future__ import annotations

from math import tanh

import numpy as np
import pytest
import torch
from begun import begun

from colliculus.modulation import OGMGE, OGMGESettings, PreparedLosses
from colliculus.modulation.ogm_ge import scale_with_noise, shared_generator, slowing
from colliculus.runtime import Runtime
from colliculus.types import ColliculusError

CPU = torch.device("cpu")


def started(epoch=0, seed=0, **settings):
    modulator = OGMGE(OGMGESettings(**settings))
    return begun(modulator, epoch, epochs=10, seed=seed)


@pytest.mark.parametrize(
    ("ratio", "alpha", "expected"),
    [(2.0, 0.8, 0.0783314), (1.5, 0.1, 0.851115), (1.0, 0.8, 1.0), (0.5, 0.8, 1.0), (1 + 1e-15, 0.8, 1.0)],
)
def test_who_is_ahead_is_slowed_by_the_formula(ratio, alpha, expected):  # 1 - tanh(1.6), 1 - tanh(0.15)
    assert slowing(ratio, alpha) == pytest.approx(expected, rel=1e-5)


def test_coefficients_by_hand_for_two_and_three(make_lab, said):
    def coefficients(lab, **probabilities):
        output = said(**probabilities)
        labels = torch.zeros(2, dtype=torch.int64)
        return started(alpha=0.8)(lab.model, output, labels, Runtime(device=CPU), PreparedLosses({}))

    # s = 1.6 and 0.8: rho = 2 and 1/2
    two = coefficients(make_lab(2), audio=[0.9, 0.7], visual=[0.3, 0.5])
    assert two == pytest.approx({"coefficient_audio": 1 - tanh(1.6), "coefficient_visual": 1.0}, rel=1e-5)
    # s = 1.2, 0.8, 0.4: rho = 1.2 / 0.6, 0.8 / 0.8, 0.4 / 1
    three = coefficients(make_lab(3), audio=[0.6, 0.6], visual=[0.45, 0.35], touch=[0.1, 0.3])
    assert three["coefficient_audio"] == pytest.approx(1 - tanh(1.6), rel=1e-5)
    assert three["coefficient_touch"] == 1.0


def test_the_weights_of_the_encoder_that_is_ahead_are_scaled_and_nothing_else(lab):
    plain = lab.plain_gradients()
    report = lab.backward(started(enhancement=False))
    assert min(report.values()) < 1.0 == max(report.values())
    for name, gradient in lab.gradients().items():
        stream = name.startswith(("encoders", "fusion.mlp")) and gradient.ndim >= 2
        (modality,) = [m for m in lab.model.modalities if m in name.split(".")] if stream else [""]
        factor = report[f"coefficient_{modality}"] if stream else 1.0
        torch.testing.assert_close(gradient, factor * plain[name], msg=name)


def test_identical_modalities_are_left_alone(lab):
    lab.make_identical()
    plain = lab.plain_gradients()
    assert set(lab.backward(started(enhancement=False)).values()) == {1.0}
    assert all(torch.equal(gradient, plain[name]) for name, gradient in lab.gradients().items())


def test_the_noise_of_few_numbers_divides_by_their_number():
    """By hand: 1, 3 and 5 deviate by 2, 0 and 2 from 3, so that the standard deviation is sqrt(8 / 3)."""
    gradient = torch.tensor([1.0, 3.0, 5.0])
    changed = gradient.clone()
    scale_with_noise(changed, 0.25, shared_generator(0, 0, CPU))
    drawn = torch.randn(3, generator=shared_generator(0, 0, CPU))
    torch.testing.assert_close(changed, 0.25 * gradient + (8 / 3) ** 0.5 * drawn)


def test_the_noise_is_as_strong_as_the_gradient():
    gradient = 3 * torch.randn(200, 100, generator=torch.Generator().manual_seed(0)) + 1
    changed = gradient.clone()
    scale_with_noise(changed, 0.25, shared_generator(0, 0, CPU))
    noise = changed - 0.25 * gradient
    assert noise.mean().item() == pytest.approx(0, abs=0.07)  # 3 standard errors of 20 000 draws
    assert noise.std().item() == pytest.approx(3, rel=0.02)
    correlation = torch.stack([noise.flatten(), gradient.flatten()]).corrcoef()[0, 1].item()
    assert correlation == pytest.approx(0, abs=0.03)


def test_the_noise_follows_from_seed_and_epoch_alone(lab):
    def noisy(**start):
        lab.backward(started(**start))
        return next(iter(lab.gradients().values()))

    first = noisy(seed=1, epoch=2)
    torch.rand(5)
    assert torch.equal(noisy(seed=1, epoch=2), first)
    assert not torch.equal(noisy(seed=1, epoch=3), first)
    assert not torch.equal(noisy(seed=2, epoch=2), first)


@pytest.mark.parametrize(("epoch", "acts"), [(0, False), (1, True), (3, True), (4, False)])
def test_it_acts_from_its_first_to_its_last_epoch(lab, epoch, acts):
    plain = lab.plain_gradients()
    report = lab.backward(started(epoch=epoch, first_epoch=2, last_epoch=4))
    assert (set(report.values()) == {1.0}) is not acts
    assert all(torch.equal(gradient, plain[name]) for name, gradient in lab.gradients().items()) is not acts


@pytest.mark.parametrize(
    "settings", [{"alpha": 0.0}, {"alpha": float("inf")}, {"first_epoch": 0}, {"first_epoch": 3, "last_epoch": 2}]
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ColliculusError, match=f"`{next(iter(settings))}`"):
        OGMGESettings(**settings)


def test_equal_up_to_rounding_is_equal():
    assert slowing(1 + 1e-9, alpha=0.8) == slowing(1 - 1e-9, alpha=0.8) == 1.0


def test_the_noise_is_the_second_child_of_seed_and_epoch():
    state = np.random.SeedSequence([3, 5]).spawn(2)[1].generate_state(1, np.uint64)
    expected = torch.rand(4, generator=torch.Generator().manual_seed(int(state[0])))
    assert torch.equal(torch.rand(4, generator=shared_generator(3, 5, CPU)), expected)


def test_a_constant_gradient_still_gets_a_little_noise():
    gradient = torch.zeros(3)
    scale_with_noise(gradient, 1.0, shared_generator(0, 0, CPU))
    torch.testing.assert_close(
        gradient, 1e-8 * torch.randn(3, generator=shared_generator(0, 0, CPU)), atol=0, rtol=1e-6
    )


def test_before_its_first_epoch_it_does_nothing(lab):
    plain = lab.plain_gradients()
    assert set(lab.backward(OGMGE(OGMGESettings())).values()) == {1.0}
    assert all(torch.equal(gradient, plain[name]) for name, gradient in lab.gradients().items())


def test_a_range_may_be_one_epoch():
    settings = OGMGESettings(first_epoch=3, last_epoch=3)
    assert [epoch for epoch in range(6) if settings.acts_in(epoch, epochs=6)] == [2]
    assert all(OGMGESettings(last_epoch=None).acts_in(epoch, epochs=6) for epoch in range(6))


@pytest.mark.parametrize(("epochs", "acting"), [(1, 1), (4, 2), (5, 3), (100, 50)])
def test_by_default_it_acts_in_the_first_half(epochs, acting):
    assert sum(OGMGESettings().acts_in(epoch, epochs=epochs) for epoch in range(epochs)) == acting


def test_a_range_that_begins_after_the_half_is_refused_when_the_training_begins():
    late = OGMGE(OGMGESettings(first_epoch=4))
    with pytest.raises(ColliculusError, match=r"from `first_epoch` 4 to `last_epoch` 3"):
        begun(late, 0, epochs=6)


def test_more_than_two_may_be_compared_with_the_smallest(make_lab, said):
    """By hand, by the division of BalanceBenchmark: s = 1.2, 0.8, 0.4 gives rho = 3, 2 and 1."""
    output = said(audio=[0.6, 0.6], visual=[0.45, 0.35], touch=[0.1, 0.3])
    labels = torch.zeros(2, dtype=torch.int64)
    modulator = started(alpha=0.3, relative_to="smallest")
    found = modulator(make_lab(3).model, output, labels, Runtime(device=CPU), PreparedLosses({}))
    expected = {"audio": 1 - tanh(0.9), "visual": 1 - tanh(0.6), "touch": 1.0}
    assert found == pytest.approx({f"coefficient_{m}": k for m, k in expected.items()}, rel=1e-5)


def test_the_noise_ends_with_the_modulation(lab):
    plain = lab.plain_gradients()
    lab.backward(started(epoch=5))
    assert all(torch.equal(gradient, plain[name]) for name, gradient in lab.gradients().items())


def test_matrices_of_an_encoder_are_scaled_and_vectors_are_not(make_lab):
    lab = make_lab(2)
    for shape in ((2, 3), (3,)):
        spare = torch.nn.Parameter(torch.zeros(shape))
        lab.model.encoders["audio"].spare = spare
        modulator, output = started(enhancement=False), lab.model(lab.batch.inputs)
        spare.grad = torch.ones(shape)
        labels = output.evidence["audio"].mean(0).argmax(1)  # audio is ahead
        report = modulator(lab.model, output, labels, Runtime(device=CPU), PreparedLosses({}))
        assert report["coefficient_audio"] < 1
        assert spare.grad.unique().item() == pytest.approx(report["coefficient_audio"] if len(shape) == 2 else 1.0)
