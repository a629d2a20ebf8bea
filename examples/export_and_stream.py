# %% [markdown]
# # Export and stream
# A trained network leaves PyTorch as a file, or stays and takes its frames one after the other.

# %%
from __future__ import annotations

import tempfile
from pathlib import Path

import torch

import colliculus as cl

EPOCHS, SAMPLES, SIZE = 10, 600, 32

# %% A network that decides step by step: late fusion of two encoders
data = {"num_train": SAMPLES, "num_validation": SAMPLES // 2, "num_test": SAMPLES // 2, "size": SIZE}
run = cl.fit(cl.preset("late-fusion-synthetic", data=data, train={"epochs": EPOCHS}), progress=False)
print(run.result.table())

# %% Frames one after the other: an answer after every step, and a state made of plain tensors
stream = cl.stream(run)
state = stream.start(batch=1)
clip = run.data.test[0][0]  # (C, H, W) of a static modality, (T, C, H, W) of a sequence, standardised
for step in range(run.time_steps):
    frames = {m: x[None] if x.ndim == 3 else x[step : step + 1] for m, x in clip.items()}
    output, state = stream.step(frames, state)
    chosen = output.logits.softmax(1).max(1)
    print(f"step {state.step}: {run.data.spec.names[chosen.indices.item()]} {chosen.values.item():.1%}")

# %% The whole clip at once gives the same answer, to the last bit
whole = run.model({m: x[None] if x.ndim == 3 else x[:, None] for m, x in clip.items()})
print(torch.equal(whole.logits, output.logits))

# %% A PyTorch program that runs without Colliculus; it was read again and compared before it was kept
with tempfile.TemporaryDirectory() as folder:
    exported = cl.export(run, to="pt2", out=Path(folder) / "model.pt2")
    print(exported.table())
    program = torch.export.load(exported.out).module()
    print(sum(p.numel() for p in program.parameters()), "parameters")
