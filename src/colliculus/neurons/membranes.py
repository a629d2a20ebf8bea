"""Membranes that outlast a forward pass: a network that runs a few steps at a time goes on where it stopped.

The state is a dict of tensors that the caller holds. No module keeps anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from colliculus.neurons.neuron import SpikingNeuron
from colliculus.types import ColliculusError

Resume = Callable[[Tensor | None], tuple[Tensor, Tensor]]
"""Computes the output and the membrane after it from the membrane before; None is 0."""


class Carry:
    """Membranes on their way through one forward pass of a network.

    Args:
        network: the network that runs.
        before: membranes that its neurons start from, by name; those that are missing start from 0.

    Raises:
        ColliculusError: a neuron or the whole network always starts from 0.

    Attributes:
        after: membranes that the neurons have left.
    """

    def __init__(self, network: nn.Module, before: Mapping[str, Tensor]) -> None:
        neurons = {part: name for name, part in network.named_modules() if isinstance(part, SpikingNeuron)}
        if alien := [part for part in neurons if not part.resumes]:
            raise ColliculusError(
                f"{type(alien[0]).__name__} always starts from 0, so a network with it cannot go on where it stopped: "
                "let its forward use `carrying`, and set its `resumes` to True"
            )
        if any(_is_compiled(name, part) for name, part in network.named_modules()):
            raise ColliculusError("a compiled network always starts from 0: give the one before `torch.compile`")
        self._names = {part: name for name, part in network.named_modules()}
        self._calls = Counter[str]()
        self.before = before
        self.after: dict[str, Tensor] = {}

    def through(self, part: nn.Module, resume: Resume) -> Tensor:
        """The output of one call of a neuron, whose membrane is taken from `before` and left in `after`.

        Other parts that go on, such as causal attention, have a tensor of their own in the place of a membrane.
        """
        name = self._names[part]
        number = self._calls[name]
        self._calls[name] += 1
        place = f"{name}.{number}" if number else name
        output, self.after[place] = resume(self.before.get(place))
        return output


def _is_compiled(name: str, part: nn.Module) -> bool:
    """True after `part.compile()`, and for what `torch.compile(part)` has wrapped."""
    return part._compiled_call_impl is not None or name.endswith("_orig_mod")  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


_CARRY: ContextVar[Carry | None] = ContextVar("membranes", default=None)


def carrying() -> Carry | None:
    """The membranes of the pass that runs; None where every pass starts from 0, as in a compiled network."""
    return None if torch.compiler.is_dynamo_compiling() else _CARRY.get()


@contextmanager
def carried(network: nn.Module, before: Mapping[str, Tensor]) -> Generator[dict[str, Tensor]]:
    """Within this context one pass of `network` starts from the membranes `before` instead of 0; no gradient flows.

    T steps in two passes, the second one from what the first left, are T steps in one pass, to the last bit.

    Args:
        network: the network, or a part of it.
        before: membranes (B, *) by the names that the last context gave; empty at the beginning.

    Yields:
        The membranes after the pass, in float32 or wider, by the name of the neuron in the network; from the second
        call of one neuron on a number follows.

    Raises:
        ColliculusError: the network is compiled, or a neuron of it always starts from 0.

    Example:
        >>> import torch
        >>> from colliculus.neurons import LIF
        >>> network, currents = nn.Sequential(LIF()), torch.full((4, 1), 1.5)
        >>> with carried(network, {}) as after:
        ...     first = network(currents[:1])
        >>> after
        {'0': tensor([0.7500])}
        >>> with carried(network, after):
        ...     later = network(currents[1:])
        >>> torch.equal(torch.cat([first, later]), network(currents))
        True
    """
    carry = Carry(network, before)
    token = _CARRY.set(carry)
    try:
        yield carry.after
    finally:
        _CARRY.reset(token)
