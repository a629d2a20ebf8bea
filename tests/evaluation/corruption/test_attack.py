from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from colliculus.evaluation.corruption.attack import SignAttack
from colliculus.evaluation.inference import classify
from colliculus.methods import LateFusion
from colliculus.types import ColliculusError

BOTH = {"audio": 0.5, "visual": 0.25}


@pytest.fixture(scope="module")
def learned():
    """The weights of `trained`, which is trained once."""
    return {}


@pytest.fixture
def trained(model, split, learned):
    """A tiny model that knows its split by heart."""
    if learned:
        model.load_state_dict(learned)
        return model.eval()
    batch = split.batch(np.arange(len(split)), epoch=0)
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        functional.cross_entropy(model(batch.inputs).logits, batch.labels).backward()
        optimizer.step()
    learned |= {name: value.clone() for name, value in model.state_dict().items()}
    return model.eval()


@pytest.fixture
def batch(split):
    return split.batch(np.arange(len(split)), epoch=0)


def loss(model, inputs, batch):
    with torch.no_grad():
        return functional.cross_entropy(model(inputs).logits, batch.labels).item()


def accuracy(model, split, corruption=None):
    return classify(model, split, batch_size=4, corruption=corruption).correct.mean()


def test_one_step_goes_to_the_corner_the_gradient_points_at(trained, split, batch):
    rows = np.arange(len(split))
    found = SignAttack(trained, split.labels, BOTH)(batch.inputs, rows)
    leaves = {m: x.clone().requires_grad_() for m, x in batch.inputs.items()}
    functional.cross_entropy(trained(leaves).logits, batch.labels).backward()
    for m, epsilon in BOTH.items():
        torch.testing.assert_close(found[m], batch.inputs[m] + epsilon * leaves[m].grad.sign())


@pytest.mark.parametrize("steps", [1, 8], ids=["fgsm", "pgd"])
def test_an_attack_stays_in_its_cube_and_lowers_the_accuracy(trained, split, batch, steps):
    rows = np.arange(len(split))
    found = SignAttack(trained, split.labels, BOTH, steps)(batch.inputs, rows)
    for m, epsilon in BOTH.items():
        change = (found[m] - batch.inputs[m]).abs().max().item()
        assert 0.5 * epsilon < change <= epsilon * (1 + 1e-4)
    assert loss(trained, found, batch) > loss(trained, batch.inputs, batch)
    clean = accuracy(trained, split)
    assert clean > 0.9
    assert accuracy(trained, split, SignAttack(trained, split.labels, BOTH, steps)) < clean


def test_many_steps_raise_the_loss_more_than_noise_of_the_same_size(trained, split, batch):
    rows = np.arange(len(split))
    found = SignAttack(trained, split.labels, BOTH, 8)(batch.inputs, rows)
    drawn = torch.Generator().manual_seed(0)
    noisy = {m: x + BOTH[m] * (torch.randint(2, x.shape, generator=drawn) * 2 - 1.0) for m, x in batch.inputs.items()}
    assert loss(trained, found, batch) > loss(trained, noisy, batch)


def test_one_modality_is_attacked_and_the_other_left_alone(trained, split, batch):
    found = SignAttack(trained, split.labels, {"visual": 0.25}, 3)(batch.inputs, np.arange(len(split)))
    assert found["audio"] is batch.inputs["audio"]
    assert list(found) == ["audio", "visual"]


def test_no_change_is_allowed_and_none_happens(trained, split, batch):
    found = SignAttack(trained, split.labels, {"audio": 0.0}, 3)(batch.inputs, np.arange(len(split)))
    assert torch.equal(found["audio"], batch.inputs["audio"])


def test_a_sample_is_attacked_the_same_in_any_batch_and_the_start_has_a_seed(trained, split):
    rows = np.array([1, 4, 7])
    inputs = split.batch(rows, epoch=0).inputs
    attack = SignAttack(trained, split.labels, BOTH, 2, seed=3)
    whole = attack(inputs, rows)
    alone = attack(split.batch(rows[1:2], epoch=0).inputs, rows[1:2])
    for m in BOTH:
        torch.testing.assert_close(alone[m], whole[m].narrow(-4, 1, 1))
        assert torch.equal(attack(inputs, rows)[m], whole[m])
    other = SignAttack(trained, split.labels, BOTH, 2, seed=4)(inputs, rows)
    assert not torch.equal(other["audio"], whole["audio"])


def test_the_model_learns_nothing_from_it(trained, split, batch):
    trained.zero_grad()
    with torch.no_grad():
        found = SignAttack(trained, split.labels, BOTH, 2)(batch.inputs, np.arange(len(split)))
    assert all(p.grad is None for p in trained.parameters())
    assert not any(x.requires_grad for x in found.values())


def test_spikes_drawn_at_random_have_no_gradient(model, split, batch):
    poisson = LateFusion(dim=8, encoder="shallow", time_steps=2, coding="poisson").model(model.spec).eval()
    with pytest.raises(ColliculusError, match="no gradient reaches audio"):
        SignAttack(poisson, split.labels, {"audio": 0.1})(batch.inputs, np.arange(len(split)))


@pytest.mark.parametrize(("epsilon", "steps"), [(-0.1, 1), (float("nan"), 1), (0.1, 0)])
def test_an_attack_that_cannot_be_is_refused(model, split, epsilon, steps):
    with pytest.raises(ColliculusError, match="attack"):
        SignAttack(model, split.labels, {"audio": epsilon}, steps)
