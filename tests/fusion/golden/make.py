"""Write the golden files of our arithmetic, for two and for three modalities: python tests/fusion/golden/make.py

The numbers are those of the loops in tests/slow_fusion.py, not of the package. Weights, statistics and tokens are drawn
until every layer fires and no membrane lies near its threshold.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

sys.path.extend(str(Path(__file__).parents[n]) for n in (1, 2))

from active import awake
from slow_fusion import SlowFusion
from test_golden import GRIDS, ours

STEPS, BATCH, DIM = 3, 2, 8
MARGIN = 1e-4


def main() -> None:
    """Write both files."""
    for name, grids in GRIDS.items():
        for seed in range(1000):
            torch.manual_seed(seed)
            tokens = {m: torch.randint(0, 3, (STEPS, BATCH, DIM, r * c)).float() for m, (r, c) in grids.items()}
            network = awake(ours(grids), tokens, current=0.6)
            weights = {k: v.numpy() for k, v in network.state_dict().items() if "batches" not in k}
            given = {m: x.numpy() for m, x in tokens.items()}
            slow = SlowFusion({k: v.astype(np.float64) for k, v in weights.items()}, grids)
            joint, residuals = slow.fuse({m: x.astype(np.float64) for m, x in given.items()})
            if slow.margin > MARGIN and all(0.05 < r.mean() < 0.95 for r in residuals.values()):
                break
        else:
            raise SystemExit("no seed gives spikes that rounding cannot change")
        numbers = {
            **{f"weights/{k}": v for k, v in weights.items()},
            **{f"tokens/{m}": x.astype(np.uint8) for m, x in given.items()},
            **{f"residual/{m}": r.astype(np.float32) for m, r in residuals.items()},
            "joint": joint.astype(np.float32),
        }
        save_file(numbers, Path(__file__).parent / f"{name}.safetensors")


if __name__ == "__main__":
    main()
