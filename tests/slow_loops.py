"""Logits, losses and gradients of late fusion by loops over samples, for balances on one batch."""

from __future__ import annotations

from math import exp

import torch

CPU = torch.device("cpu")
NAMES = ("audio", "visual")


def made(make_lab, unimodal_loss):
    found = make_lab(2, fusion="concat", label_smoothing=0.0, unimodal_loss=unimodal_loss)
    head = found.model.head if not unimodal_loss else found.model.head.joint
    with torch.no_grad():
        for module in (head.linear, *(found.model.head.own.values() if unimodal_loss else ())):
            module.weight.mul_(30)  # so that the modalities differ
            module.bias.normal_(generator=torch.Generator().manual_seed(0))
        head.linear.weight[:, : found.method.dim] += 0.5 * torch.eye(3, found.method.dim)
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
    weights = {m: linear.weight[:, i * dim : (i + 1) * dim] for i, m in enumerate(NAMES)}
    return {m: torch.stack([weights[m] @ row + linear.bias / 2 for row in z[m]]) for m in NAMES}


def softmax(row):
    top = max(row.tolist())
    parts = [exp(x - top) for x in row.tolist()]
    return [part / sum(parts) for part in parts]


def score(logits, labels):
    return sum(softmax(row)[y] for row, y in zip(logits, labels.tolist(), strict=True))


def cross_entropy(logits, labels):
    """Mean over the batch, differentiable, by a loop."""
    return sum(row.logsumexp(0) - row[y] for row, y in zip(logits, labels.tolist(), strict=True)) / len(labels)


def grads(loss, model):
    """Gradient of each parameter by name, zeros where nothing reaches."""
    named = dict(model.named_parameters())
    found = torch.autograd.grad(loss, [*named.values()], retain_graph=True, allow_unused=True)
    return {n: torch.zeros_like(p) if g is None else g for (n, p), g in zip(named.items(), found, strict=True)}


def agree(lab, expected, **tolerance):
    found = lab.gradients()
    assert any(g.abs().max() > 1e-4 for n, g in found.items() if n.startswith("encoders"))
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], **{"rtol": 2e-4, "atol": 1e-6, **tolerance}, msg=name)


def stream_of(name):
    """The modality that a parameter of an encoder or of a stream's MLP belongs to, if any."""
    return name.split(".")[1 if name.startswith("encoders") else 2] if name.startswith(("encoders", "fusion.m")) else ""
