"""Logits, losses and gradients of late fusion by loops over samples, for balances on one batch."""

from __future__ import annotations

from math import exp

import torch

CPU = torch.device("cpu")
NAMES = ("audio", "visual")


def made(make_lab, unimodal_loss, modalities=2):
    found = make_lab(modalities, fusion="concat", label_smoothing=0.0, unimodal_loss=unimodal_loss)
    head = found.model.head if not unimodal_loss else found.model.head.joint
    with torch.no_grad():
        for module in (head.linear, *(found.model.head.own.values() if unimodal_loss else ())):
            module.weight.mul_(30)  # so that the modalities differ
            module.bias.normal_(generator=torch.Generator().manual_seed(0))
        dim = found.method.dim
        for part, lead in zip(head.linear.weight.split(dim, dim=1), (0.5, 0.0, -0.3), strict=False):
            part.add_(lead * torch.eye(3, dim))
    return found


def features(output):
    """z_m, (B, D): mean over time of the modality's stream, by a loop, after a check that it spikes."""
    found = {}
    for m, stream in output.streams.items():
        assert stream.max() > 0, "silent"
        found[m] = sum(stream[t] for t in range(len(stream))) / len(stream)
    return found


def slices(lab, output):
    """out_m, (B, K), of the joint head."""
    linear = getattr(lab.model.head, "joint", lab.model.head).linear
    dim, z = lab.method.dim, features(output)
    weights = {m: linear.weight[:, i * dim : (i + 1) * dim] for i, m in enumerate(lab.model.modalities)}
    return {m: torch.stack([w @ row + linear.bias / len(weights) for row in z[m]]) for m, w in weights.items()}


def softmax(row):
    top = max(row.tolist())
    parts = [exp(x - top) for x in row.tolist()]
    return [part / sum(parts) for part in parts]


def score(logits, labels):
    return sum(softmax(row)[y] for row, y in zip(logits, labels.tolist(), strict=True))


def ratio(scores, modality):
    """rho_m = s_m / mean of the others' scores."""
    others = [s for other, s in scores.items() if other != modality]
    return scores[modality] * len(others) / sum(others)


def cross_entropy(logits, labels):
    """Mean over the batch, differentiable, by a loop."""
    return sum(row.logsumexp(0) - row[y] for row, y in zip(logits, labels.tolist(), strict=True)) / len(labels)


def grads(loss, model):
    """Gradient of each parameter by name, zeros where nothing reaches."""
    named = dict(model.named_parameters())
    found = torch.autograd.grad(loss, [*named.values()], retain_graph=True, allow_unused=True)
    return {n: torch.zeros_like(p) if g is None else g for (n, p), g in zip(named.items(), found, strict=True)}


def shortest(f, u):
    """The a in [0, 1] at which ||a f + (1 - a) u|| is smallest, by dividing the interval into three again and again."""
    low, high = 0.0, 1.0
    for _ in range(60):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        lengths = [(x * f + (1 - x) * u).norm().item() for x in (a, b)]
        low, high = (low, b) if lengths[0] < lengths[1] else (a, high)
    return (low + high) / 2


def agree(lab, expected, **tolerance):
    found = lab.gradients()
    assert any(g.abs().max() > 1e-4 for n, g in found.items() if n.startswith("encoders"))
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], **{"rtol": 2e-4, "atol": 1e-6, **tolerance}, msg=name)


def stream_of(name):
    """The modality that a parameter of an encoder or of a stream's MLP belongs to, if any."""
    return name.split(".")[1 if name.startswith("encoders") else 2] if name.startswith(("encoders", "fusion.m")) else ""
