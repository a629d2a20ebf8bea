"""MISNet, from inputs to losses, against loops over single numbers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from active import assert_active
from slow_networks import SlowNetwork, frames, jittered, tokens

from colliculus import DataSpec, MISNet, NeuronSettings

T, B, D, K, TAU, THRESHOLD, INNER = 4, 3, 8, 3, 1.7, 0.9, 0.4
SIZES = {"audio": (8, 8), "visual": (15, 7), "touch": (4, 14)}
GRIDS = {"audio": (2, 2), "visual": (4, 2), "touch": (1, 4)}
SPEC = DataSpec(channels={"audio": 1, "visual": 3, "touch": 2}, sizes=SIZES, num_classes=K, steps={"visual": T})
LABELS = [0, 2, 1]


class SlowMISNet(SlowNetwork):
    """The whole method; every neuron subtracts its threshold."""

    def forward(self, inputs, firing):
        """Spikes (T, B, K) of the joint output and of each modality's own."""
        at = {m: self.encode(x if x.ndim == 5 else np.stack([x] * T), f"encoders.{m}") for m, x in inputs.items()}
        at = {m: frames(self.at_places_of_the_first(x, GRIDS[m]), GRIDS["audio"]) for m, x in at.items()}
        sent = {}
        for cell in range(2):
            blocks = {m: self.sew_block(x, f"fusion.cells.{cell}.block") for m, x in at.items()}
            sent = self.interact(blocks, f"fusion.cells.{cell}", firing)
            at = {m: blocks[m] + sent[m] for m in blocks}
        means = {m: tokens(x).mean(-1) for m, x in sent.items()}
        joint = means["audio"] if firing == "together" else np.concatenate([means[m] for m in SIZES], axis=-1)
        own = {m: self.project(tokens(x).mean(-1)[..., None], f"head.own.{m}")[..., 0] for m, x in at.items()}
        return self.project(joint[..., None], "head.joint")[..., 0], own

    def encode(self, x, name):
        """Spiking patch splitting of two stages."""
        for stage in range(2):
            x = self.conv_spike(x, f"{name}.stages.{stage}", pool=True)
        return tokens(x + self.conv_spike(x, f"{name}.position"))

    def at_places_of_the_first(self, x, grid):
        """The token that lies where each token of the first modality lies."""
        (rows, columns), (height, width) = GRIDS["audio"], grid
        nearest = [(i * height // rows) * width + j * width // columns for i, j in product(range(rows), range(columns))]
        return np.stack([x[..., n] for n in nearest], axis=-1)

    def interact(self, blocks, name, firing):
        """A membrane for each modality, charged by its own current; one threshold."""
        charge = {
            m: self.normalise(self.convolve(x, f"{name}.project.{m}.0"), f"{name}.project.{m}.1")
            for m, x in blocks.items()
        }
        sent = {m: np.zeros_like(x) for m, x in charge.items()}
        for place in product(*map(range, charge["audio"].shape[1:])):
            v = dict.fromkeys(charge, 0.0)
            for t in range(T):
                v = {m: v[m] + (charge[m][(t, *place)] - v[m]) / self.tau for m in v}
                mean = sum(v.values()) / len(v)
                for m, membrane in v.items():
                    potential = membrane / len(v) if firing == "apart" else mean
                    self.margin = min(self.margin, abs(potential - INNER))
                    sent[m][(t, *place)] = potential >= INNER
                    v[m] = membrane - INNER * sent[m][(t, *place)]
        self.rates |= {f"{name}.{m}": x.mean() for m, x in sent.items()}
        return sent


def squared_error(spikes):
    """Mean over samples and classes of (rate - one-hot)^2."""
    rates = spikes.mean(0)
    return sum((rates[b, k] - (k == LABELS[b])) ** 2 for b, k in product(range(B), range(K))) / (B * K)


@pytest.mark.parametrize("firing", ["apart", "together"])
def test_it_is_that_of_slow_loops(firing):
    torch.manual_seed(0)
    inputs = {m: torch.randn(SPEC.input_shape(m, B), dtype=torch.float64) for m in SPEC.modalities}
    method = MISNet(
        dim=D,
        time_steps=T,
        encoder="shallow",
        neuron=NeuronSettings(reset="soft", tau=TAU, threshold=THRESHOLD),
        firing=firing,
        interaction_threshold=INNER,
        unimodal_loss=0.5,
    )
    model = jittered(method.model(SPEC), inputs)
    loops = SlowMISNet(model, tau=TAU, threshold=THRESHOLD, reset="soft")
    joint, own = loops.forward({m: x.numpy() for m, x in inputs.items()}, firing)
    loops.assert_fires(3 * 3 + 2 * (2 + 3) + 1 + 3)
    with torch.no_grad():
        output = model(inputs)
        losses = method.objective()(output, torch.tensor(LABELS))
    assert_active(output.step_logits, *output.modality_logits.values())
    torch.testing.assert_close(output.step_logits, torch.from_numpy(joint))
    torch.testing.assert_close(output.logits, torch.from_numpy(joint.mean(0)))
    assert [*output.modality_logits] == [*own]
    for m, spikes in own.items():
        torch.testing.assert_close(output.modality_logits[m], torch.from_numpy(spikes))
    assert losses["task"].item() == pytest.approx(squared_error(joint))
    assert losses["unimodal"].item() == pytest.approx(0.5 * sum(map(squared_error, own.values())))
