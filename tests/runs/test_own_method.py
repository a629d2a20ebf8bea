"""Methods from outside the package: trained, recorded, and loaded again."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType

import pytest
import torch
import yaml
from torch import nn

import colliculus as cl
from colliculus.coding import Direct
from colliculus.evaluation.trained_run import open_run
from colliculus.heads import LinearReadout
from colliculus.modulation import Modulator
from colliculus.runs.own_method import own_from_plain, own_to_plain
from colliculus.runs.run import read_run
from colliculus.types import ColliculusError, Fused


class Encoder(nn.Module):
    """Linear maps of the pixels as one token."""

    def __init__(self, channels, size, dim):
        super().__init__()
        self.dim = dim
        self.map = nn.Linear(channels * size[0] * size[1], dim)
        self.neuron = cl.LIF()

    def forward(self, x):
        return self.neuron(4 * self.map(x.flatten(2)))[..., None]


class Product(nn.Module):
    """The product of one plus each modality: neither a sum nor separable."""

    def forward(self, tokens):
        joint = torch.stack([1 + x.mean(-1) for x in tokens.values()]).prod(0)
        return Fused(joint=joint, parts={})


class Halve(Modulator):
    """Halves all gradients, and counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, model, output, labels, collective, prepared):
        self.calls += 1
        for p in model.parameters():
            p.grad.mul_(0.5)
        return {"calls": float(self.calls)}


def confidence(output, labels):
    """A loss term of one's own."""
    return 0.1 * output.logits.softmax(1).square().sum(1).mean()


@dataclass(frozen=True, kw_only=True)
class Own(cl.Method):
    dim: int = 8
    steps: int = 2

    def model(self, spec):
        return cl.MultimodalSNN(
            spec,
            coding={m: Direct(self.steps) for m in spec.modalities},
            encoders={m: Encoder(spec.channels[m], spec.size(m), self.dim) for m in spec.modalities},
            fusion=Product(),
            head=LinearReadout(self.dim, spec.num_classes),
        )

    def objective(self):
        return cl.Objective({"task": cl.CrossEntropy(0.1), "confidence": confidence})

    def modulator(self):
        return Halve()


class Plain:
    """No dataclass, and no base class."""

    def __init__(self, dim):
        self.inner = Own(dim=dim)
        self.model, self.objective, self.modulator = self.inner.model, self.inner.objective, self.inner.modulator


@pytest.fixture(scope="module", autouse=True)
def importable():
    """Under `--import-mode=importlib` a test's module cannot be imported by its name."""
    module = ModuleType("users_methods")
    module.Own = Own
    sys.modules["users_methods"], module_before = module, Own.__module__
    Own.__module__ = "users_methods"
    yield
    Own.__module__ = module_before
    del sys.modules["users_methods"]


@pytest.fixture(scope="module")
def experiment():
    return cl.preset(
        "s-cmrl-synthetic",
        method=Own(dim=6),
        data={"num_classes": 2, "num_train": 13, "num_validation": 6, "num_test": 5, "size": 8, "steps": 2},
        train={"epochs": 2, "batch_size": 8, "device": "cpu"},
        preset="own",
    )


@pytest.fixture(scope="module")
def folder(experiment, tmp_path_factory):
    folder = tmp_path_factory.mktemp("own") / "run"
    cl.fit(experiment, out=folder, progress=False)
    return folder


def test_own_parts_are_trained_and_loaded_again(folder, experiment):
    run = open_run(folder, device="cpu")
    assert run.experiment.method == experiment.method
    assert (run.result.method, run.result.preset) == ("Own", "own")
    header, *rows = (folder / "metrics.csv").read_text().splitlines()
    assert {"train_confidence", "modulation_calls"} <= {*header.split(",")}
    calls = header.split(",").index("modulation_calls")
    assert [float(row.split(",")[calls]) for row in rows] == [1.5, 3.5]  # means over two steps each
    test = run.data.test
    batch = test.batch(torch.arange(len(test)).numpy(), epoch=0)
    with torch.no_grad():
        output = run.model(batch.inputs)
    assert (output.logits.argmax(1) == batch.labels).sum() == run.result.test.correct
    assert output.logits.std(0).min() > 0


def test_a_class_that_is_gone_is_passed(folder, experiment, monkeypatch):
    monkeypatch.delitem(sys.modules, "users_methods")
    with pytest.raises(ColliculusError, match=r"module users_methods, which is not imported: .*method=Own\(\.\.\.\)"):
        read_run(folder)
    assert read_run(folder, method=experiment.method).experiment == experiment


def test_settings_that_no_file_can_hold_are_passed(folder, tmp_path, monkeypatch):
    @dataclass(frozen=True, kw_only=True)
    class Calling(Own):
        act: object = field(default=torch.tanh)

    plain = own_to_plain(Calling())
    assert (plain["dim"], plain["steps"], type(plain["act"])) == (8, 2, str)
    yaml.safe_dump(plain)
    with pytest.raises(ColliculusError, match="pass it, as in"):
        own_from_plain(plain)
    assert [*own_to_plain(Plain(8))] == ["name"]
    with pytest.raises(ColliculusError, match="pass it, as in"):
        own_from_plain(own_to_plain(Plain(8)))


@pytest.mark.parametrize(
    "place", ["os:getcwd", "os:NoSuchClass", "colliculus.types:DataSpec", "colliculus:SCMRL", "os:environ.copy"]
)
def test_only_a_method_is_made(place):
    with pytest.raises(ColliculusError, match=r"cannot be made from run\.yaml"):
        own_from_plain({"name": place})


def test_a_run_folder_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / "foreign.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ColliculusError, match="module foreign, which is not imported: import it first, or pass"):
        own_from_plain({"name": "foreign:Method"})
    assert "foreign" not in sys.modules


def test_any_object_with_the_three_methods_is_trained(experiment, tmp_path):
    method = Plain(6)
    changed = cl.preset("s-cmrl-synthetic", method=method, data=experiment.data, train=experiment.train)
    trained = cl.fit(changed, out=tmp_path / "run", progress=False)
    assert trained.result.method == "Plain"
    assert trained.model.spec.num_classes == 2
    with pytest.raises(ColliculusError, match=r"method=Plain\(\.\.\.\)"):
        read_run(tmp_path / "run")
    again = cl.load(tmp_path / "run", method=method)
    assert again.model.state_dict().keys() == trained.model.state_dict().keys()
