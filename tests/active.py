"""Networks that fire, and a guard against comparisons that see no spike.

A fresh network is silent in evaluation: the running statistics of its normalisations are not those of its currents.
"""

from __future__ import annotations

from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def awake(module: ModuleT, *inputs: Any, current: float = 1.0) -> ModuleT:
    """`module` in evaluation mode, with the statistics of these inputs and currents of that mean, so that it fires."""
    norms = with_currents(module, current)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    with torch.no_grad():
        module.train()(*inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return module.eval()


def with_currents(module: nn.Module, mean: float) -> list[_BatchNorm]:
    """The normalisations of `module`, which give currents of that mean from now on."""
    norms = [norm for norm in module.modules() if isinstance(norm, _BatchNorm)]
    for norm in norms:
        if norm.affine:
            nn.init.constant_(norm.weight, 2.0)
            nn.init.constant_(norm.bias, mean)
    return norms


def assert_active(*tensors: Tensor) -> None:
    """Each tensor has values that are not zero, and more than one value."""
    for x in tensors:
        assert x.count_nonzero() > 0, "nothing fires: the test would compare zeros"
        assert len(x.unique()) > 1, "all values are equal: the test would not see an exchange of two"


@pytest.fixture(autouse=True)
def no_zeros_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse `torch.equal` and `assert_close` of two tensors that are zero everywhere."""
    equal, assert_close = torch.equal, torch.testing.assert_close

    def refuse(found: Any, expected: Any) -> None:
        if isinstance(found, Tensor) and isinstance(expected, Tensor) and found.shape == expected.shape:
            seen = found.numel() == 0 or found.count_nonzero() > 0 or expected.count_nonzero() > 0
            assert seen, "zeros are compared with zeros: let the network fire with `active.awake`"

    def seeing_equal(found: Tensor, expected: Tensor) -> bool:
        refuse(found, expected)
        return equal(found, expected)

    def seeing_close(found: Any, expected: Any, **options: Any) -> None:
        refuse(found, expected)
        assert_close(found, expected, **options)

    monkeypatch.setattr(torch, "equal", seeing_equal)
    monkeypatch.setattr(torch.testing, "assert_close", seeing_close)
