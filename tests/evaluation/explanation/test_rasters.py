from __future__ import annotations

import numpy as np
import torch

from colliculus.data.evenly import evenly
from colliculus.evaluation.explanation.rasters import fused_features, spike_rasters
from colliculus.evaluation.spike_health import measure_spike_health


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
