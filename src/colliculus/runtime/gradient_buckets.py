"""Sums of gradients over several processes, sent while the backward pass goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import cast

import torch
from torch import Tensor, nn

BUCKET_BYTES = 1 << 22
"""Bytes of gradients that are sent at once; one larger parameter is sent alone."""

StartSum = Callable[[Tensor], Callable[[], None]]
"""Starts to replace a tensor by its sum over all processes; the function that it returns waits for the end."""


class Buckets:
    """Gradients in buckets that are sent as soon as the backward pass has filled them; one object serves one pass.

    The last parameters come first, as in the backward pass. Every process sends the same buckets in the same order in
    each step: one that is filled early waits for those before it, and a parameter without gradient is sent as zeros at
    the end. So the order of summation never changes, and a resumed training is equal in every digit.

    Args:
        parameters: those of the model that learn.
        start_sum: starts the sum of a row of numbers over all processes.

    Example:
        >>> used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(1))
        >>> buckets = Buckets([used, unused], lambda row: lambda: None)  # a single process
        >>> sums = buckets.sums_of((3 * used).sum().backward)
        >>> sums[used].tolist(), sums[unused].tolist()
        ([3.0, 3.0], [0.0])
    """

    def __init__(self, parameters: Sequence[nn.Parameter], start_sum: StartSum) -> None:
        self._start_sum = start_sum
        self._buckets = _filled_up(parameters)
        self._missing = [len(bucket) for bucket in self._buckets]
        self._sent: list[tuple[Tensor, Callable[[], None]]] = []

    def sums_of(self, backward: Callable[[], None]) -> dict[nn.Parameter, Tensor]:
        """Run the backward pass; the sum over the processes for each parameter, zeros where none has a gradient."""
        place = {parameter: number for number, bucket in enumerate(self._buckets) for parameter in bucket}

        def computed(parameter: Tensor) -> None:
            self._missing[place[cast("nn.Parameter", parameter)]] -= 1
            while len(self._sent) < len(self._buckets) and not self._missing[len(self._sent)]:
                self._send()

        with ExitStack() as hooks:
            for parameter in place:
                hooks.callback(parameter.register_post_accumulate_grad_hook(computed).remove)
            backward()
        while len(self._sent) < len(self._buckets):
            self._send()
        found: dict[nn.Parameter, Tensor] = {}
        for bucket, (row, wait) in zip(self._buckets, self._sent, strict=True):
            wait()
            pieces = row.split([p.numel() for p in bucket])
            found |= {p: piece.view_as(p) for p, piece in zip(bucket, pieces, strict=True)}
        return found

    def _send(self) -> None:
        bucket = self._buckets[len(self._sent)]
        row = torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in bucket])
        self._sent.append((row, self._start_sum(row)))


def _filled_up(parameters: Sequence[nn.Parameter]) -> list[list[nn.Parameter]]:
    buckets: list[list[nn.Parameter]] = []
    size = 0
    for parameter in reversed(parameters):
        if not buckets or size + parameter.nbytes > BUCKET_BYTES or parameter.dtype != buckets[-1][0].dtype:
            buckets.append([])
            size = 0
        buckets[-1].append(parameter)
        size += parameter.nbytes
    return buckets
