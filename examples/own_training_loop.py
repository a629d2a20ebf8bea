# %% [markdown]
# # A training loop of your own
# A method makes a network, its loss terms and its hooks. All are ordinary PyTorch: any loop can train them.

# %%
from __future__ import annotations

import torch
from torch.utils.data import DataLoader

import colliculus as cl

EPOCHS, SAMPLES, SIZE = 10, 600, 32

# %% Data: three parts that work in a DataLoader; `collate` puts time first
experiment = cl.preset("s-cmrl-synthetic", data={"num_train": SAMPLES, "size": SIZE})
data = experiment.data.load()
loader = DataLoader(data.train, batch_size=32, shuffle=True, collate_fn=cl.collate)
print(data.spec.modalities, {m: data.spec.input_shape(m, batch=32) for m in data.spec.modalities})

# %% Method: network and objective
torch.manual_seed(0)
method = cl.SCMRL(dim=32, heads=4)
model = method.model(data.spec)
objective = method.objective()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)

# %% The loop
for epoch in range(EPOCHS):
    model.train()
    for batch in loader:
        output = model(batch.inputs)
        losses = objective(output, batch.labels)  # {"task": ..., "alignment": ...}
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    print(f"epoch {epoch + 1}: " + ", ".join(f"{name} {loss.item():.3f}" for name, loss in losses.items()))

# %% Test, clean and with a modality missing
print(cl.evaluate(model, data.test).table())
print(f"without audio: {cl.evaluate(model, data.test, missing=('audio',)).metrics.accuracy:.1%}")
