"""Outputs after t steps: they do not depend on later steps and are those of a network of t steps."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from math import ceil

import numpy as np
import pytest
import torch
from active import assert_active
from early_networks import CASES, SPEC, T, clips, given, made
from exported_runs import PAIR, noise, run_of, small
from small_methods import read_by
from torch import nn

from colliculus.data.noise import GaussianNoise
from colliculus.evaluation.anytime import TOGETHER, first_steps, outputs_by_step
from colliculus.evaluation.inference import classify, inference_mode
from colliculus.fusion import ClipWarp, CrossModalSettings
from colliculus.fusion.time_alignment import ConvAlignment
from colliculus.layers import stepwise
from colliculus.methods import METHODS
from colliculus.types import DataSpec


def steps_of(method, m, t):
    """How many of its own steps a modality has come to after t of T."""
    return ceil(getattr(method, "modality_steps", {}).get(m, T) * t / T)


def frames_of(method, m, t):
    """How many of its frames these steps took."""
    own, frames = steps_of(method, m, T), SPEC.steps[m]
    return steps_of(method, m, t) if own == frames else {1: 1, 2: 3, 3: 4}[t]  # of 6 frames T = 4 takes 0, 2, 3 and 5


@pytest.mark.parametrize("case", CASES)
def test_what_comes_later_does_not_reach_it(case):
    method, model = made(case)
    before, after = given(model, clips()), given(model, clips(seed=1))
    first = outputs_by_step(model, before, T)
    for t in range(1, T):
        changed = {
            m: torch.cat([x[: frames_of(method, m, t)], after[m][frames_of(method, m, t) :]]) if m in SPEC.steps else x
            for m, x in before.items()
        }
        second = outputs_by_step(model, changed, T)
        assert torch.equal(first[t - 1].logits, second[t - 1].logits)
        assert not torch.equal(first[t].logits, second[t].logits)  # by then it came
        assert not torch.equal(first[-1].logits, second[-1].logits)


@pytest.mark.parametrize("case", CASES)
def test_after_all_steps_it_is_the_model_s_answer(case):
    _, model = made(case)
    outputs = outputs_by_step(model, given(model, clips()), T)
    with inference_mode(model):
        whole = model(given(model, clips()))
    assert torch.equal(outputs[-1].logits, whole.logits)
    assert [len(output.step_logits) for output in outputs] == [1, 2, 3, 4]


class Cut(nn.Module):
    """h'(r) = sum_s P[r, s] h(s) over the first rows and columns of an alignment's matrix: a slow loop."""

    def __init__(self, whole, rows, columns):
        super().__init__()
        self.whole, self.rows, self.columns = whole, rows, columns

    def forward(self, stream):
        assert len(stream) == self.columns
        if isinstance(self.whole, ClipWarp):
            return self.by_clip(stream)
        matrix = self.whole.matrix
        moved = torch.stack([sum(matrix[r, s] * stream[s] for s in range(self.columns)) for r in range(self.rows)])
        if not isinstance(self.whole, ConvAlignment):
            return moved
        spikes = self.whole.neuron(stepwise(self.whole.norm, moved))
        return (1 - self.whole.mix) * moved + self.whole.mix * spikes

    def by_clip(self, stream):
        """The same for a warp whose matrix depends on the clip: its network sees nothing of later steps."""
        later = torch.zeros(self.whole.shared.source - len(stream), *stream.shape[1:])
        matrices = self.whole.matrices(torch.cat([stream, later]))
        moved = [
            sum(matrices[:, r, s].reshape(-1, *[1] * (stream.ndim - 2)) * stream[s] for s in range(self.columns))
            for r in range(self.rows)
        ]
        return torch.stack(moved)


def network_of(t, method, model):
    """The same weights in a network that was built for t steps."""
    own = {m: steps_of(method, m, t) for m in getattr(method, "modality_steps", {})}
    aligned = {"alignment": "interpolate", "modality_steps": own} if hasattr(model.fusion, "alignments") else {}
    small = replace(method, time_steps=t, **aligned).model(replace(SPEC, steps={})).eval()  # of any length
    weights = {key: value for key, value in model.state_dict().items() if "alignments" not in key}
    for key in weights:
        if key.endswith(".change"):  # a weight for each step
            weights[key] = weights[key][:, :t]
    assert not small.load_state_dict(weights, strict=False).unexpected_keys
    for m, whole in model.fusion.alignments.items() if aligned else ():
        small.fusion.alignments[m] = whole if method.alignment == "identity" else Cut(whole, t, own.get(m, t))
    return small


LIKE_A_SMALLER_ONE = [case for case in CASES if case != "poisson" and "context" not in case]
"""Poisson draws other numbers for fewer steps; a network with context takes frames, not what they were coded to."""


@pytest.mark.parametrize("case", LIKE_A_SMALLER_ONE)
@pytest.mark.parametrize("t", [1, 3])
def test_it_is_the_answer_of_a_network_of_so_many_steps(case, t):
    method, model = made(case)
    inputs = given(model, clips())
    frames = {m: model.coding[m](x)[: steps_of(method, m, t)] if m in SPEC.steps else x for m, x in inputs.items()}
    with inference_mode(model):
        expected = network_of(t, method, model)(frames)
    found = outputs_by_step(model, inputs, T)[t - 1]
    torch.testing.assert_close(found.logits, expected.logits, rtol=1e-4, atol=1e-4)


def test_of_a_spike_per_pixel_those_have_come_that_were_early():
    spec = DataSpec(channels={"audio": 1}, sizes={"audio": (2, 2)}, num_classes=2)
    model = METHODS["late-fusion"](dim=8, encoder="shallow", coding="latency", time_steps=4).model(spec)
    seen = []
    model.encoders["audio"].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    pixels = torch.tensor([[[[1.0, 0.7], [0.4, 0.0]]]])  # fire at steps 1, 1, 2 and never
    for t in range(1, 5):
        with first_steps(model, t, 4), inference_mode(model):
            model({"audio": pixels})
    assert [spikes.sum().item() for spikes in seen] == [2, 3, 3, 3]


@pytest.mark.parametrize("case", CASES)
def test_encoders_that_run_once_give_what_a_run_for_each_number_of_steps_gives(case):
    _, model = made(case)
    inputs = given(model, clips())
    for t, output in enumerate(outputs_by_step(model, inputs, T), start=1):
        with first_steps(model, t, T), inference_mode(model):
            assert torch.equal(output.step_logits, model(inputs).step_logits)


class Ahead(nn.Module):
    """An encoder whose every step is the mean of all."""

    def __init__(self, encoder, honest):
        super().__init__()
        self.encoder = encoder
        self.needs_window = "averages over all steps" if honest else None

    def forward(self, x):
        tokens = self.encoder(x)
        return tokens.mean(0, keepdim=True).expand_as(tokens)


@pytest.mark.parametrize("honest", [True, False])
def test_an_encoder_that_looks_ahead_says_so(honest):
    _, model = made("late-fusion")
    model = deepcopy(model)
    model.encoders["audio"] = Ahead(model.encoders["audio"], honest)
    inputs = given(model, clips())
    first = outputs_by_step(model, inputs, T)[0]
    with first_steps(model, 1, T), inference_mode(model):
        assert torch.equal(first.logits, model(inputs).logits) == honest


def test_the_model_is_whole_again_whatever_happens():
    _, model = made("conv")
    inputs = given(model, clips())
    with torch.no_grad():
        whole = model(inputs).logits
        with pytest.raises(KeyError), first_steps(model, 2, T):
            raise KeyError
        assert torch.equal(model(inputs).logits, whole)


def test_a_split_is_answered_as_its_clips_are(model, split):
    """Batch by batch, under noise that is the same after every number of steps."""
    noise = GaussianNoise({"audio": 0.0, "visual": 0.0})
    rows = np.arange(len(split))
    batch = split.batch(rows, epoch=0)
    outputs = outputs_by_step(model, noise(batch.inputs, rows), 2)
    for t, output in enumerate(outputs, start=1):
        with first_steps(model, t, 2):
            found = classify(model, split, batch_size=4, corruption=noise)
        assert found.predicted.tolist() == output.logits.argmax(1).tolist()
        expected = output.logits.softmax(1)[rows, batch.labels]
        assert found.true_probability == pytest.approx(expected.numpy(), abs=1e-5)


def passes_of(fusion, monkeypatch):
    """A list that grows with every pass of a fusion."""
    passes = []
    monkeypatch.setattr(fusion, "forward", lambda tokens, forward=fusion.forward: passes.append(1) or forward(tokens))
    return passes


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("tectum-first", "taaf")])
def test_a_network_that_decides_step_by_step_runs_once_and_says_the_same(name, tmp_path, monkeypatch):
    run = run_of(tmp_path, small(name))
    model, total = run.model, run.time_steps
    inputs = {m: x for m, x in noise(PAIR, 3).items() if m in model.modalities}
    with monkeypatch.context() as patch:
        passes = passes_of(model.fusion, patch)
        found = outputs_by_step(model, inputs, total)
    assert len(passes) == (total if name == "weighted-attention" else 1)
    assert_active(found[-1].step_logits)
    for t, output in enumerate(found, start=1):
        with first_steps(model, t, total), inference_mode(model):
            assert_close(output, model(inputs))


def assert_close(output, alone):
    """Two outputs with the same fields, equal but for the order in which a matrix product may add."""
    assert torch.allclose(output.logits, alone.logits, atol=1e-6)
    assert output.step_logits.shape == alone.step_logits.shape
    for ours, theirs in (
        (output.evidence, alone.evidence),
        (output.modality_logits, alone.modality_logits),
        (output.residual, alone.residual),
        (output.streams, alone.streams),
        (output.time_weights, alone.time_weights),
    ):
        assert ours.keys() == theirs.keys()
        assert all(torch.allclose(ours[m], x, atol=1e-6) for m, x in theirs.items())


LONG = 11
"""Steps that take two passes of a fusion."""


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("s-cmrl", {}),
        ("s-cmrl", {"cross_modal": CrossModalSettings(combination="product", senders="mean")}),
        ("s-cmrl", {"cross_attention": "temporal"}),
        ("cmqka", {}),
        ("tectum-first", {"modality_steps": {"visual": 7}, "alignment": "interpolate"}),
    ],
)
def test_a_fusion_that_uses_later_steps_runs_for_many_numbers_of_steps_at_once(name, changes, batch, monkeypatch):
    settings = {"dim": 16, "heads": 4, "time_steps": LONG, "encoder": "shallow"}
    method = METHODS[name](**read_by(METHODS[name], settings) | changes)
    torch.manual_seed(0)
    model = method.model(replace(SPEC, steps={}))
    inputs = {m: 3 * torch.randn(LONG, batch, SPEC.channels[m], 16, 16) for m in model.modalities}
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
                part.momentum = 1.0
                part.bias.fill_(0.5)  # tokens past the end would fire
        model({m: torch.cat([x, -x], 1) for m, x in inputs.items()})
    model.eval()
    with monkeypatch.context() as patch:
        passes = passes_of(model.fusion, patch)
        found = outputs_by_step(model, inputs, LONG)
    assert len(passes) == ceil(LONG / TOGETHER) == 2
    assert_active(found[-1].step_logits, *found[-1].residual.values())
    for t, output in enumerate(found, start=1):
        with first_steps(model, t, LONG), inference_mode(model):
            assert_close(output, model(inputs))


@pytest.mark.parametrize("part", ["fusion", "attention"])
def test_a_fusion_that_does_not_heed_ends_runs_for_each_number_of_steps(part, monkeypatch):
    _, model = made("s-cmrl")
    model = deepcopy(model)
    attention = next(each for each in model.fusion.modules() if getattr(each, "needs_window", None))
    (model.fusion if part == "fusion" else attention).heeds_ends = False
    passes = passes_of(model.fusion, monkeypatch)
    outputs_by_step(model, given(model, clips()), T)
    assert len(passes) == T
