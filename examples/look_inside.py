# %% [markdown]
# # Look inside a run
# Which layers fire, what each modality contributes, what a decision costs, and how the accuracy falls with noise.

# %%
from __future__ import annotations

import colliculus as cl

EPOCHS, SAMPLES, SIZE = 10, 600, 32

# %% A run to look at; `cl.load("runs/first")` opens one that is in a folder
data = {"num_train": SAMPLES, "num_validation": SAMPLES // 2, "num_test": SAMPLES // 2, "size": SIZE}
run = cl.fit(cl.preset("s-cmrl-synthetic", data=data, train={"epochs": EPOCHS}))
print(run.result.table())

# %% Spikes: the firing rate of every layer, at each time step
inspection = cl.inspect(run, samples=64)
print(inspection.table())

# %% Modalities: the contribution of each, and how soon its decision is there
contribution = cl.contribution(run)
print(contribution.table())

# %% Corruption: accuracy by severity of noise, blur, missing frames, ...
robustness = cl.robustness(run, only=("white", "missing"))
print(robustness.table())

# %% Energy: operations and joules of one decision
print(cl.energy(run, samples=32).table())

# %% Clips: where the network looked, what fired, and the decision after each step
explanation = cl.explain(run, clips=2, points=40)
print(explanation.table())

# %% Every record saves itself, and figures are matplotlib figures: a notebook shows them
robustness.save(run.folder / "my_robustness.json")
for record in (inspection, contribution, robustness, explanation):
    record.figure()
