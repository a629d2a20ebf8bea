from __future__ import annotations

from math import tanh

import pytest
import torch

from colliculus.methods import TAAF
from colliculus.model import in_float32
from colliculus.modulation import NoModulation, ScoreBalance
from colliculus.modulation.taaf import (
    GradientByScore,
    LossByInverseScore,
    LossByScore,
    StepByScore,
)
from colliculus.runtime import Runtime
from colliculus.types import ColliculusError, DataSpec, Output

ALONE = Runtime(device=torch.device("cpu"))
T, K = 3, 3
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])
NAMES = ("audio", "visual", "touch")
KINDS = ["gradient", "loss", "inverse", "step"]


def strong(kind):
    """A balance that clearly acts; inverse scores have no strength to choose."""
    return ScoreBalance(kind=kind, **({} if kind == "inverse" else {"beta": 0.8}))


class Lab:
    """TAAF for that many modalities, a batch for it, and a step without the optimiser."""

    def __init__(self, modalities=2, **settings):
        torch.manual_seed(0)
        self.method = TAAF(**{"dim": 8, "encoder": "shallow", "time_steps": T, **settings})
        self.names = NAMES[:modalities]
        spec = DataSpec(channels=dict.fromkeys(self.names, 1), sizes=dict.fromkeys(self.names, (8, 8)), num_classes=K)
        self.model = self.method.model(spec)
        self.inputs = {m: 3 * torch.randn(6, 1, 8, 8) for m in self.names}

    def let_first_be_ahead(self):
        """Its own head knows the labels of the two samples whose feature differs most; crude, and enough."""
        with torch.no_grad():
            self.model.head.own[self.names[0]].weight.mul_(300)
        output = self.model(self.inputs)
        self.labels = output.modality_logits[self.names[0]].mean(0).argmax(1)

    def make_identical(self):
        first = self.names[0]
        for parts in (
            self.model.encoders,
            self.model.head.own,
            self.model.head.attention,
            self.model.fusion.alignments,
        ):
            for m in self.names:
                parts[m].load_state_dict(parts[first].state_dict())
        self.inputs = dict.fromkeys(self.names, self.inputs[first])

    labels = LABELS

    def step(self, modulator, autocast=False, begin=True):
        self.model.zero_grad(set_to_none=True)
        if begin:
            modulator.begin_epoch(seed=0, epoch=0, epochs=4, device=ALONE.device)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            output = self.model(self.inputs)
        output = in_float32(output)
        received = {}
        for m, h in output.streams.items():  # added before the modulator's own, so it is called first
            h.register_hook(lambda g, m=m: received.__setitem__(m, g.clone()))
        prepared = modulator.before_backward(self.model, output, self.labels, self.method.objective(), ALONE)
        ALONE.backward(torch.stack(list(prepared.losses.values())).sum(), self.model)
        report = modulator(self.model, output, self.labels, ALONE, prepared)
        gradients = {name: p.grad.clone() for name, p in self.model.named_parameters() if p.grad is not None}
        return report, gradients, output, received, prepared.losses


def slow_scores(output, labels):
    """s_m(t) / B by a loop."""
    return {
        m: [
            sum(
                (output.time_weights[m][t, b] * z[t, b].softmax(0)[labels[b]]).item() / len(labels)
                for b in range(len(labels))
            )
            for t in range(len(z))
        ]
        for m, z in output.modality_logits.items()
    }


def slow_coefficients(scores, beta):
    rho = {m: s / (sum(scores[o] for o in scores if o != m) / (len(scores) - 1)) for m, s in scores.items()}
    return {m: 1 - tanh(beta * r) if r > 1 else 1.0 for m, r in rho.items()}


@pytest.mark.parametrize("modalities", [2, 3])
def test_gradients_of_the_encoder_that_is_ahead_are_scaled_and_no_others(modalities):
    lab = Lab(modalities)
    lab.let_first_be_ahead()
    _, plain, output, *_ = lab.step(NoModulation())
    report, found, *_ = lab.step(ScoreBalance(beta=0.8).modulator())
    k = slow_coefficients({m: sum(s) for m, s in slow_scores(output, lab.labels).items()}, 0.8)
    assert k["audio"] < 0.7
    assert report == pytest.approx({f"coefficient_{m}": value for m, value in k.items()}, rel=1e-5)
    for name, gradient in plain.items():
        factor = next((k[m] for m in lab.names if name.startswith((f"encoders.{m}.", f"fusion.alignments.{m}."))), 1.0)
        torch.testing.assert_close(found[name], factor * gradient)


def test_own_losses_are_weighed_by_the_inverse_scores():
    lab = Lab(3)
    lab.let_first_be_ahead()
    *_, output, _, plain = lab.step(NoModulation())
    report, *_, losses = lab.step(ScoreBalance(kind="inverse").modulator())
    scores = {m: sum(s) for m, s in slow_scores(output, lab.labels).items()}
    total = sum(1 / s for s in scores.values())
    assert losses["task"] == plain["task"]
    for m in lab.names:
        weight = 3 / scores[m] / total
        assert report[f"coefficient_{m}"] == pytest.approx(weight, rel=1e-5)
        assert losses[f"unimodal_{m}"].item() == pytest.approx(weight * plain[f"unimodal_{m}"].item(), rel=1e-5)
    assert sum(report.values()) / 3 == pytest.approx(1)
    assert report["coefficient_audio"] < 0.8


@pytest.mark.parametrize("heads", ["own", "shared"])
@pytest.mark.parametrize("modalities", [2, 3])
def test_the_own_loss_of_a_modality_that_is_ahead_is_slowed(modalities, heads):
    lab = Lab(modalities, heads=heads)
    if heads == "own":
        lab.let_first_be_ahead()
    *_, output, _, plain = lab.step(NoModulation())
    report, *_, losses = lab.step(ScoreBalance(kind="loss", beta=0.8).modulator())
    k = slow_coefficients({m: sum(s) for m, s in slow_scores(output, lab.labels).items()}, 0.8)
    assert losses["task"] == plain["task"]
    assert min(k.values()) < 0.7 < max(k.values()) == 1
    for m in lab.names:
        assert report[f"coefficient_{m}"] == pytest.approx(k[m], rel=1e-5)
        assert losses[f"unimodal_{m}"].item() == pytest.approx(k[m] * plain[f"unimodal_{m}"].item(), rel=1e-5)


@pytest.mark.parametrize("autocast", [False, True])
def test_each_step_of_what_flows_back_is_scaled_by_its_own_score(autocast):
    lab = Lab(2)
    lab.let_first_be_ahead()
    _, plain, output, received, _ = lab.step(NoModulation(), autocast)
    modulator = ScoreBalance(kind="step", beta=0.8).modulator()
    report, found, scaled_output, same, _ = lab.step(modulator, autocast)
    scores = slow_scores(output, lab.labels)
    k = [slow_coefficients({m: scores[m][t] for m in lab.names}, 0.8) for t in range(T)]
    assert min(each["audio"] for each in k) < 0.7
    assert report["coefficient_audio"] == pytest.approx(sum(each["audio"] for each in k) / T, rel=1e-5)
    assert torch.equal(scaled_output.logits, output.logits)  # the forward pass knows nothing of it
    for name, gradient in plain.items():
        if not name.startswith(("encoders.audio", "fusion.alignments.audio")):
            torch.testing.assert_close(found[name], gradient)
    # what reaches the encoder is the gradient of the stream, scaled: found anew from it
    torch.testing.assert_close(same["audio"], received["audio"])
    factors = torch.tensor([each["audio"] for each in k])[:, None, None]
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        stream = in_float32(lab.model(lab.inputs)).streams["audio"]
    lab.model.zero_grad(set_to_none=True)
    stream.backward(received["audio"] * factors)
    for name, parameter in lab.model.encoders["audio"].named_parameters():
        torch.testing.assert_close(found[f"encoders.audio.{name}"], parameter.grad)
        assert not torch.allclose(found[f"encoders.audio.{name}"], plain[f"encoders.audio.{name}"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("modalities", [2, 3])
def test_identical_modalities_are_left_alone(kind, modalities):
    lab = Lab(modalities)
    lab.make_identical()
    _, plain, *_ = lab.step(NoModulation())
    report, found, *_ = lab.step(strong(kind).modulator())
    assert report == pytest.approx(dict.fromkeys((f"coefficient_{m}" for m in lab.names), 1.0))
    for name, gradient in plain.items():
        torch.testing.assert_close(found[name], gradient)


@pytest.mark.parametrize("kind", KINDS)
def test_it_acts_in_its_epochs_alone(kind):
    lab = Lab()
    lab.let_first_be_ahead()
    acts = []
    for epoch in range(4):
        modulator = ScoreBalance(kind=kind, first_epoch=2, last_epoch=3).modulator()
        begin = modulator.begin_epoch
        modulator.begin_epoch = lambda *, seed, epoch, epochs, device, begin=begin, now=epoch: begin(
            seed=seed, epoch=now, epochs=epochs, device=device
        )
        report, *_ = lab.step(modulator)
        assert set(report) == {"coefficient_audio", "coefficient_visual"}
        acts.append(set(report.values()) != {1.0})
    assert acts == [False, True, True, False]


def test_noise_is_as_strong_as_the_gradient_and_the_same_everywhere():
    lab = Lab()
    _, plain, *_ = lab.step(NoModulation())
    _, quiet, *_ = lab.step(ScoreBalance().modulator())
    once, again = (lab.step(ScoreBalance(enhancement=True).modulator())[1] for _ in range(2))
    for name, gradient in plain.items():
        noise = once[name] - quiet[name]
        if name.startswith(("encoders.", "fusion.alignments.")) and gradient.ndim >= 2:
            few = gradient.numel() < 100  # too few draws to tell how strong they are
            assert few or noise.std().item() == pytest.approx(gradient.std().item(), rel=0.35)
            assert noise.abs().max() > 0
        else:
            assert noise.abs().max() == 0
        assert torch.equal(once[name], again[name])


class Rank:
    """One of two ranks, which adds what the other gave."""

    def __init__(self, other=0):
        self.other, self.given = other, []

    def sum(self, value):
        self.given.append(value)
        return value + self.other


@pytest.mark.parametrize("kind", KINDS)
def test_ranks_of_different_size_find_what_one_process_finds(kind):
    generator = torch.Generator().manual_seed(0)
    z = {m: 3 * torch.randn(T, 6, K, generator=generator) for m in ("a", "b")}
    alpha = {m: torch.rand(T, 6, generator=generator).softmax(0) for m in ("a", "b")}

    def share(rows, collective):
        output = Output(
            z["a"][0, rows],
            z["a"][:, rows],
            {},
            modality_logits={m: x[:, rows] for m, x in z.items()},
            time_weights={m: x[:, rows] for m, x in alpha.items()},
            streams={m: torch.zeros(T, 6, 1) for m in z},
        )
        modulator = strong(kind).modulator()
        modulator.begin_epoch(seed=0, epoch=0, epochs=4, device=torch.device("cpu"))
        losses = {"unimodal_a": torch.ones(()), "unimodal_b": torch.ones(())}
        prepared = modulator.before_backward(None, output, LABELS[rows], lambda *_: dict(losses), collective)
        if kind == "gradient":
            return modulator(NoStreams(), output, LABELS[rows], collective, prepared)
        return prepared.report

    whole = share(slice(0, 6), ALONE)
    halves = [slice(0, 4), slice(4, 6)]
    ranks = [Rank(), Rank()]
    for rank, rows in zip(ranks, halves, strict=True):
        share(rows, rank)
    assert set(whole.values()) != {1.0}
    for own, other in ((0, 1), (1, 0)):
        assert share(halves[own], Rank(ranks[other].given[0])) == pytest.approx(whole, rel=1e-6)


class NoStreams:
    def stream_parameters(self, modality):
        return []


def test_one_modality_has_nobody_to_be_ahead_of():
    for kind in KINDS:
        report, *_ = Lab(1).step(ScoreBalance(kind=kind).modulator())
        assert report == {"coefficient_audio": 1.0}


def test_kinds():
    made = {kind: type(ScoreBalance(kind=kind).modulator()) for kind in KINDS}
    assert made == {
        "gradient": GradientByScore,
        "loss": LossByScore,
        "inverse": LossByInverseScore,
        "step": StepByScore,
    }


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"beta": 0.0}, "beta"), ({"first_epoch": 0}, "first_epoch"), ({"first_epoch": 3, "last_epoch": 2}, "last_epoch")],
)
def test_settings_out_of_range_are_refused(settings, named):
    with pytest.raises(ColliculusError, match=named):
        ScoreBalance(**settings)


@pytest.mark.parametrize("kind", KINDS)
def test_before_its_first_epoch_it_does_nothing(kind):
    lab = Lab()
    lab.let_first_be_ahead()
    assert set(lab.step(strong(kind).modulator(), begin=False)[0].values()) == {1.0}


def test_a_strength_below_one_is_allowed():
    assert ScoreBalance(beta=0.1).beta == 0.1
