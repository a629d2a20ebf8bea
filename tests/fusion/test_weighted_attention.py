from __future__ import annotations

import torch

from colliculus.fusion import Concat, Sum, WeightedTokens
from colliculus.neurons import NeuronSettings

T, B, D = 3, 2, 8
MODALITIES = ("audio", "visual", "touch")


def tokens(seed=0, **counts):
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.randint(0, 3, (T, B, D, n), generator=generator).float() for m, n in counts.items()}


def test_weights_are_those_of_a_slow_loop() -> None:
    fusion = WeightedTokens(["audio", "visual"], dim=D, join=Sum(), neuron=NeuronSettings()).eval()
    x = tokens(audio=4, visual=9)
    residual = fusion(x).residual
    for own, other in (("audio", "visual"), ("visual", "audio")):
        layer = fusion.weight[own]
        for t in range(T):
            for b in range(B):
                seen = torch.cat([x[own][t, b].mean(-1), x[other][t, b].mean(-1)])
                hidden = layer.hidden.weight @ seen + layer.hidden.bias
                weight = layer.weight.weight[0] @ hidden + layer.weight.bias[0]
                torch.testing.assert_close(residual[own][t, b], weight * x[own][t, b].mean(-1))


def test_an_absent_modality_counts_as_zero() -> None:
    fusion = WeightedTokens(MODALITIES, dim=D, join=Concat(MODALITIES), neuron=NeuronSettings()).eval()
    there = tokens(audio=4, visual=4)
    silent = {**there, "touch": torch.zeros(T, B, D, 4)}
    for modality in there:
        torch.testing.assert_close(fusion(there).residual[modality], fusion(silent).residual[modality])
    assert fusion(there).joint.shape == (T, B, 3 * D)
    assert fusion(there).joint[..., 2 * D :].abs().max() == 0
