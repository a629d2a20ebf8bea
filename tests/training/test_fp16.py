"""Training in float16 with a scaled loss, on the CPU, where only `Runtime.start` refuses it."""

from __future__ import annotations

import pytest
import torch
from one_step import Linear, cross_entropy, make_step

from colliculus.modulation import Modulator
from colliculus.modulation.mm_pareto import MMPareto, MMParetoSettings
from colliculus.runtime import LossScale, Runtime, runtime
from colliculus.training import learner
from colliculus.training.checkpoint import read_state
from colliculus.training.fit import fit
from colliculus.types import Batch, ColliculusError

CPU = torch.device("cpu")


@pytest.fixture
def batch():
    return Batch({"a": torch.randn(6, 1, 2, 2, generator=torch.manual_seed(1))}, torch.tensor([0, 1, 2, 0, 1, 2]))


@pytest.fixture
def on_a_cpu(monkeypatch):
    monkeypatch.setattr(runtime, "check_precision", lambda device, precision: None)


class Seen(Modulator):
    """Keeps the gradients that a balance reads."""

    def __init__(self):
        self.gradients = []

    def __call__(self, model, output, labels, collective, prepared):
        self.gradients.append(model.layer.weight.grad.clone())
        return {}


def linear():
    torch.manual_seed(0)
    return Linear()


def test_balance_clipping_and_optimiser_see_the_gradients_of_the_loss_itself(batch):
    models, seen, norms = (linear(), linear()), (Seen(), Seen()), []
    for model, modulator, scale in zip(models, seen, (None, LossScale(CPU)), strict=True):
        report = make_step(model, modulator=modulator, scale=scale, clip_norm=0.01)(batch)
        norms.append(report.grad_norm)
        assert (report.skipped is None) == (scale is None)
    assert not report.skipped
    assert seen[0].gradients[0].any()
    torch.testing.assert_close(seen[0].gradients, seen[1].gradients)
    torch.testing.assert_close(*norms)
    torch.testing.assert_close(models[0].layer.weight, models[1].layer.weight)


def test_without_a_scale_small_gradients_of_float16_become_zero(batch):
    def tiny_loss(output, labels):
        return {"task": 1e-8 * cross_entropy(output, labels)["task"]}

    found = {}
    for precision, scale in (("fp32", None), ("fp16", None), ("scaled", LossScale(CPU))):
        seen = Seen()
        narrow = Runtime(device=CPU, precision="fp32" if precision == "fp32" else "fp16")
        make_step(linear(), modulator=seen, scale=scale, objective=tiny_loss, runtime=narrow)(batch)
        found[precision] = seen.gradients[0]
    assert found["fp32"].any()
    assert not found["fp16"].any()
    torch.testing.assert_close(found["scaled"], found["fp32"], rtol=0.02, atol=1e-11)


def test_a_step_that_overflows_is_not_taken_and_halves_the_scale(batch):
    model, seen, scale = linear(), Seen(), LossScale(CPU)
    optimizer = torch.optim.AdamW(model.parameters())
    step = make_step(model, modulator=seen, scale=scale, optimizer=optimizer)
    before, factor = model.layer.weight.detach().clone(), scale.factor
    step(Batch({"a": batch.inputs["a"] * torch.inf}, batch.labels))
    report = step(Batch({"a": batch.inputs["a"] * torch.inf}, batch.labels))
    assert report.skipped
    assert report.grad_norm == 0
    assert not seen.gradients[0].any()
    assert torch.equal(model.layer.weight, before)
    assert not optimizer.state
    assert scale.factor == factor / 4
    assert not step(batch).skipped
    assert not torch.equal(model.layer.weight, before)


def test_gradients_that_overflow_at_any_scale_are_a_divergence(batch):
    scale = LossScale(CPU)
    step = make_step(linear(), scale=scale)
    scale.check()
    for _ in range(17):
        step(Batch({"a": batch.inputs["a"] * torch.inf}, batch.labels))
    with pytest.raises(ColliculusError, match=r"overflow float16 at a loss scale of 0\.5"):
        scale.check()


def test_a_resumed_training_knows_its_scale(on_a_cpu, train, digits, tmp_path, monkeypatch):
    started = []

    class Low(LossScale):
        """It grows every second step and starts where some gradients overflow."""

        def __init__(self, device):
            super().__init__(device)
            self.restore(self.state() | {"scale": 2.0**40, "growth_interval": 2})
            started.append(self)

    monkeypatch.setattr(learner, "LossScale", Low)
    settings = {"precision": "fp16", "epochs": 4}
    train(tmp_path / "whole", **settings)
    stop = learner.Learner.train_epoch

    def stopped(self, split, epoch, watch):
        if epoch == 2:
            raise KeyboardInterrupt
        return stop(self, split, epoch, watch)

    with monkeypatch.context() as patch:
        patch.setattr(learner.Learner, "train_epoch", stopped)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "halves", **settings)
    kept = read_state(tmp_path / "halves").scale
    assert kept["scale"] not in (0.0, 2.0**40)
    train(tmp_path / "halves", resume=True, **settings)
    assert digits(tmp_path / "whole") == digits(tmp_path / "halves")
    assert started[0].factor == started[-1].factor
    rows = (tmp_path / "whole" / "metrics.csv").read_text().splitlines()
    skipped = [float(row.split(",")[rows[0].split(",").index("skipped_steps")]) for row in rows[1:]]
    assert skipped[0] > 0


def test_it_is_evaluated_in_float32(on_a_cpu, tiny, tmp_path):
    run = fit(tiny(precision="fp16", epochs=1), out=tmp_path / "run", progress=False)
    assert run.model.precision == "fp32"


def test_a_cpu_is_refused(tiny, tmp_path):
    with pytest.raises(ColliculusError, match="fp16 needs a CUDA GPU, and the device is cpu: use bf16"):
        fit(tiny(precision="fp16", device="cpu"), out=tmp_path / "run", progress=False)


def test_a_balance_that_differentiates_by_itself_is_refused():
    with pytest.raises(ColliculusError, match=r"choose train\.precision bf16 or fp32"):
        learner._loss_scale(Runtime(device=CPU), MMPareto(MMParetoSettings()))
