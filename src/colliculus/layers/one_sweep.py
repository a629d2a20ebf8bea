"""Normalisation, neuron and max-pooling of a convolution's output in one sweep over memory: in C, or in Triton.

One after the other, the three layers read and write every number a dozen times and store it three times for the
backward pass. One sweep reads every number twice and stores it once, as the convolution computed it.
"""

from __future__ import annotations

from typing import Any, get_args

import torch
from torch import Tensor, nn

from colliculus.layers.watching import is_hooked
from colliculus.neurons import LIF, Neuron
from colliculus.neurons.kernels import choice, sweep_native
from colliculus.neurons.kernels.layout import layout_of, membranes_for
from colliculus.neurons.kernels.multi_step import check_membrane
from colliculus.neurons.kernels.sweep import OneSweep, SweepKernel
from colliculus.types import ColliculusError

BatchNorm = nn.BatchNorm2d | nn.BatchNorm1d
"""Normalisations of the channels of images, or of tokens."""


def kernel_of(values: Tensor, neuron: LIF, steps: int) -> SweepKernel | None:
    """The kernel that can sweep over these values (images, C, H, W); None if there is none."""
    chosen = choice.kernel_for(values, neuron.leak(), neuron.dynamics)
    kernel = None
    if chosen is choice.KERNELS["native"]:
        kernel = sweep_native.KERNEL
    elif chosen is choice.KERNELS["triton"]:
        from colliculus.neurons.kernels import sweep_triton

        kernel = sweep_triton.KERNEL
    return kernel if kernel is not None and kernel.takes(values, steps) else None


def sweep_of(
    values: Tensor, norm: BatchNorm, neuron: Neuron, pool: nn.Module | None, *, steps: int, static: bool = False
) -> OneSweep | None:
    """The sweep that computes this; None if the three layers must run one after the other."""
    if not (
        type(norm) in get_args(BatchNorm)
        and norm.affine
        and norm.track_running_stats
        and norm.momentum is not None
        and type(neuron) is LIF
        and (pool is None or _is_known(pool))
        and not any(is_hooked(part) for part in (norm, neuron, pool) if part is not None)
        and (kernel := kernel_of(values, neuron, steps)) is not None
    ):
        return None
    return OneSweep(
        kernel=kernel,
        leak=neuron.leak(),
        dynamics=neuron.dynamics,
        steps=steps,
        pooled=pool is not None,
        static=static,
    )


def run(values: Tensor, norm: BatchNorm, sweep: OneSweep) -> Tensor:
    """Spikes (T * B, C, H', W') from the output of a convolution, (T * B, C, H, W), or (B, C, H, W) if it is static.

    In training the statistics are those of the batch, for static values repeated T times; the running ones are updated.
    """
    mean, inverse = _statistics(values, norm, sweep)
    spikes: Tensor = _Swept.apply(  # type: ignore[no-untyped-call]
        values, norm.weight, norm.bias, mean, inverse, sweep, norm.training
    )
    return spikes


@torch.no_grad()
def run_from(values: Tensor, membrane: Tensor | None, norm: BatchNorm, sweep: OneSweep) -> tuple[Tensor, Tensor]:
    """The same from a membrane (B, C, H, W), or from 0, and the membrane after the last step; no gradient flows.

    Raises:
        ColliculusError: the membrane has another shape than a step of the currents.
    """
    images = len(values) if sweep.static else len(values) // sweep.steps
    check_membrane(membrane, (images, *values.shape[1:]))
    mean, inverse = _statistics(values, norm, sweep)
    scale = norm.weight.double() * inverse
    after = membranes_for(values[None, :images], membrane)
    rows = scale.float(), (norm.bias.double() - mean * scale).float()
    spikes, _ = sweep.kernel.forward(sweep, values, *rows, after, learns=False)
    return spikes, after


def _statistics(values: Tensor, norm: BatchNorm, sweep: OneSweep) -> tuple[Tensor, Tensor]:
    """Mean, and one by the deviation, (C,) in float64; in training the running ones are updated."""
    if not norm.training:
        assert norm.running_mean is not None  # noqa: S101
        assert norm.running_var is not None  # noqa: S101
        mean, var = norm.running_mean.double(), norm.running_var.double()
    else:
        mean, var = moments(values, sweep.kernel)
        _remember(norm, mean, var, values.numel() // values.shape[1] * (sweep.steps if sweep.static else 1))
    return mean, (var + norm.eps).rsqrt()


def moments(values: Tensor, kernel: SweepKernel) -> tuple[Tensor, Tensor]:
    """Mean and mean square deviation of each channel, (C,) in float64; values (images, C, H, W)."""
    rows, pivot = values.numel() // values.shape[1], values.detach()[0, :, 0, 0]
    sums = kernel.moments(values) / rows
    # deviations are relative to the first row, which avoids cancellation
    return pivot.double() + sums[0], (sums[1] - sums[0] ** 2).clamp(min=0)


class _Swept(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        inverse: Tensor,
        sweep: OneSweep,
        own: bool,
    ) -> Tensor:
        scale = weight.double() * inverse
        rows = scale.float(), (bias.double() - mean * scale).float()
        spikes, places = sweep.kernel.forward(sweep, values, *rows, None, learns=True)
        ctx.save_for_backward(values, *rows, scale, mean, inverse, places)
        ctx.sweep, ctx.own = sweep, own
        return spikes

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise ColliculusError(
                "this neuron's gradient cannot be differentiated again: set COLLICULUS_KERNELS=plain for that"
            )
        values, scale, shift, exact_scale, mean, inverse, places = ctx.saved_tensors
        grad = grad_outputs[0].contiguous(memory_format=layout_of(values))
        kernel: SweepKernel = ctx.sweep.kernel
        out, sums = kernel.backward(ctx.sweep, values, scale, shift, mean.float(), places, grad)
        of_bias, of_weight = sums[0], sums[1] * inverse
        rows = values.numel() // values.shape[1]
        # gradient of the values: scale * (g - mean(g) - normalised * mean(g * normalised)); the two means are present
        # only if the statistics are those of the batch
        of_values = -exact_scale * inverse * of_weight / rows if ctx.own else torch.zeros_like(mean)
        constant = -exact_scale * of_bias / rows - of_values * mean if ctx.own else torch.zeros_like(mean)
        kernel.through_norm(values, out, *(factor.float() for factor in (exact_scale, of_values, constant)))
        return out, of_weight.to(scale.dtype), of_bias.to(scale.dtype), None, None, None, None


@torch.no_grad()
def _remember(norm: BatchNorm, mean: Tensor, var: Tensor, count: int) -> None:
    """Update the running statistics; as in PyTorch, the variance is the unbiased one of `count` numbers."""
    assert norm.running_mean is not None  # noqa: S101
    assert norm.running_var is not None  # noqa: S101
    assert norm.momentum is not None  # noqa: S101
    if count < 2:
        raise ColliculusError("a BatchNorm in training needs more than one value of each channel: give larger batches")
    norm.running_mean.lerp_(mean.to(norm.running_mean), norm.momentum)
    norm.running_var.lerp_((var * count / (count - 1)).to(norm.running_var), norm.momentum)
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)


def _is_known(pool: nn.Module) -> bool:
    return type(pool) is nn.MaxPool2d and (
        (pool.kernel_size, pool.stride, pool.padding, pool.dilation) == (3, 2, 1, 1)
        and not (pool.ceil_mode or pool.return_indices)
    )
