"""Arrays of MATLAB files (.mat, up to version 7)."""

from __future__ import annotations

import math
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colliculus.files.checks import decoding
from colliculus.media.numpy_files import MOST_BYTES
from colliculus.types import ColliculusError


def read_matlab(path: Path, variable: str) -> NDArray[np.generic]:
    """The array `variable` of a .mat file.

    Args:
        path: the file.
        variable: name of the array; empty: the file holds only one.

    Raises:
        ColliculusError: the file is missing or damaged, does not hold the array, or SciPy is not installed.
    """
    files = _scipy_io()
    with decoding(path):
        shapes = {name: shape for name, shape, _ in files.whosmat(str(path))}
        names = list(shapes)
        if (variable or len(names) != 1) and variable not in names:
            held = ", ".join(names) or "nothing"
            raise ColliculusError(f"{path} holds {held} and not {variable or 'one array'}: name one that it holds")
        name = variable or names[0]
        if math.prod(shapes[name]) * 8 > MOST_BYTES:
            raise ColliculusError(f"{path} states {shapes[name]} numbers in {name}: give a smaller array")
        return np.asarray(files.loadmat(str(path), variable_names=[name])[name])


def _scipy_io() -> Any:
    """`scipy.io`, imported on first use because only these files need it."""
    try:
        return import_module("scipy.io")
    except ImportError as error:
        raise ColliculusError("reading .mat files needs scipy: pip install 'colliculus[matlab]'") from error
