from __future__ import annotations

import numpy as np
import pytest
import torch

from colliculus.data.evenly import evenly
from colliculus.evaluation.explanation.maps import (
    attention_maps,
    attention_received,
    fused_features,
    grad_cam,
    gradient_maps,
    saliency,
    spike_rasters,
)
from colliculus.evaluation.spike_health import measure_spike_health
from colliculus.layers.attention import SpikingAttention
from colliculus.methods import METHODS, SCMRL, Unimodal
from colliculus.types import DataSpec

SPEC = DataSpec(channels={"audio": 1, "visual": 2}, sizes={"audio": (24, 32), "visual": (16, 16)}, num_classes=3)


def alive(method, inputs):
    """A model whose layers fire: its statistics are those of the inputs."""
    torch.manual_seed(0)
    model = method.model(SPEC)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, SpikingAttention):  # queries and keys that fire
                module.query.norm.bias.fill_(1)
                module.key.norm.bias.fill_(1)
        for _ in range(10):
            model(inputs)
    return model.eval()


@pytest.fixture(scope="module")
def inputs():
    torch.manual_seed(1)
    return {"audio": 3 * torch.randn(4, 1, 24, 32), "visual": 3 * torch.randn(3, 4, 2, 16, 16)}  # a sequence


@pytest.fixture(scope="module")
def scmrl(inputs):
    return alive(SCMRL(dim=16, heads=2, time_steps=3, encoder="shallow"), inputs)


def test_grad_cam_is_that_of_a_slow_loop():
    torch.manual_seed(0)
    features, gradient = torch.randn(2, 3, 4, 5, 6), torch.randn(2, 3, 4, 5, 6)
    found = grad_cam(features, gradient)
    for t, b, i, j in np.ndindex(2, 3, 5, 6):
        y = sum(gradient[t, b, d].mean().item() * features[t, b, d, i, j].item() for d in range(4))
        assert found[t, b, i, j].item() == pytest.approx(max(y, 0), abs=1e-5)


def test_saliency_finds_the_one_place_that_counts():
    x = torch.zeros(1, 2, 3, 3, requires_grad=True)
    (3 * x[0, 0, 1, 2] - 4 * x[0, 1, 1, 2]).backward()
    found = saliency(x.grad)
    assert found[0, 1, 2] == 7
    assert found.sum() == 7


def watched(model, inputs):
    """The feature maps of the last stage and the highest logit of one clip, through hooks of this test's own."""
    kept = {}
    handles = [
        model.encoders[m].stages[1].neuron.register_forward_hook(lambda _m, _x, y, m=m: kept.update({m: y}))
        for m in inputs
    ]
    highest = model(inputs).logits.max()
    for handle in handles:
        handle.remove()
    return kept, highest


def test_maps_are_those_of_each_sample_by_itself(scmrl, inputs):
    found = gradient_maps(scmrl, inputs)
    assert {m: maps.layer for m, maps in found.items()} == {"audio": "stages.1.neuron", "visual": "stages.1.neuron"}
    for b in range(4):
        alone = {m: x[..., b : b + 1, :, :, :].clone().requires_grad_() for m, x in inputs.items()}
        kept, highest = watched(scmrl, alone)
        gradients = dict(zip(alone, torch.autograd.grad(highest, [*kept.values()], retain_graph=True), strict=True))
        at_input = dict(zip(alone, torch.autograd.grad(highest, [*alone.values()]), strict=True))
        for m in alone:
            assert torch.allclose(found[m].cam[:, b], grad_cam(kept[m], gradients[m])[:, 0], atol=1e-6)
            assert torch.allclose(found[m].gradient[..., b, :, :], saliency(at_input[m])[..., 0, :, :], atol=1e-5)
    assert found["audio"].gradient.shape == (4, 24, 32)
    assert found["visual"].gradient.shape == (3, 4, 16, 16)
    assert found["audio"].cam.shape == (3, 4, 12, 16)
    assert all(maps.cam.any() and maps.gradient.any() for maps in found.values())


def test_the_model_is_handed_back_as_it_came(scmrl, inputs):
    before = {name: value.clone() for name, value in scmrl.state_dict().items()}
    with torch.no_grad():
        gradient_maps(scmrl, inputs)
    attention_maps(scmrl, inputs)
    assert all(torch.equal(value, before[name]) for name, value in scmrl.state_dict().items())
    assert all(p.grad is None for p in scmrl.parameters())
    assert not any(module._forward_hooks for module in scmrl.modules())


def test_a_missing_modality_has_no_map(scmrl, inputs):
    assert [*gradient_maps(scmrl, {"audio": inputs["audio"]})] == ["audio"]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_maps(name):
    """Of square inputs of one size, which every method takes."""
    spec = DataSpec(
        channels={"audio": 1, "visual": 1}, sizes=dict.fromkeys(("audio", "visual"), (32, 32)), num_classes=3
    )
    model = METHODS[name](dim=32, time_steps=2).model(spec).eval()
    inputs = {m: torch.randn(2, 1, 32, 32) for m in spec.modalities}
    for maps in gradient_maps(model, inputs).values():
        assert maps.gradient.shape == (2, 32, 32)
        assert min(maps.cam.shape[-2:]) >= 7
        assert maps.cam.shape[:2] == (2, 2)


def test_attention_is_shared_out_over_what_is_attended_to():
    torch.manual_seed(0)
    scores = torch.randint(0, 4, (2, 3, 2, 4, 5)).float()
    scores[:, 2] = 0  # a silent sample
    found = attention_received(scores)
    for b in range(2):
        total = scores[:, b].sum().item()
        for n in range(5):
            share = sum(scores[t, b, h, i, n].item() for t, h, i in np.ndindex(2, 2, 4)) / total
            assert found[b, n].item() == pytest.approx(share)
    assert not found[2].any()


def test_attention_names_whom_it_attends_to(scmrl, inputs):
    found = attention_maps(scmrl, inputs)
    assert {x.layer.split(".")[2]: x.source for x in found} == {
        "audio_from_visual": "visual",
        "visual_from_audio": "audio",
    }
    for x in found:
        rows, columns = scmrl.encoders[x.source].grid
        assert x.received.shape == (4, rows * columns)


def test_attention_scores_are_those_of_query_and_key(scmrl, inputs):
    kept = {}
    module = scmrl.fusion.attention["audio_from_visual"].spatial
    handle = module.register_forward_hook(lambda _m, xy, _o: kept.update(x=xy[0], y=xy[1]))
    (received,) = [a.received for a in attention_maps(scmrl, inputs) if "audio_from_visual" in a.layer]
    handle.remove()
    with torch.no_grad():
        query, key = (module.axis.split(f(s), 2) for f, s in ((module.query, kept["x"]), (module.key, kept["y"])))
    scores = torch.einsum("tbhnd,tbhmd->bm", query, key)
    assert torch.allclose(received, scores / scores.sum(1, keepdim=True).clamp(min=1e-9), atol=1e-6)
    assert received.sum() > 0


def test_a_lone_modality_attends_to_itself(inputs):
    model = alive(Unimodal(modality="visual", dim=16, heads=2, encoder="shallow"), inputs)
    assert [x.source for x in attention_maps(model, inputs)] == ["visual"]


def test_a_raster_holds_every_spike_of_a_layer(model, split):
    inputs = split.batch(np.arange(5), epoch=0).inputs
    rasters = spike_rasters(model, inputs, most_neurons=10**6)
    health = measure_spike_health(model.eval(), inputs)
    assert [*rasters] == [layer.label for layer in health.layers]
    for layer in health.layers:
        raster = rasters[layer.label]
        assert raster.shape == (5, 2, layer.num_neurons)
        assert abs(raster.float().mean().item() - layer.rate) < 1e-6
    assert any(raster.any() for raster in rasters.values())


def test_of_a_large_layer_neurons_are_taken_evenly(model, split):
    inputs = split.batch(np.arange(2), epoch=0).inputs
    whole, some = (spike_rasters(model, inputs, most_neurons=n) for n in (10**6, 5))
    for name, raster in some.items():
        rows = evenly(5, whole[name].shape[2])
        assert torch.equal(raster, whole[name][..., rows])


def test_the_joint_feature_is_what_the_head_reads(model, split):
    batch = split.batch(np.arange(4), epoch=0)
    found = fused_features(model, batch.inputs)
    with torch.no_grad():
        logits = model.eval()(batch.inputs).logits
        assert torch.allclose(model.head.linear(found), logits, atol=1e-5)  # a linear readout of the mean over time
    assert not model.head._forward_pre_hooks
