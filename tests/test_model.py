from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from active import assert_active, awake, no_zeros_compared
from hypothesis import given, settings
from hypothesis import strategies as st
from three_streams import SPEC, active, inputs
from torch import nn
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from colliculus import SCMRL, TAAF, ColliculusError, DataSpec, LateFusion, MultimodalSNN, Output, Unimodal
from colliculus.fusion import CrossModalSettings
from colliculus.heads import LinearReadout
from colliculus.neurons import SpikingNeuron
from colliculus.types import Fused

__all__ = ["no_zeros_compared"]

METHODS = [
    SCMRL(dim=16, heads=4),
    SCMRL(dim=16, heads=4, arithmetic="reference", fusion="concat"),
    SCMRL(dim=16, heads=4, encoder="shallow", cross_attention="temporal", alignment=False),
    LateFusion(dim=16),
    LateFusion(dim=16, fusion="concat", coding="poisson"),
    Unimodal(modality="visual", dim=16, heads=4),
    Unimodal(modality="visual", dim=16, heads=4, encoder="sew-resnet18"),
    TAAF(dim=16, modality_steps={"touch": 6}),
    TAAF(dim=16, encoder="shallow", alignment="warp", fusion="sum", apply_to="gate"),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
@pytest.mark.parametrize("steps", [None, 4, 7])
def test_any_number_of_modalities_static_or_sequences(method, steps) -> None:
    model = method.model(SPEC)
    output = model(inputs(steps=steps))
    assert output.logits.shape == (2, 5)
    assert output.step_logits.shape == (4, 2, 5)
    torch.testing.assert_close(output.logits, output.step_logits.mean(0))
    torch.testing.assert_close(sum(output.evidence.values()), output.step_logits)
    assert tuple(output.evidence) == model.modalities
    if isinstance(method, SCMRL):
        assert {m: r.shape for m, r in output.residual.items()} == dict.fromkeys(SPEC.modalities, (4, 2, 16))


@pytest.mark.parametrize("own_heads", [0.0, 1.0])
@pytest.mark.parametrize("method", [m for m in METHODS if hasattr(m, "unimodal_loss")], ids=lambda m: m.name)
def test_every_parameter_belongs_to_a_stream_to_the_fusion_or_to_a_modalitys_own_head(method, own_heads) -> None:
    model = replace(method, unimodal_loss=own_heads).model(SPEC)
    names = {id(p): name for name, p in model.named_parameters()}
    streams = {m: {names[id(p)] for p in model.stream_parameters(m)} for m in model.modalities}
    fusion = {names[id(p)] for p in model.fusion_parameters()}
    for modality, stream in streams.items():
        passed = [f"encoders.{modality}.", *([f"fusion.mlp.{modality}."] if isinstance(method, LateFusion) else [])]
        assert stream == {name for name in names.values() if name.startswith(tuple(passed))}
    rest = {*names.values()} - fusion - set().union(*streams.values())
    assert rest == {name for name in names.values() if name.startswith("head.own.")}
    assert bool(rest) is bool(own_heads)
    for part in (model.encoders["audio"], model.fusion):
        part.requires_grad_(False)
    assert model.stream_parameters("audio") == []


def test_the_readout_is_the_head_and_what_the_fusion_calls_so() -> None:
    model = LateFusion(dim=16, unimodal_loss=0.5).model(SPEC)
    head = [*model.head.parameters()]
    assert len(head) > 2
    assert {id(p) for p in model.readout_parameters()} == {id(p) for p in head}
    pooling = model.fusion.mlp["audio"]
    pooling.is_readout = True  # pyright: ignore[reportAttributeAccessIssue]
    expected = {id(p) for p in (*head, *pooling.parameters())}
    assert {id(p) for p in model.readout_parameters()} == expected
    assert len(model.readout_parameters()) == len(expected)


@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_objective_trains_every_parameter(method) -> None:
    model = method.model(SPEC)
    losses = method.objective()(model(inputs(batch=4)), torch.tensor([0, 1, 2, 0]))
    sum(losses.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("method", [SCMRL(dim=16, heads=4), LateFusion(dim=16), LateFusion(dim=16, fusion="concat")])
def test_an_absent_modality_gives_nothing(method) -> None:
    model = awake(method.model(SPEC), inputs())
    alone = model({"visual": inputs()["visual"]})
    assert_active(alone.streams["visual"])
    assert [*alone.evidence] == ["visual"]
    torch.testing.assert_close(alone.evidence["visual"], alone.step_logits)
    if isinstance(method, SCMRL):
        assert alone.residual["visual"].abs().max() == 0
    else:  # nothing is exchanged: the stream of a modality does not know who else is there
        shares = model(inputs()).evidence["visual"] - model.head.linear.bias / 3
        torch.testing.assert_close(alone.step_logits - model.head.linear.bias, shares)


def test_samples_of_a_batch_do_not_meet_in_evaluation() -> None:
    model = awake(SCMRL(dim=16, heads=4).model(SPEC), inputs(batch=3))
    assert_active(*model(inputs(batch=3)).residual.values())
    together = model(inputs(batch=3)).logits
    alone = [model({m: x[b : b + 1] for m, x in inputs(batch=3).items()}).logits for b in range(3)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_encoders_that_declare_different_widths_are_refused() -> None:
    class Encoder(nn.Module):
        def __init__(self, dim: int) -> None:
            super().__init__()
            self.dim = dim

    model = LateFusion(dim=16).model(SPEC)
    parts = {"coding": {"audio": nn.Identity(), "visual": nn.Identity()}, "fusion": model.fusion, "head": model.head}
    with pytest.raises(ColliculusError, match=r"different widths D: \{'audio': 8, 'visual': 16\}"):
        MultimodalSNN(SPEC, encoders={"audio": Encoder(8), "visual": Encoder(16)}, **parts)


def test_an_output_goes_through_a_pytree() -> None:
    model, given = active(LateFusion(dim=16))
    output = model(given)
    leaves, form = tree_flatten(output)
    assert [*map(torch.is_tensor, leaves)] == [True] * len(leaves)
    again = tree_unflatten(leaves, form)
    assert isinstance(again, Output)
    assert (again.unweighted_logits, [*again.evidence]) == (None, [*output.evidence])
    assert torch.equal(again.evidence["touch"], output.evidence["touch"])
    both = tree_map(lambda *xs: torch.stack(xs), output, output)
    assert both.step_logits.shape == (2, *output.step_logits.shape)


def test_an_exported_model_computes_the_same(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("COLLICULUS_KERNELS", "plain")  # plain PyTorch operations
    model, given = active(LateFusion(dim=16))
    program = torch.export.export(model, (given,))
    torch.export.save(program, tmp_path / "model.pt2")
    output = torch.export.load(tmp_path / "model.pt2").module()(given)
    assert isinstance(output, Output)
    torch.testing.assert_close(output.logits, model(given).logits)
    torch.testing.assert_close(output.evidence["audio"], model(given).evidence["audio"])


def test_functions_of_the_parameters() -> None:
    model, given = active(LateFusion(dim=16))
    weights = {name: p.detach() for name, p in model.named_parameters()}
    output = torch.func.functional_call(model, weights, (given,))
    assert torch.equal(output.logits, model(given).logits)

    def loss(changed):
        return torch.func.functional_call(model, changed, (given,)).logits.square().sum()

    found = torch.func.grad(loss)(weights)
    loss(dict(model.named_parameters())).backward()
    for name, p in model.named_parameters():
        torch.testing.assert_close(found[name], p.grad, msg=name)


def test_an_ensemble_by_vmap_equals_its_members() -> None:
    (one, given), (other, _) = active(LateFusion(dim=16)), active(LateFusion(dim=16))
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(1.1)
    stacked = torch.func.stack_module_state([one, other])
    outputs = torch.vmap(lambda state, buffers: torch.func.functional_call(one, (state, buffers), (given,)))(*stacked)
    assert isinstance(outputs, Output)
    torch.testing.assert_close(outputs.logits, torch.stack([one(given).logits, other(given).logits]))
    assert not torch.equal(*outputs.logits)


def test_reference_takes_the_place_of_the_arithmetic() -> None:
    def thresholds(method: SCMRL) -> set[float]:
        return {m.dynamics.threshold for m in method.model(SPEC).modules() if isinstance(m, SpikingNeuron)}

    changed = CrossModalSettings(threshold=0.3)
    assert thresholds(SCMRL(dim=16, heads=4, cross_modal=changed)) == {1.0, 0.3}
    assert thresholds(SCMRL(dim=16, heads=4, arithmetic="reference")) == {1.0}


def test_readout_shares_by_hand() -> None:
    head = LinearReadout(2, 2)
    with torch.no_grad():
        head.linear.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        head.linear.bias.copy_(torch.tensor([10.0, 20.0]))
    a, b = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
    output = head(Fused(joint=a + b, parts={"a": a, "b": b}))
    assert output.logits.tolist() == [[13.0, 27.0]]
    assert output.evidence["a"].tolist() == [[[6.0, 13.0]]]
    assert output.evidence["b"].tolist() == [[[7.0, 14.0]]]


@settings(max_examples=10, deadline=None)
@given(
    sizes=st.lists(st.tuples(st.integers(5, 40), st.integers(5, 40)), min_size=2, max_size=3),
    channels=st.integers(1, 3),
    num_classes=st.integers(2, 4),
)
def test_modalities_of_any_size(sizes, channels, num_classes) -> None:
    names = [f"m{i}" for i in range(len(sizes))]
    spec = DataSpec(
        channels=dict.fromkeys(names, channels), sizes=dict(zip(names, sizes, strict=True)), num_classes=num_classes
    )
    assert SCMRL(dim=8, heads=2, time_steps=2).model(spec)(inputs(spec=spec)).logits.shape == (2, num_classes)


def test_same_seed_same_network() -> None:
    weights = []
    for _ in range(2):
        torch.manual_seed(3)
        weights.append(SCMRL(dim=16, heads=4).model(SPEC).state_dict())
    flat = [torch.cat([x.flatten() for x in w.values()]) for w in weights]
    assert torch.equal(*flat)


def test_a_modality_alone_has_all_the_evidence_and_readouts_start_small() -> None:
    head, joint = LinearReadout(500, 9), torch.randn(3, 2, 500)
    nn.init.normal_(head.linear.bias)
    output = head(Fused(joint=joint, parts={"audio": joint}))
    torch.testing.assert_close(output.evidence["audio"], output.step_logits)
    assert head.linear.weight.std().item() == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize(
    ("returned", "sentence"),
    [
        (lambda _: torch.zeros(4, 2, 16), "the fusion Own returns Tensor: return colliculus.Fused"),
        (
            lambda _: Fused(joint=torch.zeros(2, 16), parts={}),
            r"joint feature of shape \(2, 16\): give \(T, B, F\)",
        ),
    ],
)
def test_a_fusion_of_ones_own_that_does_not_fit_is_named(returned, sentence) -> None:
    class Own(nn.Module):
        def forward(self, tokens):
            return returned(tokens)

    spec = DataSpec(channels={"audio": 1}, sizes={"audio": (16, 16)}, num_classes=3)
    model = LateFusion(dim=16).model(spec)
    model.fusion = Own()
    with pytest.raises(ColliculusError, match=sentence):
        model({"audio": torch.zeros(2, 1, 16, 16)})


def test_own_heads_need_streams() -> None:
    spec = DataSpec(channels={"audio": 1}, sizes={"audio": (16, 16)}, num_classes=3)
    head = LateFusion(dim=16, unimodal_loss=1.0).model(spec).head
    with pytest.raises(ColliculusError, match="own heads need the `streams`"):
        head(Fused(joint=torch.zeros(4, 2, 16), parts={}))
