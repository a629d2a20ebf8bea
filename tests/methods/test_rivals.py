"""Methods to compare with: what makes each of them, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, log2

import pytest
import torch
from active import assert_active, awake, with_currents

from colliculus import (
    CMQKA,
    TET,
    ColliculusError,
    DataSpec,
    LateFusion,
    MISNet,
    NeuronSettings,
    QKFormer,
    SEWResNet,
    Spikformer,
    preset,
    presets,
)
from colliculus.data import DATASETS
from colliculus.encoders import SpikformerBlock, SpikingQKFormer, SpikingResNet18
from colliculus.encoders.resnet import SpikeResidualBlock
from colliculus.fusion import QKExchange, Sum
from colliculus.modulation import Balance
from colliculus.neurons import bits_of

SPEC = DataSpec(
    channels={"audio": 1, "visual": 3, "touch": 2},
    sizes={"audio": (32, 32), "visual": (28, 40), "touch": (16, 16)},
    num_classes=4,
)
LABELS = torch.tensor([0, 1, 2, 3])
SMALL = {"dim": 16, "time_steps": 3}
RIVALS = {
    "cmqka": CMQKA(**SMALL),
    "misnet": MISNet(**SMALL),
    "tet": TET(**SMALL),
    "spikformer": Spikformer(**SMALL, heads=4, depth=2),
    "qkformer": QKFormer(**SMALL),
    "sew-resnet": SEWResNet(**SMALL),
}


def inputs():
    generator = torch.Generator().manual_seed(0)
    return {m: torch.randn(SPEC.input_shape(m, 4), generator=generator) for m in SPEC.modalities}


@pytest.mark.parametrize("name", RIVALS)
def test_there_is_a_preset_on_every_data_set(name) -> None:
    of_data = {p.removeprefix(f"{name}-") for p in presets() if p.startswith(f"{name}-")}
    assert of_data >= {*presets().data}
    assert of_data >= {name for name in DATASETS if name in presets().data}
    for data in presets().data:
        method = preset(f"{name}-{data}").method
        assert (method.dim, method.time_steps) == (
            preset(f"late-fusion-{data}").method.dim,
            preset(f"late-fusion-{data}").method.time_steps,
        )
        if name in ("cmqka", "qkformer"):
            assert method.encoder == "qkformer"
        elif name != "sew-resnet":
            assert method.encoder == preset(f"late-fusion-{data}").method.encoder


@pytest.mark.parametrize("name", RIVALS)
def test_some_steps_lower_the_loss_of_three_modalities(name) -> None:
    torch.manual_seed(0)
    method = RIVALS[name]
    model = method.model(SPEC)
    with_currents(model, 0.5)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)

    def loss():
        return torch.stack([*method.objective()(model(inputs()), LABELS).values()]).sum()

    before = loss().item()
    for _ in range(15):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    assert loss().item() < 0.9 * before


def test_tet_is_late_fusion_with_another_loss() -> None:
    torch.manual_seed(0)
    tet = awake(TET(**SMALL).model(SPEC), inputs())
    torch.manual_seed(0)
    late = awake(LateFusion(**SMALL).model(SPEC), inputs())
    found = tet(inputs())
    assert_active(found.streams["audio"])
    torch.testing.assert_close(found.step_logits, late(inputs()).step_logits)
    plain = TET(**SMALL, label_smoothing=0.0, pull=0.0).objective()(found, LABELS)["task"]
    by_step = [torch.nn.functional.cross_entropy(z, LABELS) for z in found.step_logits]
    torch.testing.assert_close(plain, torch.stack(by_step).mean())


def test_each_baseline_is_its_network_and_a_join() -> None:
    models = {name: RIVALS[name].model(SPEC) for name in ("spikformer", "qkformer", "sew-resnet")}
    assert all(isinstance(model.fusion, Sum) for model in models.values())
    assert all(isinstance(e, SpikingQKFormer) for e in models["qkformer"].encoders.values())
    for encoder in models["sew-resnet"].encoders.values():
        assert isinstance(encoder, SpikingResNet18)
        assert sum(isinstance(part, SpikeResidualBlock) for part in encoder.modules()) == 8
    for encoder in models["spikformer"].encoders.values():
        assert [isinstance(part, SpikformerBlock) for part in encoder] == [False, True, True]


def test_cmqka_exchanges_behind_every_stage_at_its_width() -> None:
    model = RIVALS["cmqka"].model(SPEC)
    widths = []
    for exchange in model.fusion.exchanges:
        assert isinstance(exchange, QKExchange)
        exchange.register_forward_hook(
            lambda _m, given, _out: widths.append({m: tuple(x.shape[2:]) for m, x in given[0].items()})
        )
    model(inputs())
    assert widths == [
        {"audio": (4, 256), "visual": (4, 280), "touch": (4, 64)},
        {"audio": (8, 64), "visual": (8, 70), "touch": (8, 16)},
        {"audio": (16, 16), "visual": (16, 20), "touch": (16, 4)},
    ]
    own = {id(p) for p in model.stream_parameters("audio")}
    later = [p for stage in model.fusion.stages for p in stage["audio"].parameters()]
    assert later
    assert all(id(p) in own for p in later)


def test_outputs_of_misnet_are_rates_and_each_has_a_loss() -> None:
    model = awake(RIVALS["misnet"].model(SPEC), inputs())
    output = model(inputs())
    assert_active(output.step_logits)
    assert set(output.step_logits.unique().tolist()) == {0.0, 1.0}
    assert [*output.modality_logits] == [*SPEC.modalities]
    terms = RIVALS["misnet"].objective()(output, LABELS)
    assert [*terms] == ["task", "unimodal"]
    alone = replace(RIVALS["misnet"], unimodal_loss=0.0)
    assert alone.model(SPEC)(inputs()).modality_logits == {}
    assert [*alone.objective()(output, LABELS)] == ["task"]


@pytest.mark.parametrize("firing", ["apart", "together"])
def test_misnet_takes_any_number_of_modalities(firing) -> None:
    method = replace(RIVALS["misnet"], firing=firing)
    for names in (("audio",), ("audio", "visual"), SPEC.modalities):
        spec = DataSpec(
            channels={m: SPEC.channels[m] for m in names}, sizes={m: SPEC.sizes[m] for m in names}, num_classes=4
        )
        model = method.model(spec)
        assert model({m: inputs()[m] for m in names}).logits.shape == (4, 4)
        width = 16 if firing == "together" else 16 * len(names)
        assert model.head.joint.linear.in_channels == width


def test_a_counterpart_of_few_bits_sends_few_values() -> None:
    steps = 4
    bits = bits_of(steps)
    assert bits == ceil(log2(steps + 1)) == 3
    method = LateFusion(**SMALL, neuron=NeuronSettings(kind="relu", bits=bits, temporal_gradient=False))
    torch.manual_seed(0)
    model = method.model(SPEC)
    seen = {}
    for name, module in model.named_modules():
        if name.endswith("neuron"):
            module.register_forward_hook(lambda _m, _i, out, name=name: seen.__setitem__(name, len(out.unique())))
    torch.stack([*method.objective()(model(inputs()), LABELS).values()]).sum().backward()
    assert len(seen) == 21
    assert max(seen.values()) <= 2**bits
    assert min(seen.values()) > 2
    assert all(p.grad is not None and p.grad.any() for name, p in model.named_parameters() if "scale_log" in name)


@pytest.mark.parametrize(
    ("kind", "settings", "sentence"),
    [
        (QKFormer, {"encoder": "deep"}, 'qkformer is the encoder "qkformer"'),
        (SEWResNet, {"encoder": "resnet18"}, "choose late-fusion for another encoder"),
        (CMQKA, {"encoder": "deep"}, 'choose `stages` "last"'),
        (CMQKA, {"heads": 4}, "`heads` is 4"),
        (CMQKA, {"branches": "temporal", "spatial": "token"}, '`spatial` is "?token'),
        (CMQKA, {"alpha": float("nan")}, "`alpha` is nan"),
        (Spikformer, {"depth": 0}, "`depth` is 0"),
        (TET, {"pull": 1.0}, "`pull` is 1.0"),
        (MISNet, {"cells": 0}, "`cells` is 0"),
        (MISNet, {"readout": "weighted"}, '`readout` is "?weighted'),
        (MISNet, {"balance": Balance(kind="agm")}, "agm needs shares"),
        (MISNet, {"neuron": NeuronSettings(kind="relu"), "interaction_threshold": 0.3}, "interaction_threshold"),
    ],
)
def test_a_setting_that_does_not_suit_is_named(kind, settings, sentence) -> None:
    with pytest.raises(ColliculusError, match=sentence):
        kind(**settings)


def test_exchange_needs_two() -> None:
    with pytest.raises(ColliculusError, match="needs two"):
        CMQKA(dim=16).model(DataSpec(channels={"a": 1}, sizes={"a": (16, 16)}, num_classes=2))
