from __future__ import annotations

import math

import pytest
import torch

from colliculus.neurons import SURROGATES, ATan, Rectangle, Sigmoid, Triangle, spike


@pytest.mark.parametrize("name", SURROGATES)
def test_every_bump_is_even_and_has_unit_area(name) -> None:
    x = torch.linspace(-2000, 2000, 4_000_001, dtype=torch.float64)
    bump = SURROGATES[name]().derivative(x)
    assert torch.trapezoid(bump, x).item() == pytest.approx(1, abs=1e-3)  # atan has long tails
    torch.testing.assert_close(bump, bump.flip(0))


@pytest.mark.parametrize(
    ("surrogate", "x", "value"),
    [
        (Sigmoid(4), 0.5, 4 * 0.8807970780 * 0.1192029220),
        (ATan(2), 0.5, 1 / (1 + (math.pi / 2) ** 2)),
        (Triangle(1), 0.25, 0.75),
        (Triangle(2), 1.0, 0.25),
        (Triangle(1), 1.5, 0.0),
        (Rectangle(1), 0.49, 1.0),
        (Rectangle(1), 0.5, 0.0),
        (Rectangle(1), 0.51, 0.0),
        (Rectangle(0.5), 0.2, 2.0),
    ],
)
def test_values_by_hand(surrogate, x, value) -> None:
    assert surrogate.derivative(torch.tensor(x, dtype=torch.float64)).item() == pytest.approx(value, rel=1e-8)


def test_sigmoid_bump_is_the_derivative_of_the_sigmoid() -> None:
    x = torch.linspace(-3, 3, 31, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(torch.sigmoid(4 * x).sum(), x)
    torch.testing.assert_close(Sigmoid(4).derivative(x.detach()), slope)


def test_spike_fires_at_equality_and_passes_the_surrogate() -> None:
    x = torch.tensor([-1e-7, 0.0, 1e-7], requires_grad=True)
    fired = spike(x, Triangle(0.5))
    assert fired.tolist() == [0, 1, 1]
    fired.backward(torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(x.grad, torch.tensor([2.0, 4.0, 6.0]))
