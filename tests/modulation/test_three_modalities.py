"""Every balance with three modalities on one batch, against its formula as a slow loop over samples and modalities."""

from __future__ import annotations

from itertools import combinations
from math import exp, factorial, log, tanh

import pytest
import torch
from begun import begun
from slow_loops import agree, cross_entropy, features, grads, made, ratio, score, shortest, slices, softmax, stream_of

from colliculus.modulation import (
    AGM,
    IEMF,
    LFM,
    OGMGE,
    OPM,
    PMR,
    AGMSettings,
    GBlending,
    GBlendingSettings,
    IEMFSettings,
    LFMSettings,
    MMPareto,
    MMParetoSettings,
    OGMGESettings,
    OPMSettings,
    PMRSettings,
    Validation,
)

NAMES = ("audio", "visual", "touch")


@pytest.fixture
def lab(make_lab):
    return made(make_lab, unimodal_loss=0.0, modalities=3)


@pytest.fixture
def lab_with_heads(make_lab):
    return made(make_lab, unimodal_loss=1.0, modalities=3)


@pytest.mark.parametrize("relative_to", ["others", "smallest"])
def test_ogm_ge(lab, relative_to):
    plain, labels = lab.plain_gradients(), lab.batch.labels
    s = {m: score(x, labels) for m, x in slices(lab, lab.model(lab.batch.inputs)).items()}
    smallest = min(s.values())
    rho = {m: s[m] / smallest if relative_to == "smallest" else ratio(s, m) for m in NAMES}
    k = {m: 1 - tanh(0.4 * r) if r > 1 else 1.0 for m, r in rho.items()}
    assert len({round(x, 3) for x in k.values()}) >= 2
    lab.backward(begun(OGMGE(OGMGESettings(alpha=0.4, enhancement=False, relative_to=relative_to))))
    agree(lab, {n: k.get(stream_of(n), 1.0) * g if g.ndim >= 2 else g for n, g in plain.items()})


def shapley(run, modality):
    """The modality's share of run(all): its marginal gain, averaged over all orders in which modalities may join."""
    others = [m for m in NAMES if m != modality]
    total = 0.0
    for size in range(len(others) + 1):
        for present in combinations(others, size):
            weight = factorial(size) * factorial(len(others) - size) / factorial(len(NAMES))
            before = run(present) if present else 0 * run(())  # a network without inputs gives nothing
            total = total + weight * (run((*present, modality)) - before)
    return total


def test_agm_by_shapley_values_over_all_subsets(lab):
    modulator, labels, history = begun(AGM(AGMSettings(alpha=0.7, clip_norm=None))), lab.batch.labels, []
    linear, dim = lab.model.head.linear, lab.method.dim
    for step in range(3):
        lab.batch.inputs["audio"] = lab.batch.inputs["audio"] + 0.7 * step  # another batch
        z = features(lab.model(lab.batch.inputs))

        def run(present, z=z):
            row = torch.cat([z[m] if m in present else torch.zeros_like(z[m]) for m in NAMES], dim=1)
            return row @ linear.weight.T + linear.bias

        out = {m: shapley(run, m) for m in NAMES}
        rows = {m: [-log(softmax(row)[y]) for row, y in zip(out[m], labels.tolist(), strict=True)] for m in NAMES}
        costs = {m: sum(x) / len(x) for m, x in rows.items()}
        usual = {m: sum(past[m] for past in history) / max(len(history), 1) for m in NAMES}
        history.append(costs)
        k = {}
        for m in NAMES:
            now, before = (exp(1.5 * (sum(c.values()) / 3 - c[m])) for c in (costs, usual))
            k[m] = exp(0.7 * min(before - now, 10))
        report = lab.backward(modulator)
        assert report == pytest.approx({f"coefficient_{m}": x for m, x in k.items()}, rel=1e-4)
    assert max(k.values()) / min(k.values()) > 1.2
    found, plain = lab.gradients(), lab.plain_gradients()
    expected = {n: k.get(stream_of(n), 1.0) * g for n, g in plain.items()}
    weight = expected["head.linear.weight"] = plain["head.linear.weight"].clone()
    for i, m in enumerate(NAMES):
        weight[:, i * dim : (i + 1) * dim] *= k[m]
    expected["head.linear.bias"] = sum(k.values()) / 3 * plain["head.linear.bias"]  # a third in each share
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-3, atol=1e-6, msg=name)


@pytest.mark.parametrize("weights", ["program", "paper"])
def test_pmr_after_two_moves_of_the_prototypes(lab, weights):
    """The second epoch has no sample of class 2, whose prototype stays."""
    labels, prototypes = lab.batch.labels, {}
    modulator = begun(PMR(PMRSettings(weights=weights, alpha=0.6, temperature=0.3, momentum=0.4)))
    for epoch, classes in enumerate(([0, 1, 2, 0, 1, 2], [0, 1, 0, 0, 1, 0])):
        lab.batch.inputs["visual"] = lab.batch.inputs["visual"] + epoch
        lab.batch.labels[:] = torch.tensor(classes)
        lab.backward(modulator)
        for m, z in features(lab.model(lab.batch.inputs)).items():
            for k in sorted({*classes}):
                rows = [row.detach() for row, y in zip(z, classes, strict=True) if y == k]
                mean = sum(rows) / len(rows)
                prototypes[m, k] = 0.4 * prototypes[m, k] + 0.6 * mean if epoch else mean
        modulator.end_epoch(Validation())
    lab.batch.labels[:] = torch.tensor([0, 1, 2, 0, 1, 2])
    lab.batch.inputs["touch"] = lab.batch.inputs["touch"] - 1
    output = lab.model(lab.batch.inputs)
    distances = {}
    for m, z in features(output).items():
        rows = [[-(row - prototypes[m, k]).square().sum().sqrt() / 0.3 for k in range(3)] for row in z]
        distances[m] = torch.stack([torch.stack(row) for row in rows])
    s = {m: score(x, labels) for m, x in distances.items()}
    behind = {m: max(1 / ratio(s, m) - 1, 0) for m in NAMES}
    w = {m: float(x > 0) if weights == "program" else min(x, 1.0) for m, x in behind.items()}
    assert 1 <= sum(x > 0 for x in w.values()) <= 2
    loss = cross_entropy(sum(slices(lab, output).values()), labels)
    loss = loss + 0.6 * sum(w[m] * cross_entropy(distances[m], labels) for m in NAMES)
    expected = grads(loss, lab.model)
    report = lab.backward(modulator)
    told = {f"weight_{m}": x for m, x in w.items()} | {f"score_{m}": x / len(labels) for m, x in s.items()}
    assert report == pytest.approx(told | {"temperature": 0.3}, rel=1e-4)
    agree(lab, expected)


def test_iemf(lab_with_heads):
    lab = lab_with_heads
    plain, labels = lab.plain_gradients(), lab.batch.labels
    output = lab.model(lab.batch.inputs)
    own = [score(output.modality_logits[m].mean(0), labels) for m in NAMES]
    factor = 1 + tanh(1 - sum(own) / 3 / score(sum(slices(lab, output).values()), labels))
    assert abs(factor - 1) > 0.01
    lab.backward(begun(IEMF(IEMFSettings())))
    agree(lab, {n: factor * g if n.startswith("head.joint") else g for n, g in plain.items()})


def test_lfm_is_the_mean_over_pairs_of_shares(lab):
    output, labels = lab.model(lab.batch.inputs), lab.batch.labels
    out, gap = slices(lab, output), torch.zeros(())
    for one, other in (("audio", "visual"), ("audio", "touch"), ("visual", "touch")):
        for p, q in zip(torch.softmax(out[one], 1), torch.softmax(out[other], 1), strict=True):
            mean = (p + q) / 2
            kl = (mean * (mean / p).log()).sum() + (mean * (mean / q).log()).sum()
            gap = gap + kl / 2 / len(labels) / 3
    expected = grads(2 * (0.6 * cross_entropy(sum(out.values()), labels) + 0.4 * gap), lab.model)
    lab.backward(begun(LFM(LFMSettings(weight=0.4, rate=0.0))))
    agree(lab, expected)


def test_opm(lab):
    labels, output = lab.batch.labels, lab.model(lab.batch.inputs)
    out = slices(lab, output)
    s = {m: score(x, labels) for m, x in out.items()}
    q = {m: 0.4 * (1 + 0.8 * tanh(ratio(s, m) - 1)) if ratio(s, m) > 1 else 0.0 for m in NAMES}
    assert 1 <= sum(x > 0 for x in q.values()) <= 2
    torch.manual_seed(5)
    kept = {m: [float(x >= q[m]) for x in torch.rand(len(labels)).tolist()] for m in NAMES}
    assert 0 in {x for row in kept.values() for x in row}
    rows = [sum(kept[m][i] * out[m][i] for m in NAMES) / (1 - sum(q.values()) / 3) for i in range(len(labels))]
    expected = grads(cross_entropy(torch.stack(rows), labels), lab.model)
    torch.manual_seed(5)
    report = lab.backward(begun(OPM(OPMSettings(base=0.4, slope=0.8, execution=1.0))))
    assert report == pytest.approx({f"drop_{m}": x for m, x in q.items()}, rel=1e-4)
    agree(lab, expected)


def test_g_blending(lab_with_heads):
    lab, labels = lab_with_heads, lab_with_heads.batch.labels
    modulator, heads = GBlending(GBlendingSettings(super_epoch=1)), ("", *NAMES)
    validation = [
        {"": 2.0, "audio": 1.8, "visual": 1.5, "touch": 1.4},
        {"": 1.5, "audio": 1.2, "visual": 1.6, "touch": 1.3},
    ]
    train = []
    for epoch in range(2):
        lab.batch.inputs["visual"] = lab.batch.inputs["visual"] + epoch
        lab.backward(begun(modulator, epoch))
        output = lab.model(lab.batch.inputs)
        logits = {"": sum(slices(lab, output).values())} | {m: output.modality_logits[m].mean(0) for m in NAMES}
        train.append({name: cross_entropy(x, labels).item() for name, x in logits.items()})
        modulator.end_epoch(Validation(loss=validation[epoch]))
    raw = {}
    for name in heads:
        gain = max(validation[0][name] - validation[1][name], 0)
        overfitted = (validation[1][name] - train[1][name]) - (validation[0][name] - train[0][name])
        raw[name] = gain / overfitted**2
    weights = {name: 4 * x / sum(raw.values()) for name, x in raw.items()}
    expected = grads(sum(weights[name] * cross_entropy(x, labels) for name, x in logits.items()), lab.model)
    report = lab.backward(begun(modulator, 2))
    assert report == pytest.approx({f"weight_{name or 'fused'}": w for name, w in weights.items()}, rel=1e-4)
    agree(lab, expected)


@pytest.mark.parametrize("norm_of", ["encoder", "tensor"])
def test_mm_pareto(lab_with_heads, norm_of):
    """The own heads of audio and visual mostly say the opposite of the joint one; that of touch agrees."""
    lab, dim = lab_with_heads, lab_with_heads.method.dim
    linear = lab.model.head.joint.linear
    with torch.no_grad():
        for m, part, say in zip(NAMES, linear.weight.split(dim, dim=1), (-0.4, -0.8, 0.6), strict=True):
            other = torch.randn(part.shape, generator=torch.Generator().manual_seed(len(m)))
            lab.model.head.own[m].weight.copy_(say * part + 0.3 * part.std() * other)
    output, labels = lab.model(lab.batch.inputs), lab.batch.labels
    fused = grads(cross_entropy(sum(slices(lab, output).values()), labels), lab.model)
    expected, conflicts = {}, []
    for m in NAMES:
        unimodal = grads(cross_entropy(output.modality_logits[m].mean(0), labels), lab.model)
        names = [name for name in fused if stream_of(name) == m]
        f, u = (torch.cat([g[n].flatten() for n in names]).double() for g in (fused, unimodal))
        conflicts.append((f @ u).item() < 0)
        a = shortest(f, u) if conflicts[-1] else 0.5
        for group in [names] if norm_of == "encoder" else [[n] for n in names]:
            mixed = {n: 2 * a * fused[n] + 2 * (1 - a) * unimodal[n] for n in group}
            norm, length = (
                sum(x.square().sum().item() for x in values) ** 0.5
                for values in (mixed.values(), [fused[n] + unimodal[n] for n in group])
            )
            expected |= {n: 1.2 * max(length / norm if norm else 1.0, 1.0) * x for n, x in mixed.items()}
    assert len({*conflicts}) == 2
    lab.backward(MMPareto(MMParetoSettings(factor=1.2, norm_of=norm_of)))
    for name, gradient in lab.gradients().items():
        if stream_of(name):
            allowed = 1e-3 * expected[name].abs().max().item() + 1e-6
            torch.testing.assert_close(gradient, expected[name], rtol=0, atol=allowed, msg=name)
