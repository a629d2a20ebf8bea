"""MSLR in a whole training, against SGD with momentum and weight decay by a slow loop."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from slow_loops import stream_of

from colliculus.modulation import Balance, MSLRSettings, Validation
from colliculus.training import learner
from colliculus.training.fit import fit

FIXED = {"audio": 0.5, "visual": 1.1}
ACCURACIES = {
    "audio": [0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 0.7, 0.9, 0.9],
    "visual": [0.6, 0.4, 0.5, 0.4, 0.6, 0.3, 0.3, 0.2, 0.2],
}
"""Validation accuracy of each modality alone, epoch after epoch."""
MOMENTUM, DECAY, RATE, LAST = 0.7, 0.05, 0.1, 8


@pytest.fixture
def steps(monkeypatch):
    """A list with an entry for each step: weights before it, gradients, and weights after it, by name."""
    found = []
    build = learner.build_optimizer

    def watched(model, *rest):
        optimizer = build(model, *rest)

        def weights():
            return {n: p.detach().clone() for n, p in model.named_parameters() if p.grad is not None}

        def before(*_):
            found.append([weights(), {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}])

        optimizer.register_step_pre_hook(before)
        optimizer.register_step_post_hook(lambda *_: found[-1].append(weights()))
        return optimizer

    monkeypatch.setattr(learner, "build_optimizer", watched)
    return found


def factor(modality, epoch):
    """f_m a_6 / mean(a_1 .. a_5) of the six validations before the epoch, counted from 1."""
    if epoch > LAST:
        return 1.0
    *five, last = ACCURACIES[modality][epoch - 7 : epoch - 1] if epoch >= 7 else [1.0] * 6
    return FIXED[modality] * last / (sum(five) / 5)


def test_every_step_is_that_of_the_formula(tiny, tmp_path, steps, monkeypatch):
    train = {"momentum": MOMENTUM, "weight_decay": DECAY, "learning_rate": RATE, "schedule": "step", "step_epochs": 7}
    experiment = tiny(epochs=LAST + 1, optimizer="sgd", warmup_epochs=0, step_factor=0.2, **train)
    balance = Balance(kind="mslr", mslr=MSLRSettings(factors=FIXED, last_epoch=LAST))
    validated = zip(*ACCURACIES.values(), strict=True)
    monkeypatch.setattr(learner, "Validation", lambda *_: Validation(dict(zip(FIXED, next(validated), strict=True))))
    method = replace(experiment.method, balance=balance)
    fit(replace(experiment, method=method), out=tmp_path / "run", progress=False)
    assert len(steps) == 2 * (LAST + 1)
    velocity = {}
    for number, (weights, gradients, after) in enumerate(steps):
        epoch = number // 2 + 1
        rate = RATE * (0.2 if epoch > 7 else 1.0)
        for name, weight in weights.items():
            decay = DECAY if weight.ndim >= 2 else 0.0
            velocity[name] = MOMENTUM * velocity.get(name, 0.0) + gradients[name] + decay * weight
            own = rate * (factor(stream_of(name), epoch) if stream_of(name) else 1.0)
            torch.testing.assert_close(after[name], weight - own * velocity[name], rtol=1e-5, atol=1e-6, msg=name)
    for m in FIXED:
        assert any(g.abs().max() > 1e-4 for _, gradients, _ in steps for n, g in gradients.items() if stream_of(n) == m)
