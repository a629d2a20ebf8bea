# %% [markdown]
# # Three sensors
# Modalities are names: nothing in a method is about sound or images. Each has its own shape and its own steps.

# %%
from __future__ import annotations

import torch
from torch import Tensor

import colliculus as cl

EPOCHS, SAMPLES = 8, 240
SENSORS = {"radar": (1, 16, 16), "touch": (6, 2, 16, 16), "smell": (4, 16, 16)}  # touch is a sequence of six steps


# %% Each sensor alone tells one class from the others
def sample(index: int) -> tuple[dict[str, Tensor], int]:
    """Noise, and a signal in the sensor that knows the class."""
    noise, label = torch.Generator().manual_seed(index), index % 3
    inputs = {m: torch.randn(shape, generator=noise) for m, shape in SENSORS.items()}
    inputs[list(SENSORS)[label]][..., 4:12, 4:12] += 2
    return inputs, label


# %% Train one method of the library
experiment = cl.Experiment(
    method=cl.SCMRL(dim=16, heads=4, encoder="shallow"),
    train=cl.TrainSettings(epochs=EPOCHS, batch_size=32, learning_rate=2e-3, warmup_epochs=1),
)
names = [f"seen by {m}" for m in SENSORS]
trained = cl.fit(experiment, {"train": [sample(i) for i in range(SAMPLES)], "class_names": names})
print(trained.result.table())

# %% Does the network use all three? Without one of them its class is lost
for modality in SENSORS:
    without = cl.evaluate(trained, missing=(modality,)).metrics
    print(f"without {modality}: {without.accuracy:.1%}")

# %% Shapley values: the contribution of each, over all orders in which they can join
print(cl.contribution(trained).table())
