"""Hooks and modes that see a module's call: a shortcut past the call would hide it from them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules import module as modules

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def is_hooked(module: nn.Module) -> bool:
    """True if a hook follows this module, or all modules.

    Example:
        >>> layer = nn.Linear(2, 2)
        >>> hook = layer.register_forward_hook(print)
        >>> is_hooked(layer), hook.remove(), is_hooked(layer)
        (True, None, False)
    """
    anywhere = modules._has_any_global_hook()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return bool(anywhere) or any(getattr(module, hooks) for hooks in _HOOKS)


def is_counted() -> bool:
    """True within a mode that follows PyTorch's functions or operations: energy and FLOPs are counted there."""
    within = torch._C  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return bool(within._len_torch_function_stack() or within._len_torch_dispatch_stack())  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
