# %% [markdown]
# # A fusion and a loss term of your own
# A method is a dataclass with `model`, and, if you like, `objective` and `modulator`.

# %%
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

import colliculus as cl

EPOCHS, SAMPLES, SIZE = 10, 600, 32


# %% A fusion: tokens (T, B, D, N) of the modalities that are there -> a joint feature (T, B, F)
class GatedSum(nn.Module):
    """Each modality is weighted by a learned gate."""

    def __init__(self, modalities: tuple[str, ...], dim: int) -> None:
        super().__init__()
        self.gates = nn.ModuleDict({m: nn.Linear(dim, 1) for m in modalities})

    def forward(self, tokens: dict[str, Tensor]) -> cl.Fused:
        features = {m: x.mean(-1) for m, x in tokens.items()}
        parts = {m: torch.sigmoid(self.gates[m](x)) * x for m, x in features.items()}
        return cl.Fused(joint=torch.stack([*parts.values()]).sum(0), parts=parts, streams=features)


# %% A loss term: all modalities should give evidence
def balanced_evidence(output: cl.Output, labels: Tensor) -> Tensor:
    """Spread of the modalities' evidence for the true class."""
    evidence = [e.mean(0).gather(1, labels[:, None]) for e in output.evidence.values()]
    return 0.1 * torch.cat(evidence, dim=1).std(dim=1).mean()


# %% The method
@dataclass(frozen=True, kw_only=True)
class Gated(cl.Method):
    """Patch splitting of each modality, a gated sum, a linear readout."""

    dim: int = 32

    def model(self, spec: cl.DataSpec) -> cl.MultimodalSNN:
        encoders = {m: cl.encoders.SpikingPatchSplitting(c, spec.size(m), self.dim) for m, c in spec.channels.items()}
        coding = {m: cl.coding.Direct(4) for m in spec.modalities}
        fusion, head = GatedSum(spec.modalities, self.dim), cl.heads.LinearReadout(self.dim, spec.num_classes)
        return cl.MultimodalSNN(spec, coding=coding, encoders=encoders, fusion=fusion, head=head)

    def objective(self) -> cl.Objective:
        return cl.Objective({"task": cl.CrossEntropy(0.1), "balance": balanced_evidence})


# %% Train it on the data of a preset
data = {"num_train": SAMPLES, "size": SIZE}
experiment = cl.preset("s-cmrl-synthetic", method=Gated(), data=data, train={"epochs": EPOCHS})
print(cl.fit(experiment).result.table())
