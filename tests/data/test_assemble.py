from __future__ import annotations

import numpy as np
import pytest

from colliculus.data.assemble import fingerprint
from colliculus.types import DataSpec

SPEC = DataSpec(channels={"audio": 1, "visual": 1}, sizes={"audio": (4, 4), "visual": (4, 4)}, num_classes=2)
PARTS = {"audio": np.arange(600.0).reshape(300, 2), "labels": np.array([0, 1])}


def test_equal_data_share_it():
    copies = {name: array.copy() for name, array in reversed(PARTS.items())}
    assert fingerprint(SPEC, PARTS) == fingerprint(SPEC, copies)
    assert len(fingerprint(SPEC, PARTS)) == 16


@pytest.mark.parametrize(
    "other",
    [
        {"audio": PARTS["audio"] + np.eye(300, 2)},
        {"audio": PARTS["audio"].reshape(2, 300)},
        {"audio": PARTS["audio"].astype(np.float32)},
        {"labels": np.array([1, 0])},
        {"rows": np.array([0])},
    ],
)
def test_whatever_differs_changes_it(other):
    assert fingerprint(SPEC, PARTS) != fingerprint(SPEC, {**PARTS, **other})


def test_the_declaration_counts():
    swapped = DataSpec(channels={"visual": 1, "audio": 1}, sizes=SPEC.sizes, num_classes=2)
    named = DataSpec(channels=SPEC.channels, sizes=SPEC.sizes, num_classes=2, class_names=("cat", "dog"))
    assert len({fingerprint(spec, PARTS) for spec in (SPEC, swapped, named)}) == 3
