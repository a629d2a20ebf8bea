"""Numbers of a forward pass, and the scale of the loss that float16 needs."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, Literal

import torch
from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from colliculus.types import ColliculusError

Precision = Literal["fp32", "bf16", "fp16"]
"""Precision of a training: fp16 is for CUDA GPUs that have no bfloat16."""
InferencePrecision = Literal["fp32", "bf16", "int8"]
"""Precision of a trained network: int8 rounds the weights of layers that get spikes (`colliculus.layers.int8`)."""
_NARROW = {"bf16": torch.bfloat16, "fp16": torch.float16}


def autocast(device: torch.device, precision: Precision | InferencePrecision) -> AbstractContextManager[object]:
    """Context in which matrix products and convolutions run in the narrow numbers of a precision, if it has some."""
    narrow = _NARROW.get(precision)
    return torch.autocast(device.type, dtype=narrow or torch.bfloat16, enabled=narrow is not None)


def evaluated_in(precision: Precision) -> InferencePrecision:
    """Precision in which a training is validated and tested: float32 for fp16, which few devices share.

    Example:
        >>> evaluated_in("bf16"), evaluated_in("fp16")
        ('bf16', 'fp32')
    """
    return "fp32" if precision == "fp16" else precision


def check_precision(device: torch.device, precision: Precision) -> None:
    """Check that a device trains in a precision.

    Raises:
        ColliculusError: fp16 is asked of a CPU.
    """
    if precision == "fp16" and device.type != "cuda":
        raise ColliculusError(f"precision fp16 needs a CUDA GPU, and the device is {device}: use bf16 or fp32")


class LossScale:
    """Factor of the loss under float16, whose smallest gradients would else become zero (torch's GradScaler).

    A step whose gradients overflow is not taken and halves the factor; 2000 steps in a row that do not, double it.

    Args:
        device: device of the gradients.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(1))
        >>> scale, optimizer = LossScale(torch.device("cpu")), torch.optim.SGD([weight], lr=0.1)
        >>> scale.scaled(weight.sum()).backward()
        >>> weight.grad, scale.unscale(optimizer), weight.grad
        (tensor([1.]), tensor(False), tensor([1.]))
        >>> scale.step(optimizer)
        >>> weight.data
        tensor([0.9000])
    """

    def __init__(self, device: torch.device) -> None:
        self._scaler = GradScaler(device.type)

    @property
    def factor(self) -> float:
        """The factor; the device must finish its work for it."""
        return self._scaler.get_scale()

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss to differentiate."""
        return self._scaler.scale(loss)

    def unscale(self, optimizer: Optimizer) -> Tensor:
        """Divide the gradients by the factor, before anything reads them; where one overflowed, all become zero.

        Returns:
            True if one did, (): the step will not be taken.
        """
        self._scaler.unscale_(optimizer)
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        overflowed = ~_all_finite(gradients)
        for gradient in gradients:
            gradient.masked_fill_(overflowed, 0)
        return overflowed

    def step(self, optimizer: Optimizer) -> None:
        """Take the optimiser's step, unless gradients overflowed, and adapt the factor."""
        self._scaler.step(optimizer)
        self._scaler.update()

    def check(self) -> None:
        """Check that some factor is small enough.

        Raises:
            ColliculusError: gradients overflow even where the factor is below 1.
        """
        if self.factor < 1:
            raise ColliculusError(
                f"training diverged (gradients overflow float16 at a loss scale of {self.factor:g}): lower the learning"
                " rate, or use precision fp32"
            )

    def state(self) -> dict[str, Any]:
        """Plain values to go on from."""
        return self._scaler.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self._scaler.load_state_dict(state)


def _all_finite(tensors: Iterable[Tensor]) -> Tensor:
    return torch.stack([x.isfinite().all() for x in tensors]).all()
