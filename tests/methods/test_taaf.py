from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
import torch
import tyro
from active import assert_active, awake

from colliculus import TAAF, ColliculusError, DataSpec
from colliculus.data.synthetic import Synthetic
from colliculus.evaluation.spike_health import measure_spike_health
from colliculus.modulation import Balance, BalanceName, ScoreBalance
from colliculus.runs.document import experiment_from_plain, experiment_to_plain
from colliculus.runs.experiment import Experiment
from colliculus.runtime import Runtime
from colliculus.training.step import TrainingStep
from colliculus.types import Batch

SPEC = DataSpec(
    channels={"audio": 1, "visual": 3, "touch": 2},
    sizes={"audio": (20, 33), "visual": (32, 32), "touch": (16, 16)},
    num_classes=5,
    steps={"touch": 7},
)
SMALL = TAAF(dim=16, encoder="shallow", modality_steps={"visual": 6, "touch": 2})
ENCODERS = ["resnet18", "sew-resnet18", "deep", "shallow"]
LABELS = torch.tensor([0, 1, 2, 0])


def inputs(batch=4, spec=SPEC):
    generator = torch.Generator().manual_seed(0)
    return {m: torch.randn(spec.input_shape(m, batch), generator=generator) for m in spec.modalities}


def loss(method, model, given=None):
    return torch.stack([*method.objective()(model(given or inputs()), LABELS).values()]).sum()


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("alignment", ["conv", "warp", "clip-warp", "interpolate"])
def test_any_encoder_and_steps_of_their_own(encoder, alignment):
    method = replace(SMALL, encoder=encoder, alignment=alignment)
    model = method.model(SPEC)
    lengths = {}
    for m, module in model.encoders.items():
        module.register_forward_hook(lambda _m, _i, out, m=m: lengths.__setitem__(m, len(out)))
    output = model(inputs())
    assert lengths == {"audio": 4, "visual": 6, "touch": 2}
    assert [*output.time_weights] == [*SPEC.modalities, "fused"]
    for alpha in output.time_weights.values():
        assert alpha.shape == (4, 4)
        torch.testing.assert_close(alpha.sum(0), torch.ones(4))
    assert {m: z.shape for m, z in output.modality_logits.items()} == dict.fromkeys(SPEC.modalities, (4, 4, 5))
    assert [*method.objective()(output, LABELS)] == ["task", *(f"unimodal_{m}" for m in SPEC.modalities)]


def test_resnet_is_the_default_and_its_feature_is_the_global_average_pool():
    assert (TAAF().dim, TAAF().encoder) == (512, "resnet18")
    method = TAAF(dim=16)
    model = method.model(SPEC)
    tokens = model.encoders["audio"](model.coding["audio"](inputs()["audio"]))
    torch.testing.assert_close(model(inputs()).streams["audio"], tokens.mean(-1), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("fusion", ["concat", "sum"])
@pytest.mark.parametrize("apply_to", ["logits", "features", "gate"])
@pytest.mark.parametrize("missing", [("audio",), ("visual",), ("touch",), ("audio", "touch")])
def test_modalities_may_be_missing(fusion, apply_to, missing):
    method = replace(SMALL, fusion=fusion, apply_to=apply_to)
    model = awake(method.model(SPEC), inputs())
    there = [m for m in SPEC.modalities if m not in missing]
    output, whole = model({m: inputs()[m] for m in there}), model(inputs())
    assert_active(*output.streams.values())
    assert [*output.modality_logits] == [*output.evidence] == there
    assert [*output.time_weights] == [*there, "fused"]
    torch.testing.assert_close(output.logits, output.step_logits.mean(0))
    torch.testing.assert_close(sum(output.evidence.values()), output.step_logits)
    for m in there:
        torch.testing.assert_close(output.modality_logits[m], whole.modality_logits[m])
        torch.testing.assert_close(output.time_weights[m], whole.time_weights[m])
    terms = method.objective()(output, LABELS)
    assert [*terms] == ["task", *(f"unimodal_{m}" for m in there)]
    assert all(value.isfinite() for value in terms.values())


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_layer_fires_and_every_parameter_learns(encoder):
    torch.manual_seed(0)
    spec = DataSpec(channels={"a": 1, "v": 3}, sizes={"a": (32, 32), "v": (28, 40)}, num_classes=6, steps={"v": 6})
    method = TAAF(encoder=encoder, dim=32, modality_steps={"v": 6})
    given = {m: torch.randn(spec.input_shape(m, 16)) for m in "av"}
    health = measure_spike_health(method.model(spec), given, torch.arange(16) % 6, method.objective())
    assert health.warnings() == []
    assert sum("alignments" in layer.name for layer in health.layers) == 2


def by_score(**settings):
    return Balance(kind="scores", scores=ScoreBalance(**settings))


CHANGES = [
    {"alignment": "warp"},
    {"alignment": "clip-warp"},
    {"heads": "shared"},
    {"heads": "shared", "fusion": "sum", "score_input": "logits"},
    {"fusion": "sum"},
    {"score_input": "logits"},
    {"score_reduction": "last"},
    {"score_reduction": "max"},
    {"score_reduction": "diagonal"},
    {"apply_to": "features"},
    {"apply_to": "gate"},
    {"score_gradient": "detach_in_loss"},
    {"score_gradient": "detach"},
    {"apply_to": "features", "score_gradient": "detach_in_loss"},
    {"regulariser": "none"},
    {"regulariser": "mean_ce"},
    {"unimodal_weights": {"audio": 0.0, "touch": 2.0}, "balance": Balance()},
    {"unimodal_weights": {"audio": 0.5, "touch": 2.0}},
    {"label_smoothing": 0.1},
    {"modality_dropout": 0.5},
    {"coding": "poisson"},
    {"resampling": "linear"},
    {"balance": by_score(kind="loss")},
    {"heads": "shared", "balance": by_score(kind="loss")},
    {"balance": by_score(kind="inverse")},
    {"balance": by_score(kind="step")},
    *({"balance": Balance(kind=kind)} for kind in get_args(BalanceName) if kind not in ("scores", "agm", "opm")),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "-".join(map(str, change.values()))[:40])
def test_training_steps_lower_the_loss_with_every_setting(change):
    torch.manual_seed(0)
    method = replace(SMALL, **change)
    model, modulator = method.model(SPEC), method.modulator()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    runtime = Runtime(device=torch.device("cpu"))
    modulator.begin_epoch(seed=0, epoch=0, epochs=4, device=runtime.device)
    step = TrainingStep(
        model=model,
        objective=method.objective(),
        modulator=modulator,
        optimizer=optimizer,
        runtime=runtime,
        clip_norm=None,
    )

    def measured():
        torch.manual_seed(1)
        with torch.no_grad():
            return loss(method, model).item()

    before = measured()
    for _ in range(4):
        step(Batch(inputs(), LABELS))
    assert measured() < before


def first_step(method):
    """Loss and gradients of a first step, all that an optimiser would see."""
    torch.manual_seed(0)
    model, modulator, runtime = method.model(SPEC), method.modulator(), Runtime(device=torch.device("cpu"))
    modulator.begin_epoch(seed=0, epoch=0, epochs=4, device=runtime.device)
    output = model(inputs())
    prepared = modulator.before_backward(model, output, LABELS, method.objective(), runtime)
    runtime.backward(torch.stack([*prepared.losses.values()]).sum(), model)
    modulator(model, output, LABELS, runtime, prepared)
    return prepared.losses | {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "-".join(map(str, change.values()))[:40])
def test_every_setting_changes_what_is_learned(change):
    plain, changed = first_step(SMALL), first_step(replace(SMALL, **change))
    assert set(plain) != set(changed) or any(not torch.equal(plain[name], changed[name]) for name in plain)
    again = first_step(SMALL)
    assert all(torch.equal(plain[name], again[name]) for name in plain)


@pytest.mark.parametrize("fusion", ["concat", "sum"])
@pytest.mark.parametrize("missing", [(), ("visual",)])
def test_shared_heads_are_slices_of_the_joint_classifier(fusion, missing):
    """Z_m(t) = W_m h_m(t) + b / M by a loop; together they are the joint logits before the scores."""
    torch.manual_seed(0)
    model = awake(replace(SMALL, heads="shared", fusion=fusion).model(SPEC), inputs())
    torch.nn.init.normal_(model.head.joint.bias)
    there = [m for m in SPEC.modalities if m not in missing]
    output = model({m: inputs()[m] for m in there})
    assert not len(model.head.own)
    weight, bias = model.head.joint.weight, model.head.joint.bias
    for m in there:
        h = output.streams[m]
        assert_active(h)
        if fusion == "concat":
            place = SPEC.modalities.index(m) * SMALL.dim
            slice_of_m, share = weight[:, place : place + SMALL.dim], 1.0
        else:
            w = model.fusion.join.weights
            slice_of_m, share = (
                weight,
                (w[SPEC.modalities.index(m)] - w[[0, 2] if missing else [0, 1, 2]].logsumexp(0)).exp(),
            )
        for t in range(len(h)):
            expected = share * h[t] @ slice_of_m.T + bias / len(there)
            torch.testing.assert_close(output.modality_logits[m][t], expected)
    torch.testing.assert_close(sum(output.modality_logits.values()), output.unweighted_logits)
    for alpha in output.time_weights.values():
        torch.testing.assert_close(alpha.sum(0), torch.ones(4))


def test_the_own_losses_train_the_joint_classifier_where_heads_are_shared():
    for heads, trained in (("own", False), ("shared", True)):
        torch.manual_seed(0)
        method = replace(SMALL, heads=heads)
        model = method.model(SPEC)
        terms = method.objective()(model(inputs()), LABELS)
        terms["unimodal_audio"].backward()
        grad = model.head.joint.weight.grad
        assert bool(grad is not None and grad.any()) is trained


LEARNED = {
    ("full", "logits"): {"fused", "audio", "visual", "touch"},
    ("full", "gate"): {"fused", "audio", "visual", "touch"},
    ("detach_in_loss", "logits"): set(),
    ("detach_in_loss", "features"): {"fused"},
    ("detach_in_loss", "gate"): {"fused"},
    ("detach", "gate"): set(),
}


@pytest.mark.parametrize(("score_gradient", "apply_to"), LEARNED)
def test_which_scores_learn(score_gradient, apply_to):
    torch.manual_seed(0)
    method = replace(SMALL, score_gradient=score_gradient, apply_to=apply_to)
    model = method.model(SPEC)
    loss(method, model).backward()
    grads = {u: attention.query.weight.grad for u, attention in model.head.attention.items()}
    assert {u for u, g in grads.items() if g is not None and g.any()} == LEARNED[score_gradient, apply_to]


def test_switching_an_alignment_on_changes_nothing_at_first():
    models = {}
    for name in ("identity", "interpolate", "warp", "clip-warp", "conv"):
        models[name] = replace(SMALL, alignment=name, modality_steps={}).model(SPEC)
        models[name].load_state_dict(models["identity"].state_dict(), strict=False)
    expected = models.pop("identity")(inputs()).step_logits
    for model in models.values():
        torch.testing.assert_close(model(inputs()).step_logits, expected)


def test_settings_from_a_file_and_from_the_command_line():
    method = replace(SMALL, unimodal_weights={"audio": 0.5}, balance=by_score(kind="step", beta=0.1, last_epoch=9))
    experiment = Experiment(method=method, data=Synthetic())
    assert experiment_from_plain(experiment_to_plain(experiment)) == experiment
    arguments = (
        "--method.modality-steps audio 6 visual 3 --method.unimodal-weights audio 0.5 --method.balance.scores.beta 0.8"
    )
    parsed = tyro.cli(
        Experiment[TAAF, Synthetic], args=arguments.split(), default=Experiment(method=TAAF(), data=Synthetic())
    )
    assert parsed.method == TAAF(
        modality_steps={"audio": 6, "visual": 3}, unimodal_weights={"audio": 0.5}, balance=by_score(beta=0.8)
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"modality_steps": {"audio": 0}}, "modality_steps` of audio is 0"),
        ({"modality_dropout": 1.0}, "modality_dropout"),
        ({"regulariser_weight": -0.1}, "regulariser_weight"),
        ({"unimodal_weights": {"audio": -1.0}}, "audio's own loss"),
        ({"dim": 12, "encoder": "resnet18"}, "multiple of 8"),
        ({"balance": Balance(kind="agm")}, "balance agm"),
        ({"balance": Balance(kind="opm")}, "balance opm"),
        ({"unimodal_weights": {"audio": 0.0}}, "balance scores .* audio does not learn"),
        ({"unimodal_weights": {"audio": 0.0}, "balance": Balance(kind="iemf")}, "balance iemf"),
    ],
)
def test_a_setting_out_of_range_is_named(change, sentence):
    with pytest.raises(ColliculusError, match=sentence):
        TAAF(**change)


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        (replace(SMALL, modality_steps={"visul": 3}), "'visul': did you mean 'visual'"),
        (replace(SMALL, unimodal_weights={"smell": 1.0}), "'smell'"),
        (replace(SMALL, alignment="identity"), "identity keeps the 6 steps"),
    ],
)
def test_data_that_do_not_fit_are_refused(method, sentence):
    with pytest.raises(ColliculusError, match=sentence):
        method.model(SPEC)
