# %% [markdown]
# # Compare two methods
# Several seeds of each, tested on the same clips: intervals, paired tests, and what they allow to say.

# %%
from __future__ import annotations

import colliculus as cl

EPOCHS, SAMPLES, SIZE, SEEDS = 8, 480, 32, 3
METHODS = ("late-fusion-synthetic", "s-cmrl-synthetic")

# %% Train; `cl.sweep` and `colliculus sweep` do it side by side, and go on where they were stopped
data = {"num_train": SAMPLES, "num_validation": SAMPLES // 2, "num_test": SAMPLES // 2, "size": SIZE}
runs = [
    cl.fit(cl.preset(name, data=data, train={"epochs": EPOCHS, "seed": seed}), progress=False)
    for name in METHODS
    for seed in range(SEEDS)
]

# %% Compare: with so few seeds only a large difference can be shown, and the table says so
comparison = cl.compare(runs, baseline=METHODS[0])
print(comparison.table())

# %% The same under noise that no training knew
print(cl.compare(runs, baseline=METHODS[0], snr_db={"audio": 0.0}).table())
