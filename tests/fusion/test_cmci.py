from __future__ import annotations

import torch
from active import assert_active, awake

from colliculus.fusion import CurrentIntegration, ReferenceIntegration, SynapticCurrent
from colliculus.neurons import LIF, NeuronSettings

T, B, D = 3, 2, 8


def test_one_population_integrates_the_sum_of_the_currents() -> None:
    """By hand, tau 2: v = 0.8 / 2 = 0.4; (0.4 + 1.6) / 2 = 1.0 fires, back to 0; 0.8 / 2 = 0.4."""
    fusion = CurrentIntegration({"audio": (1, 1), "visual": (1, 1)}, NeuronSettings())
    audio = torch.tensor([0.5, 1.0, 0.5]).view(3, 1, 1, 1)
    visual = torch.tensor([0.3, 0.6, 0.3]).view(3, 1, 1, 1)
    fused = fusion({"audio": audio, "visual": visual})
    assert fused.joint.flatten().tolist() == [0, 1, 0]
    assert not fused.parts
    assert torch.equal(fused.streams["visual"], visual[..., 0])
    assert fusion({"audio": audio}).joint.sum() == 0  # half the current is too little
    assert not list(fusion.parameters())


def test_a_feature_is_the_mean_over_the_tokens() -> None:
    generator = torch.Generator().manual_seed(0)
    currents = {m: 2 * torch.rand(T, B, D, 6, generator=generator) for m in ("audio", "visual")}
    fused = CurrentIntegration({"audio": (2, 3), "visual": (2, 3)}, NeuronSettings())(currents)
    spikes = NeuronSettings()()(currents["audio"] + currents["visual"])
    assert_active(fused.joint, *fused.streams.values())
    torch.testing.assert_close(fused.joint, sum(spikes[..., n] for n in range(6)) / 6)
    for m, stream in fused.streams.items():
        torch.testing.assert_close(stream, sum(currents[m][..., n] for n in range(6)) / 6)


def test_currents_of_another_grid_go_to_the_places_of_the_first() -> None:
    fusion = CurrentIntegration({"audio": (2, 2), "visual": (1, 1)}, NeuronSettings())
    visual = torch.full((1, 1, 1, 1), 2.0)
    assert fusion({"audio": torch.zeros(1, 1, 1, 4), "visual": visual}).joint.item() == 1
    assert fusion({"visual": visual}).joint.item() == 1


def test_a_current_is_a_spiking_mlp_without_its_last_neuron() -> None:
    torch.manual_seed(0)
    x = torch.randint(0, 3, (T, B, D, 4)).float()
    layer = awake(SynapticCurrent(D, LIF), x)
    hidden = layer.expand(x)
    assert_active(hidden)
    assert hidden.unique().tolist() == [0, 1]
    assert {name: tuple(p.shape) for name, p in layer.contract.named_parameters()} == {"weight": (D, 4 * D, 1)}
    mapped = torch.einsum("de,tben->tbdn", layer.contract.weight[..., 0], hidden)
    torch.testing.assert_close(layer(x), torch.stack([layer.norm(step) for step in mapped]))


def test_the_reference_reads_the_first_integration_alone() -> None:
    grids = {"audio": (2, 2), "visual": (2, 2)}
    fusion = ReferenceIntegration(grids, dim=D, neuron=NeuronSettings())
    x = {m: torch.randint(0, 3, (T, B, D, 4)).float() for m in grids}
    fused = fusion(x)
    (fused.joint.sum() + sum(s.sum() for s in fused.streams.values())).backward()
    gradients = {name: p.grad for name, p in fusion.named_parameters()}
    assert all(g is None for name, g in gradients.items() if name.startswith("integration.visual"))
    assert all(g is not None for name, g in gradients.items() if not name.startswith("integration.visual"))
    assert fusion.integration["visual"].mlp.expand.norm.num_batches_tracked == 1  # computed all the same


def test_the_reference_integrates_linear_maps_for_any_number_of_modalities() -> None:
    grids = {"audio": (2, 2), "visual": (2, 2), "touch": (1, 1)}
    torch.manual_seed(0)
    x = {m: torch.randint(0, 3, (T, B, D, rows * columns)).float() for m, (rows, columns) in grids.items()}
    fusion = awake(ReferenceIntegration(grids, dim=D, neuron=NeuronSettings()), x)
    assert_active(fusion(x).joint, *fusion(x).streams.values())
    first = fusion.integration["audio"]
    current = torch.zeros(T, B, D, 4)
    for m, layer in first.linear.items():
        for n in range(4):
            current[..., n] += x[m][..., n if m != "touch" else 0] @ layer.weight.T + layer.bias
    torch.testing.assert_close(fusion(x).joint, first.mlp(first.neuron(current)).mean(-1))
    for m, stream in fusion(x).streams.items():
        own = fusion.mlp[m](x[m])
        torch.testing.assert_close(stream, sum(own.unbind(-1)) / own.shape[-1])
    assert set(fusion({"touch": x["touch"]}).streams) == {"touch"}
