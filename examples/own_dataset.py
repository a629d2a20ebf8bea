# %% [markdown]
# # Data of your own
# Any PyTorch dataset of `({modality: tensor}, label)` can be trained on: (C, H, W) is static, (T, C, H, W) a sequence.

# %%
from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

import colliculus as cl

EPOCHS, SAMPLES = 8, 300


# %% A dataset: a tone in noise, and an image whose brighter half shows the class
class TonesAndHalves(Dataset[tuple[dict[str, Tensor], int]]):
    """Two classes, seen and heard."""

    def __init__(self, samples: int, seed: int) -> None:
        self.samples, self.seed = samples, seed

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> tuple[dict[str, Tensor], int]:
        label = index % 2
        noise = torch.Generator().manual_seed(self.seed * self.samples + index)
        audio = torch.randn(4, 1, 16, 16, generator=noise)  # four steps
        audio[:, :, 4 + 8 * label] += 2
        image = torch.randn(3, 16, 16, generator=noise)
        image[:, :, 8 * label : 8 * label + 8] += 1
        return {"audio": audio, "visual": image}, label


# %% Train: the validation part is taken from training
experiment = cl.Experiment(
    method=cl.LateFusion(dim=16, encoder="shallow"),
    train=cl.TrainSettings(epochs=EPOCHS, batch_size=32, learning_rate=2e-3, warmup_epochs=1),
)
parts = {"train": TonesAndHalves(SAMPLES, 0), "test": TonesAndHalves(100, 1), "class_names": ["left", "right"]}
trained = cl.fit(experiment, parts)
print(trained.result.table())

# %% Predict tensors: a batch, time first
batch = cl.collate([parts["test"][i] for i in range(4)])
print(trained.predict(batch.inputs).table())
