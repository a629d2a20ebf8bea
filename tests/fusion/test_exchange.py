from __future__ import annotations

import numpy as np
import pytest
import torch
from active import assert_active, awake
from slow_fusion import SlowFusion

from colliculus.fusion import CrossModalResidual, CrossModalSettings, Sum
from colliculus.fusion.exchange import MeanOfOthers
from colliculus.neurons import NeuronSettings

GRIDS = {"audio": (2, 3), "visual": (2, 2), "touch": (1, 3)}


SEED = 0
"""One at which no membrane is so close to its threshold that rounding would change a spike."""


class SlowMean(SlowFusion):
    """Every modality receives from the mean of the others at the places of the first of them."""

    def residual(self, m, tokens):
        others = [other for other in tokens if other != m]
        self.grids = {**GRIDS, "mean": GRIDS[others[0]]}
        mean = sum(self.placed(GRIDS[others[0]], GRIDS[other], tokens[other]) for other in others) / len(others)
        return super().residual(m, {m: tokens[m], "mean": mean})

    @staticmethod
    def placed(grid, own, x):
        """Loop over the places of `grid`; each takes the token of `own` at the same height and width."""
        taken = [
            x[..., (row * own[0] // grid[0]) * own[1] + column * own[1] // grid[1]]
            for row in range(grid[0])
            for column in range(grid[1])
        ]
        return np.stack(taken, axis=-1)


def tokens(*modalities, seed=0):
    generator = torch.Generator().manual_seed(seed)
    sizes = {m: (3, 2, 8, GRIDS[m][0] * GRIDS[m][1]) for m in modalities}
    return {m: torch.randint(0, 4, size, generator=generator).float() for m, size in sizes.items()}


def residual_fusion(*modalities, **settings):
    torch.manual_seed(0)
    return CrossModalResidual(
        {m: GRIDS[m] for m in modalities},
        dim=8,
        heads=2,
        alpha=0.25,
        branches="spatiotemporal",
        alignment=True,
        join=Sum(),
        neuron=NeuronSettings(),
        settings=CrossModalSettings(dropout=0.0, **settings),
    )


def test_the_mean_of_three_is_that_of_loops_over_single_numbers():
    given = tokens(*GRIDS, seed=SEED)
    fusion = awake(residual_fusion(*GRIDS, senders="mean"), given, current=0.6).double()
    names = {f"attention.{m}_from_others": f"attention.{m}_from_mean" for m in GRIDS}
    weights = {}
    for name, value in fusion.state_dict().items():
        part = ".".join(name.split(".")[:2])
        weights[name.replace(part, names.get(part, part))] = value.numpy()
    slow = SlowMean(weights, GRIDS)
    joint, residual = slow.fuse({m: x.double().numpy() for m, x in given.items()})
    assert slow.margin > 1e-6
    fused = fusion({m: x.double() for m, x in given.items()})
    assert_active(*fused.residual.values())
    torch.testing.assert_close(fused.joint, torch.from_numpy(joint))
    for m in GRIDS:
        torch.testing.assert_close(fused.residual[m], torch.from_numpy(residual[m]))


def test_two_modalities_exchange_the_same_with_each_and_with_the_mean():
    given = tokens("audio", "visual")
    each, mean = (awake(residual_fusion("audio", "visual", senders=kind), given) for kind in ("each", "mean"))
    assert [*each.state_dict()] == [*mean.state_dict()]
    assert_active(*each(given).residual.values())
    assert torch.equal(each(given).joint, mean(given).joint)


def test_the_mean_takes_an_attention_for_each_modality():
    assert len(residual_fusion(*GRIDS, senders="mean").attention) == 3
    assert len(residual_fusion(*GRIDS).attention) == 6


@pytest.mark.parametrize("present", [("audio", "visual"), ("visual", "touch"), ("audio", "touch"), ("touch",)])
def test_an_absent_modality_is_not_in_the_mean(present):
    given = tokens(*present)
    found = MeanOfOthers(GRIDS)(given)
    assert set(found) == (set(present) if len(present) > 1 else set())
    for m in found:
        (other,) = set(present) - {m}
        first = next(name for name in GRIDS if name != m)
        expected = SlowMean.placed(GRIDS[first], GRIDS[other], given[other].numpy())
        assert torch.equal(found[m], torch.from_numpy(expected))
    fusion = awake(residual_fusion(*GRIDS, senders="mean"), tokens(*GRIDS))
    assert fusion(given).joint.isfinite().all()
    if len(present) == 1:
        assert not fusion(given).residual["touch"].any()
