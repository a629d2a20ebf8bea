from __future__ import annotations

import pytest
import torch
from torch import nn

from colliculus.evaluation.exchange.gradients import NUM_BATCHES, Pull, measure_pulls, pulls
from colliculus.evaluation.exchange.modules import find_exchange
from colliculus.types import Batch, Output


class Toy(nn.Module):
    """Logits a x + b (x, the first column) + 5: a is the exchange."""

    def __init__(self):
        super().__init__()
        self.inside, self.outside, self.unused = (
            nn.Linear(2, 2, bias=False),
            nn.Linear(2, 2, bias=False),
            nn.Linear(1, 1),
        )
        for layer in (self.inside, self.outside):
            nn.init.eye_(layer.weight)

    def forward(self, inputs):
        logits = self.inside(inputs["x"]) + 2 * self.outside(inputs["x"])
        return Output(logits, logits[None], {})


def objective(output, labels):
    return {"sum": output.logits.sum(), "constant": torch.tensor(3.0), "first": output.logits[labels == 0].sum() / 2}


def test_norms_by_hand():
    """The gradient of the sum of the logits by a weight [k, c] is the sum of x[c]; by the outer ones twice that."""
    drawn = [
        Batch({"x": torch.tensor([[3.0, 4.0], [0.0, 0.0]])}, torch.tensor([0, 1])),
        Batch({"x": torch.tensor([[6.0, 0.0], [0.0, 8.0]])}, torch.tensor([1, 0])),
    ]
    model = Toy().train()
    found = pulls(model, objective, drawn, [model.inside])
    norms = 5 * 2**0.5, 10 * 2**0.5  # of (3, 4) and (6, 8), each for both classes
    assert found["sum"].exchange == pytest.approx(sum(norms) / 2)
    assert found["sum"].rest == pytest.approx(sum(norms))
    assert found["constant"] == Pull(0.0, 0.0)
    assert found["first"].exchange == pytest.approx((5 * 2**0.5 + 8 * 2**0.5) / 2 / 2)
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def test_the_pull_of_a_capped_alignment_is_that_before_it_is_capped(fed):
    def found(run):
        batch, modules = run.batch(run.data.train, range(8)), find_exchange(run.model).modules
        objective = run.experiment.method.objective()

        def summed(output, labels):
            terms = objective(output, labels)
            return {"sum": 1e-3 * terms["task"] + 1e3 * terms["alignment"]}

        return pulls(run.model, objective, [batch], modules), pulls(run.model, summed, [batch], modules)["sum"]

    (capped, short), (free, long) = found(fed(capped=True)), found(fed(capped=False))
    for term in ("task", "alignment"):
        assert capped[term].exchange > 1e-6
        assert capped[term].exchange == pytest.approx(free[term].exchange, rel=1e-5)
    assert short.exchange < 0.1 * long.exchange  # as in a step of the training, where both meet


def test_the_terms_of_s_cmrl_by_their_gradients(scmrl, monkeypatch):
    model, exchange, method = scmrl.model, find_exchange(scmrl.model), scmrl.experiment.method
    seen = []
    forward = model.forward
    monkeypatch.setattr(model, "forward", lambda inputs: seen.append(inputs["audio"].shape[-4]) or forward(inputs))
    found = measure_pulls(scmrl, scmrl.data.train, exchange)
    assert seen == [5, 3]  # eight clips in batches of five, fewer than four batches
    assert NUM_BATCHES == 4
    assert list(found) == ["task", "alignment"]
    assert min(min(pull.exchange, pull.rest) for pull in found.values()) > 1e-6
    # the same from `backward`, over every clip
    whole = scmrl.batch(scmrl.data.train, range(8))
    alone = pulls(model, method.objective(), [whole], exchange.modules)["alignment"]
    method.objective()(model(whole.inputs), whole.labels)["alignment"].backward()
    inside = [
        p.grad for name, p in model.named_parameters() if name.startswith(("fusion.attention", "fusion.semantic"))
    ]
    squares = sum(float(g.double().square().sum()) for g in inside if g is not None)
    assert alone.exchange == pytest.approx(squares**0.5, rel=1e-5)
    everything = sum(float(p.grad.double().square().sum()) for p in model.parameters() if p.grad is not None)
    assert alone.rest == pytest.approx((everything - squares) ** 0.5, rel=1e-5)
