from __future__ import annotations

from itertools import product

import pytest
import torch
from active import assert_active

from colliculus.fusion import ReadoutWeights, weighted
from colliculus.types import ColliculusError

T, B, D, N = 3, 2, 4, 5


def pooling(maps=1, seed=0):
    torch.manual_seed(seed)
    made = ReadoutWeights(T, D, N, maps=maps).double()
    torch.nn.init.normal_(made.change)
    return made


def tokens(steps=T):
    return torch.randn(steps, B, D, N, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("maps", [1, 2, 3])
def test_every_step_channel_and_token_has_its_own_weight(maps) -> None:
    made, x = pooling(maps), tokens()
    found = made(x)
    assert found.shape == (T, B, maps * D)
    for m, t, b, d in product(range(maps), range(T), range(B), range(D)):
        expected = sum((1 + made.change[m, t, d, n].item()) / N * x[t, b, d, n].item() for n in range(N))
        assert found[t, b, m * D + d].item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("maps", [1, 2])
def test_gradients_by_finite_differences(maps) -> None:
    made, x = pooling(maps), tokens().requires_grad_()
    weights = made.change.detach().clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda given, change: torch.func.functional_call(made, {"change": change}, (given,)), (x, weights)
    )


def test_a_weight_learns_from_its_own_token_in_every_sample() -> None:
    made, x = pooling(), tokens()
    upstream = torch.randn(T, B, D, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    made(x).backward(upstream)
    for t, d, n in product(range(T), range(D), range(N)):
        expected = sum(upstream[t, b, d].item() * x[t, b, d, n].item() / N for b in range(B))
        assert made.change.grad[0, t, d, n].item() == pytest.approx(expected, abs=1e-12)


def test_one_map_starts_as_the_mean_and_several_look_at_places_of_their_own() -> None:
    torch.manual_seed(0)
    x = torch.rand(T, B, D, N)
    torch.testing.assert_close(ReadoutWeights(T, D, N)(x), x.mean(-1))
    several = ReadoutWeights(T, D, N, maps=3)(x).unflatten(-1, (3, D))
    assert_active(several)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert not torch.allclose(several[:, :, one], several[:, :, other], atol=1e-3)


@pytest.mark.parametrize("maps", [1, 2])
@pytest.mark.parametrize("steps", [1, 2])
def test_the_first_steps_alone_have_the_first_weights(maps, steps) -> None:
    made, x = pooling(maps), tokens()
    torch.testing.assert_close(made(x[:steps]), made(x)[:steps])
    if steps == 2:
        assert not torch.allclose(made(x[1:]), made(x)[1:])


@pytest.mark.parametrize("shape", [(T + 1, B, D, N), (T, B, D + 1, N), (T, B, D, N - 1)], ids=str)
def test_tokens_of_another_size_are_refused(shape) -> None:
    with pytest.raises(ColliculusError, match=rf"3 steps of 4 x 5 .*given {shape[0]} of {shape[2]} x {shape[3]}"):
        ReadoutWeights(T, D, N)(torch.zeros(shape))


def test_each_modality_has_weights_for_its_own_grid() -> None:
    made = weighted(T, D, {"audio": (2, 3), "motion": (1, 16)}, maps=2)
    assert {m: tuple(pooling.change.shape) for m, pooling in made.items()} == {
        "audio": (2, T, D, 6),
        "motion": (2, T, D, 16),
    }
    with pytest.raises(ColliculusError, match="those of motion cannot be counted: give the DataSpec its `sizes`"):
        weighted(T, D, {"audio": (2, 3), "motion": None})
