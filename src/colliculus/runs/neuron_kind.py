"""Another kind of neuron for a method: its own defaults that this kind does not read give way."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from colliculus.neurons import NeuronSettings


def ready_for_kind(method: Any, kind: object) -> Any:
    """The method, whose neurons may become ones of `kind`.

    MISNet has a soft reset of its own, which a ReLU does not read: the reset becomes that of all methods. A value that
    is not the method's default stays, and is refused with the kind.

    Args:
        method: settings of a method, the user's own too.
        kind: the kind of neuron that is asked for; None and unknown ones change nothing.

    Example:
        >>> from colliculus.methods import MISNet
        >>> ready_for_kind(MISNet(), "relu").neuron.reset, ready_for_kind(MISNet(), "plif").neuron.reset
        ('hard', 'soft')
    """
    neuron = getattr(method, "neuron", None)
    if not (isinstance(kind, str) and isinstance(neuron, NeuronSettings)):
        return method
    own = next(each.default for each in fields(method) if each.name == "neuron")
    return replace(method, neuron=neuron.ready_for(kind, own)) if isinstance(own, NeuronSettings) else method
