from __future__ import annotations

from functools import reduce
from itertools import combinations, product
from operator import mul

import pytest
import torch
from active import assert_active, awake

from colliculus.fusion import Concat, HiddenJointLayer, JointLayer, WithJointLayer, weighted
from colliculus.fusion.joint import coincidences
from colliculus.neurons import NeuronSettings

T, B, D = 3, 6, 8
COUNTS = {"audio": 4, "visual": 9, "touch": 1}
NEURONS = {
    "lif": NeuronSettings(),
    "graded": NeuronSettings(kind="graded"),
    "relu": NeuronSettings(kind="relu"),
}


FORMS = {"product": JointLayer, "hidden": HiddenJointLayer}


def tokens(seed=0, *, batch=B, counts=COUNTS):
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.randint(0, 3, (T, batch, D, n), generator=generator).float() for m, n in counts.items()}


def joint(kind="lif", counts=COUNTS, *, form="product", maps=1, **settings):
    """A layer that fires."""
    torch.manual_seed(0)
    pooling = weighted(T, D, {m: (1, n) for m, n in counts.items()}, maps=maps)
    layer = FORMS[form](counts, features=maps * D, dim=D, neuron=NEURONS[kind], pooling=pooling, **settings)
    return awake(layer, tokens(counts=counts), current=0.7)


def spikes_of(layer, given):
    """The spikes of each modality's own neurons."""
    return {m: layer.drive[m](layer.pooling[m](x)[..., None]) for m, x in given.items()}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_coincidences_are_the_products_of_all_sets_of_two_or_more(count) -> None:
    generator = torch.Generator().manual_seed(count)
    driven = [torch.randint(0, 5, (3, 4), generator=generator).double() for _ in range(count)]
    expected = torch.zeros(3, 4, dtype=torch.float64)
    for size in range(2, count + 1):
        for chosen in combinations(driven, size):
            expected = expected + reduce(mul, chosen)
    assert coincidences(driven).tolist() == expected.tolist()
    assert bool(expected.any()) == (count > 1)


def test_coincidences_do_not_depend_on_the_order() -> None:
    generator = torch.Generator().manual_seed(0)
    driven = [torch.randint(0, 2, (5, 7), generator=generator).float() for _ in range(4)]
    assert torch.equal(coincidences(driven), coincidences(driven[::-1]))


@pytest.mark.parametrize("kind", NEURONS)
def test_a_joint_neuron_gets_current_where_two_modalities_fire(kind) -> None:
    counts = {"audio": 4, "visual": 9}
    layer, given = joint(kind, counts), tokens(counts=counts)
    with torch.no_grad():
        audio, visual = spikes_of(layer, given).values()
        assert_active(audio, visual)
        both = torch.zeros_like(audio)
        for place in product(*map(range, audio.shape)):
            both[place] = audio[place] * visual[place] if audio[place] and visual[place] else 0.0
        assert_active(both)
        found = layer(given)
        assert_active(found)
        torch.testing.assert_close(found, layer.conjunction(both)[..., 0])
    assert audio.shape == (T, B, 4 * D, 1)


@pytest.mark.parametrize("kind", NEURONS)
def test_a_hidden_layer_sees_all_modalities_side_by_side(kind) -> None:
    """Its currents by a slow loop over hidden neurons and modalities; those of an absent modality are zero."""
    layer, given = joint(kind, form="hidden", maps=2).double(), tokens()
    given = {m: x.double() for m, x in given.items() if m != "visual"}
    norm, weight = layer.hidden.norm, layer.hidden.linear.weight[:, :, 0].unflatten(1, (3, 2 * D))
    with torch.no_grad():
        currents = torch.zeros(T, B, 4 * D, 1, dtype=torch.float64)
        for neuron in range(4 * D):
            for place, m in ((0, "audio"), (2, "touch")):
                currents[:, :, neuron, 0] += layer.pooling[m](given[m]) @ weight[neuron, place]
            scale = norm.weight[neuron] / (norm.running_var[neuron] + norm.eps).sqrt()
            currents[:, :, neuron] = (currents[:, :, neuron] - norm.running_mean[neuron]) * scale + norm.bias[neuron]
        hidden = layer.hidden.neuron(currents)
        found = layer(given)
        assert_active(hidden, found)
        torch.testing.assert_close(found, layer.conjunction(hidden)[..., 0])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", NEURONS)
def test_a_sample_without_a_modality_is_one_of_a_batch_without_it(kind, form) -> None:
    layer, given = joint(kind, form=form), tokens(batch=7)
    subsets = [chosen for size in (1, 2, 3) for chosen in combinations(COUNTS, size)]
    present = {m: torch.tensor([m in chosen for chosen in subsets]) for m in COUNTS}
    with torch.no_grad():
        found, whole = layer(given, present), layer(given)
        assert torch.equal(found[:, -1], whole[:, -1])
        alone = [layer({m: given[m] for m in chosen})[:, b] for b, chosen in enumerate(subsets)]
    torch.testing.assert_close(found, torch.stack(alone, dim=1))
    assert not found[:, :3].any()  # a modality that is alone
    assert_active(found[:, 3:], found[:, 3:] - whole[:, 3:])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", NEURONS)
@pytest.mark.parametrize("step", [1, 2])
def test_no_step_looks_ahead(kind, step, form) -> None:
    layer, before, after = joint(kind, form=form), tokens(), tokens(seed=1)
    changed = {m: torch.cat([x[:step], after[m][step:]]) for m, x in before.items()}
    with torch.no_grad():
        first, second = layer(before), layer(changed)
    assert torch.equal(first[:step], second[:step])
    assert not torch.equal(first[step:], second[step:])


@pytest.mark.parametrize("missing", COUNTS)
def test_an_absent_modality_is_one_whose_neurons_are_silent(missing) -> None:
    layer, given = joint(), tokens()
    with torch.no_grad():
        whole = layer(given)
        found = layer({m: x for m, x in given.items() if m != missing})
        layer.drive[missing].register_forward_hook(lambda _m, _i, out: torch.zeros_like(out))
        expected = layer(given)
    assert_active(expected)
    assert torch.equal(found, expected)
    assert not torch.equal(found, whole)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("compiling", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_a_layer_that_is_not_kept_gives_zeros(training, compiling, form, monkeypatch) -> None:
    """Its neurons do not run, except in a compiled network, which cannot look at the value of a buffer."""
    layer, given, ran = joint(form=form), tokens(), []
    layer.conjunction.register_forward_hook(lambda *_: ran.append(True))
    monkeypatch.setattr("torch.compiler.is_compiling", lambda: compiling)
    with torch.no_grad():
        assert_active(layer(given))
        layer.kept.fill_(False)
        layer.training = training
        assert layer(given).count_nonzero() == 0
        assert layer(given).shape == (T, B, D)
    assert len(ran) == (3 if compiling else 1)


@pytest.mark.parametrize("form", FORMS)
def test_a_modality_that_is_alone_leaves_the_layer_silent(form) -> None:
    layer, given = joint(form=form), tokens()
    with torch.no_grad():
        assert_active(layer(given))
        for m, x in given.items():
            assert layer({m: x}).count_nonzero() == 0
            assert layer({m: x}).shape == (T, B, D)


@pytest.mark.parametrize("optional", [False, True])
def test_a_layer_says_whether_it_is_optional(optional) -> None:
    layer = joint(optional=optional)
    assert layer.is_optional is optional
    assert layer.get_buffer("kept")
    assert layer.is_exchange


def test_the_pooling_has_several_maps() -> None:
    layer, given = joint(maps=2), tokens()
    assert_active(layer(given))
    assert {m: drive.linear.in_channels for m, drive in layer.drive.items()} == dict.fromkeys(COUNTS, 2 * D)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", NEURONS)
def test_the_streams_have_a_gradient_through_the_layer(kind, form) -> None:
    layer, given = joint(kind, form=form).train(), {m: x.requires_grad_() for m, x in tokens().items()}
    layer(given).square().sum().backward()
    assert_active(*(x.grad for x in given.values()))


def test_the_layer_stands_beside_the_streams_of_a_join() -> None:
    torch.manual_seed(0)
    layer, given = joint(), tokens()
    join = Concat(COUNTS, weighted(T, D, {m: (1, n) for m, n in COUNTS.items()}))
    fused, alone = WithJointLayer(join, layer)(given), join(given)
    assert torch.equal(fused.joint, layer(given))
    assert {m: x.tolist() for m, x in fused.streams.items()} == {m: x.tolist() for m, x in alone.streams.items()}
    assert fused.parts == {}
