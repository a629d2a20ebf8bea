"""House rules on what an import may cost."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import distributions

import pytest


def modules_after(statement: str) -> set[str]:
    """The modules a fresh interpreter holds after `statement`."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout.split()
    )


@pytest.mark.parametrize("module", ["colliculus", "colliculus.cli", "colliculus.types"])
def test_torch_stays_out_of(module: str) -> None:
    assert "torch" not in modules_after(f"import {module}"), (
        f"{module} imports torch, which makes `colliculus --help` slow: import it in the function that needs it"
    )


def test_a_heavy_import_is_noticed() -> None:
    assert "numpy" in modules_after("import numpy")


def test_torch_is_not_replaced() -> None:
    installed = {distribution.name.lower() for distribution in distributions()}
    assert "torch" in installed
    assert not installed & {"torchvision", "torchaudio"}, (
        "torchvision and torchaudio may replace a CPU build of PyTorch: uninstall them"
    )


def test_a_public_module_below_another_is_found_first() -> None:
    assert "colliculus.training.loggers" in modules_after("import colliculus as cl; cl.loggers.StepLog")


def test_a_public_function_keeps_its_name_where_a_module_has_the_same() -> None:
    import colliculus.presets

    assert "s-cmrl-synthetic" in colliculus.presets()
    assert "colliculus.presets" in sys.modules
