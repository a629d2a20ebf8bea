from __future__ import annotations

from typing import get_args

import pytest
import torch

from colliculus.files.documents import from_plain, to_plain
from colliculus.methods import CMCI, SCMRL, TAAF, LateFusion, Tectum
from colliculus.modulation import (
    OGMGE,
    Balance,
    BalanceName,
    IEMFSettings,
    NoModulation,
    OGMGESettings,
    ScoreBalance,
    Validation,
)
from colliculus.runtime import Runtime
from colliculus.types import ColliculusError, DataSpec

KINDS = get_args(BalanceName)
SPEC = DataSpec(channels={"a": 1, "b": 1, "c": 2}, sizes=dict.fromkeys("abc", (8, 8)), num_classes=3)


def test_every_kind_makes_a_modulator_of_its_own():
    made = {type(Balance(kind=kind).modulator()) for kind in KINDS}
    assert len(made) == len(KINDS)
    assert isinstance(Balance().modulator(), NoModulation)


def test_a_method_hands_its_settings_on():
    method = LateFusion(balance=Balance(kind="ogm-ge", ogm_ge=OGMGESettings(alpha=0.3)))
    assert isinstance(method.modulator(), OGMGE)
    assert method.modulator() is not method.modulator()  # it remembers: each training has its own
    plain = to_plain(method)
    assert plain["balance"]["ogm_ge"]["alpha"] == 0.3
    assert from_plain(plain, LateFusion) == method
    with pytest.raises(ColliculusError, match="kind"):
        from_plain(plain | {"balance": {"kind": "ogm"}}, LateFusion)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "scores"])
@pytest.mark.parametrize("method", [SCMRL, LateFusion])
@pytest.mark.parametrize("fusion", ["sum", "concat"])
def test_every_kind_trains_every_method_of_three_modalities(kind, method, fusion):
    torch.manual_seed(0)
    settings = {"heads": 2} if method is SCMRL else {}
    chosen = method(
        dim=8, encoder="shallow", time_steps=2, fusion=fusion, unimodal_loss=1.0, balance=Balance(kind=kind), **settings
    )
    model, modulator, runtime = chosen.model(SPEC), chosen.modulator(), Runtime(device=torch.device("cpu"))
    inputs, labels = {m: torch.randn(4, c, 8, 8) for m, c in SPEC.channels.items()}, torch.tensor([0, 1, 2, 0])
    for epoch in range(2):
        modulator.begin_epoch(seed=0, epoch=epoch, epochs=4, device=runtime.device)
        output = model(inputs)
        prepared = modulator.before_backward(model, output, labels, chosen.objective(), runtime)
        runtime.backward(torch.stack(list(prepared.losses.values())).sum(), model)
        report = modulator(model, output, labels, runtime, prepared)
        modulator.end_epoch(Validation(dict.fromkeys("abc", 0.5), dict.fromkeys(("", *"abc"), 1.0)))
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert len(report) == {"none": 0, "iemf": 1, "lfm": 1, "pmr": 7, "g-blending": 4}.get(kind, 3)
    assert all(isinstance(value, float) for value in report.values())


@pytest.mark.parametrize("kind", ["iemf", "mm-pareto", "g-blending"])
def test_what_compares_own_heads_is_refused_without_them(kind):
    with pytest.raises(ColliculusError, match=f"{kind} .*unimodal_loss"):
        LateFusion(balance=Balance(kind=kind))


def test_scores_need_temporal_attention():
    with pytest.raises(ColliculusError, match="taaf or tectum-first"):
        SCMRL(balance=Balance(kind="scores"))


@pytest.mark.parametrize("kind", ["agm", "opm"])
@pytest.mark.parametrize("method", [CMCI, TAAF, Tectum])
def test_what_changes_shares_is_refused_without_them(kind, method):
    with pytest.raises(ColliculusError, match=kind):
        method(balance=Balance(kind=kind))


NOISY = {
    "ogm-ge": Balance(kind="ogm-ge"),
    "iemf": Balance(kind="iemf", iemf=IEMFSettings(noise=True)),
    "scores": Balance(kind="scores", scores=ScoreBalance(enhancement=True)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_warned_of_with_adamw_alone(kind):
    modulator = NOISY.get(kind, Balance(kind=kind)).modulator()
    assert modulator.remarks("sgd") == ()
    assert len(modulator.remarks("adamw")) == (kind in NOISY)
    for remark in modulator.remarks("adamw"):
        assert f"{kind.replace('-', '_')}." in remark
        assert "train.optimizer to sgd" in remark


def test_without_noise_nothing_is_warned_of():
    quiet = (
        Balance(kind="ogm-ge", ogm_ge=OGMGESettings(enhancement=False)),
        Balance(kind="iemf"),
        Balance(kind="scores"),
    )
    assert [balance.modulator().remarks("adamw") for balance in quiet] == [(), (), ()]
