"""No setting that nobody reads: every change of a setting changes the training, or is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import torch
from active import with_currents
from small_methods import read_by

from colliculus import ColliculusError, DataSpec
from colliculus.fusion import CrossModalSettings
from colliculus.methods import CMCI, CMQKA, METHODS, SCA, SCMRL, TAAF, FirstTectum, LateFusion, MISNet, Tectum, Unimodal
from colliculus.methods.tectum import JointSettings
from colliculus.modulation import Balance, BalanceName, LFMSettings, MSLRSettings, ScoreBalance, Validation
from colliculus.neurons import NeuronSettings
from colliculus.runtime import Runtime

SPEC = DataSpec(
    channels={"audio": 1, "visual": 2},
    sizes={"audio": (1, 16), "visual": (8, 12)},
    num_classes=3,
    steps={"audio": 5},
)
GRADED = NeuronSettings(kind="graded")
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])
ALONE = Runtime(device=torch.device("cpu"))
SMALL = {"dim": 8, "heads": 2, "time_steps": 3, "encoder": "shallow", "context": 1}
MEMORY = NeuronSettings(kind="graded", decay=0.5)
OTHER_VALUES = {
    "modality": ["visual"],
    "dim": [16],
    "heads": [4],
    "modality_steps": [{"audio": 2}],
    "unimodal_weights": [{"audio": 0.5}],
    "tau": [3.0],
    "last_epoch": [1],
    "first_epoch": [3],
    "window": [2],
    "factors": [{"audio": 0.5}],
    "clip_norm": [1e-3],
    "super_epoch": [1],
    "rate": [10.0],
    "bits": [2],
    "fusion": ["concat"],
    "name": ["of no package"],
    "settings": [{"strength": 0.5}],
}
"""Values to try of settings that have no other rule."""
ELSEWHERE = {"cross_modal.senders", "joint.keep", "balance.ogm_ge.relative_to"}
"""The end of the training reads `joint.keep` (`tests/training/test_decisions.py`), not the steps; the others change
nothing for two modalities (`tests/fusion/test_exchange.py`, `tests/modulation/test_ogm_ge.py`)."""


def small(kind: type[Any], **changes: Any) -> Any:
    return kind(**read_by(kind, SMALL) | changes)


BASES = {
    **{name: small(kind) for name, kind in METHODS.items() if kind is not Tectum},
    "tectum": small(Tectum, neuron=MEMORY),
    "s-cmrl, reference": small(SCMRL, arithmetic="reference", alpha=1.5),
    "s-cmrl, spatial": small(SCMRL, cross_attention="spatial", alignment=False),
    "s-cmrl, temporal": small(SCMRL, cross_attention="temporal"),
    "sca, reference": small(SCA, arithmetic="reference"),
    "cmci, reference": small(CMCI, arithmetic="reference", unimodal_loss=1.0, modality_dropout=0.0),
    "unimodal, reference": small(Unimodal, arithmetic="reference"),
    "s-cmrl, mask": SCMRL(dim=8, time_steps=3, encoder="shallow", cross_attention="mask"),
    "s-cmrl, fed": small(
        SCMRL, alpha=0.5, normalise="positives", cross_modal=CrossModalSettings(dropout=0.0, scaled=True, capped=True)
    ),
    "s-cmrl, replaced": small(SCMRL, residual="replace"),
    "s-cmrl, weighted": small(SCMRL, readout="weighted"),
    "tectum, aligned": small(Tectum, neuron=MEMORY, alignment="conv", joint=JointSettings(kind="hidden"), tet_loss=0.5),
    "tectum, mean": small(Tectum, neuron=MEMORY, readout="mean"),
    "tectum, lif": small(Tectum, neuron=NeuronSettings()),
    "tectum, attention": small(Tectum, neuron=MEMORY, exchange="attention"),
    "tectum, mask": small(Tectum, neuron=MEMORY, exchange="mask"),
    "tectum, none": small(Tectum, neuron=MEMORY, exchange="none"),
    "taaf, plain loss": small(TAAF, regulariser="none"),
    "late-fusion, graded": small(LateFusion, neuron=NeuronSettings(kind="graded", levels=2, decay=0.5)),
    "late-fusion, rate": small(LateFusion, rate_target=1.0),
    "cmqka, last stage": small(CMQKA, stages="last", encoder="shallow"),
    "cmqka, token": small(CMQKA, spatial="token", branches="spatial", heads=2, dim=32),
    "misnet, together": small(MISNet, firing="together"),
    "taaf, shared heads": small(TAAF, heads="shared", alignment="clip-warp"),
    "taaf, spatial gradient": small(TAAF, neuron=NeuronSettings(temporal_gradient=False)),
}
KINDS = [kind for kind in get_args(BalanceName) if kind not in ("none", "scores")]
BALANCES = {
    **{kind: small(LateFusion, unimodal_loss=1.0, balance=Balance(kind=kind)) for kind in KINDS},
    "lfm": small(LateFusion, unimodal_loss=1.0, balance=Balance(kind="lfm", lfm=LFMSettings(weight=0.5))),
    "ogm-ge with iemf": small(LateFusion, unimodal_loss=1.0, balance=Balance(kind="ogm-ge", with_iemf=True)),
    "mslr": small(
        LateFusion, unimodal_loss=1.0, balance=Balance(kind="mslr", mslr=MSLRSettings(factors={"audio": 0.8}))
    ),
    "no balance": small(LateFusion, unimodal_loss=1.0),
    "scores": small(TAAF),
    "scores, loss": small(TAAF, balance=Balance(kind="scores", scores=ScoreBalance(kind="loss"))),
    "scores, inverse": small(TAAF, balance=Balance(kind="scores", scores=ScoreBalance(kind="inverse"))),
    "scores, step": small(TAAF, balance=Balance(kind="scores", scores=ScoreBalance(kind="step"))),
}


def others(name: str, value: Any, kind: Any) -> list[Any]:
    """Other values of a setting of that type."""
    if name == "rate_target":  # the gradient is the same for all targets that are missed
        return [1e6 if value else 1.0]
    if get_origin(kind) is Literal:
        return [choice for choice in get_args(kind) if choice != value]
    if name in OTHER_VALUES:
        return OTHER_VALUES[name]
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, float):
        return [value * 0.5 if value else 0.5]
    raise TypeError(f"no other value of {name} is known: add one to OTHER_VALUES")


def changes(settings: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every change of one setting, nested ones too: its dotted name, and how to make it from `settings`."""
    hints = get_type_hints(type(settings))
    for field in fields(settings):
        value, kind = getattr(settings, field.name), hints[field.name]
        if get_origin(kind) is UnionType and NoneType in get_args(kind):
            (kind,) = (k for k in get_args(kind) if k is not NoneType)
        if is_dataclass(value):
            for name, make in changes(value, f"{path}{field.name}."):
                yield name, lambda s, f=field.name, make=make: replace(s, **{f: make(getattr(s, f))})
        else:
            for other in others(field.name, value, kind):
                yield f"{path}{field.name} {other}", lambda s, f=field.name, o=other: replace(s, **{f: o})


def trained(method: Any, epochs: int) -> dict[str, torch.Tensor]:
    """All weights and statistics after that many epochs of one step."""
    torch.manual_seed(0)
    inputs = {m: torch.randn(SPEC.input_shape(m, len(LABELS))) for m in SPEC.modalities}
    model, objective, modulator = method.model(SPEC), method.objective(), method.modulator()
    with_currents(model, 1.5)
    for name, value in model.named_parameters():
        if "semantic" in name:
            value.data.mul_(20)  # the reference, which does not normalise here, starts silent
    for epoch in range(epochs):
        torch.manual_seed(epoch)
        modulator.begin_epoch(seed=0, epoch=epoch, epochs=epochs, device=ALONE.device)
        output = model(inputs)
        prepared = modulator.before_backward(model, output, LABELS, objective, ALONE)
        model.zero_grad()
        torch.stack([*prepared.losses.values()]).sum().backward()
        modulator(model, output, LABELS, ALONE, prepared)
        rates = modulator.learning_rates()
        factors = {id(p): rate for m, rate in rates.items() for p in model.stream_parameters(m)}
        with torch.no_grad():
            for p in model.parameters():
                if p.grad is not None:
                    p.sub_(0.2 * factors.get(id(p), 1.0) * p.grad)
        modulator.end_epoch(_validation(epoch))
    return model.state_dict()


def _validation(epoch: int) -> Validation:
    """Figures that get better, each at a pace of its own."""
    return Validation(
        {"audio": 0.2 + 0.05 * epoch, "visual": 0.5},
        {"": 2 - 0.15 * epoch, "audio": 2 - 0.05 * epoch, "visual": 2 - 0.1 * epoch},
    )


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def unread(base: Any, *, balance: bool) -> list[str]:
    """Changes that are accepted and change nothing, of the balance or of all else."""
    epochs = 12 if balance else 1  # some balances look back on many epochs
    before, found, tried = trained(base, epochs), [], 0
    for name, make in changes(base):
        if name.startswith("balance.") is not balance or name.split()[0] in ELSEWHERE:
            continue
        tried += 1
        try:
            if same(trained(make(base), epochs), before):
                found.append(name)
        except ColliculusError:
            continue
    assert tried
    return found


@pytest.mark.parametrize("base", BASES)
def test_every_setting_of_a_method_is_read_or_refused(base) -> None:
    assert unread(BASES[base], balance=False) == []


@pytest.mark.parametrize("kind", ["relu", "graded"])
def test_a_neuron_without_memory_reads_what_is_not_of_time(kind) -> None:
    """The gradient through time is accepted, because a method has a default of its own for it."""
    assert unread(small(LateFusion, neuron=NeuronSettings(kind=kind)), balance=False) == [
        "neuron.temporal_gradient False"
    ]
    with pytest.raises(ColliculusError, match="`detach_reset` is False, which has no effect with"):
        NeuronSettings(kind=kind, detach_reset=False)


def test_all_frames_at_once_are_not_resampled() -> None:
    """Only sequences whose data declare no number of steps are."""
    found = unread(small(LateFusion, context=0, time_steps=1), balance=False)
    assert [name for name in found if not name.startswith("neuron.")] == ["resampling linear"]


@pytest.mark.parametrize("base", BALANCES)
def test_every_setting_of_a_balance_is_read_or_refused(base) -> None:
    assert unread(BALANCES[base], balance=True) == []


@pytest.mark.parametrize(
    ("kind", "settings", "sentence"),
    [
        (SCA, {"neuron": GRADED, "attention_threshold": 0.4}, '`attention_threshold` is 0.4, .* `kind` "graded"'),
        (Unimodal, {"neuron": GRADED, "attention_threshold": 0.4}, '`attention_threshold` is 0.4, .* `kind` "graded"'),
        (SCMRL, {"neuron": GRADED, "cross_modal": CrossModalSettings(threshold=0.4)}, "`threshold` is 0.4, .*graded"),
        (
            FirstTectum,
            {"neuron": GRADED, "cross_modal": CrossModalSettings(threshold=0.4)},
            "`threshold` is 0.4, .*graded",
        ),
        (SCMRL, {"alignment": False, "temperature": 0.1}, "`temperature` is 0.1, .* without `alignment`: leave it at"),
        (SCA, {"arithmetic": "reference", "attention_threshold": 0.4}, "`attention_threshold` is 0.4"),
        (SCMRL, {"residual": "replace", "alpha": 1.5}, '`alpha` is 1.5, .* with `residual` "replace": leave it at'),
        (TAAF, {"regulariser": "none", "regulariser_weight": 0.1}, "`regulariser_weight` is 0.1"),
    ],
)
def test_a_setting_without_effect_is_named(kind, settings, sentence) -> None:
    with pytest.raises(ColliculusError, match=sentence):
        kind(**settings)


def test_a_nested_setting_without_effect_is_named() -> None:
    changed = replace(SCMRL().cross_modal, threshold=0.3)
    with pytest.raises(ColliculusError, match=r"`cross_modal.threshold` is 0.3, .*\"reference\": leave it at 0.5"):
        SCMRL(arithmetic="reference", cross_modal=changed)
    with pytest.raises(ColliculusError, match=r'`maps` is 3, .* with `readout` "mean": leave it at 2'):
        Tectum(readout="mean", joint=replace(Tectum().joint, maps=3))
    with pytest.raises(ColliculusError, match=r"`agm.alpha` is 0.5, .*kind \"none\": leave it at 1.0"):
        Balance(agm=replace(Balance().agm, alpha=0.5))
