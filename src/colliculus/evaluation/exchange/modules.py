"""The exchange of a network: its modules, and hooks that silence it, shuffle it and measure its size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from colliculus.fusion import CrossModalResidual
from colliculus.fusion.exchange import between, from_mean
from colliculus.model import MultimodalSNN


@dataclass(frozen=True)
class Exchange:
    """Modules through which the modalities of a network receive from each other, by their names in the network.

    Args:
        pairs: modules made by `colliculus.fusion.exchange.between`; each maps (x, y), (T, B, D, N), to what x receives
            from y.
        joint: modules that say so with `is_exchange = True`; each maps one feature (T, B, ...) of each modality to what
            all of them together add.
        residuals: fusions that add what is received to the tokens, or replace them by it. Their semantic branches,
            which map it further, belong to the exchange.
    """

    pairs: Mapping[str, nn.Module]
    joint: Mapping[str, nn.Module]
    residuals: Sequence[CrossModalResidual]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modules where one modality meets another."""
        return (*self.pairs, *self.joint)

    @property
    def modules(self) -> list[nn.Module]:
        """All modules of the exchange."""
        branches = [branch for residual in self.residuals for branch in residual.semantic.values()]
        return [*self.pairs.values(), *self.joint.values(), *branches]


def left_out(model: MultimodalSNN) -> tuple[str, ...]:
    """Names of the modules of the exchange that the training left out."""
    return tuple(name for name, module in model.left_out_parts().items() if _is_exchange(module))


def _is_exchange(module: nn.Module) -> bool:
    return getattr(module, "is_exchange", False)


def find_exchange(model: MultimodalSNN) -> Exchange | None:
    """The exchange of a network; None where it has no module that could be switched off, or the training left it out.

    S-CMRL and Tectum have an exchange whose residual is added to the tokens; in SCA, and in S-CMRL with `residual`
    "replace", it stands in their place. Late fusion, CMCI, weighted attention and TAAF
    have none: no module of theirs gives one modality the tokens of another.

    Example:
        >>> from colliculus import SCMRL, DataSpec, LateFusion
        >>> spec = DataSpec(channels={"audio": 1, "visual": 3}, sizes={}, num_classes=6)
        >>> find_exchange(SCMRL(dim=16, heads=4).model(spec)).names
        ('fusion.attention.audio_from_visual', 'fusion.attention.visual_from_audio')
        >>> find_exchange(LateFusion(dim=16).model(spec)) is None
        True
    """
    exchanges = [set(kind(model.modalities, _nothing)) for kind in (between, from_mean) if len(model.modalities) > 1]
    absent = left_out(model)
    pairs, joint, residuals = dict[str, nn.Module](), dict[str, nn.Module](), list[CrossModalResidual]()
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleDict) and set(module) in exchanges:
            pairs |= {f"{name}.{pair}": inner for pair, inner in module.items()}
        if _is_exchange(module) and name not in absent:
            joint[name] = module
        if isinstance(module, CrossModalResidual):
            residuals.append(module)
    return Exchange(pairs, joint, residuals) if pairs or joint else None


def _nothing(_modality: str, _other: str) -> nn.Module:
    return nn.Identity()


@contextmanager
def silenced(exchange: Exchange) -> Generator[None]:
    """Within this context, every module of the exchange gives zeros, so that nothing is received.

    A fusion that adds a residual keeps its tokens as they are. Where what is received replaces the tokens, the streams
    are silent.
    """

    def zeros(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        return torch.zeros_like(output)

    with ExitStack() as hooks:
        for module in exchange.modules:
            hooks.enter_context(module.register_forward_hook(zeros))
        yield


@contextmanager
def shuffled(exchange: Exchange) -> Generator[None]:
    """Within this context, every clip receives from another clip of its batch; see `derangement`.

    Inside each module of the exchange, x stays and y is that of the other clip; in a joint module the first modality
    stays and the others are those of the other clip. Outside the exchange nothing changes.
    """

    def of_another(y: Tensor) -> Tensor:
        return y[:, derangement(y.shape[1]).to(y.device)]

    def pair(_module: nn.Module, inputs: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        x, y = inputs
        return x, of_another(y)

    def joint(_module: nn.Module, inputs: tuple[dict[str, Tensor], *tuple[Any, ...]]) -> tuple[Any, ...]:
        features, *more = inputs  # such as the samples that have each modality: in eval mode all do
        return ({m: of_another(x) if i else x for i, (m, x) in enumerate(features.items())}, *more)

    with ExitStack() as hooks:
        for module in exchange.pairs.values():
            hooks.enter_context(module.register_forward_pre_hook(pair))
        for module in exchange.joint.values():
            hooks.enter_context(module.register_forward_pre_hook(joint))
        yield


def derangement(count: int) -> Tensor:
    """Another clip for each of `count` clips, (count,): one random cycle through all, always the same.

    Example:
        >>> other = derangement(5)
        >>> bool((other == torch.arange(5)).any()), sorted(other.tolist())
        (False, [0, 1, 2, 3, 4])
    """
    order = np.random.default_rng(0).permutation(count)
    other = np.empty_like(order)
    other[order] = np.roll(order, 1)
    return torch.from_numpy(other)


@contextmanager
def residual_sizes(exchange: Exchange) -> Generator[Mapping[str, list[Tensor]]]:
    """Within this context, collect the size of each modality's residual relative to its tokens, (B,) per batch.

    It is |x' - x| / |x| for each clip, where x are the tokens, x' = x + alpha r the stream with the residual, which
    enters its MLP, and |.| the norm over T, D and N; where the residual replaces the tokens, x' = r, it is |x'| / |x|.
    A clip without a spike in x has no such ratio and is left out.
    """
    ratios = defaultdict[str, list[Tensor]](list)
    tokens = dict[str, Tensor]()

    def keep_tokens(_module: nn.Module, inputs: tuple[dict[str, Tensor]]) -> None:
        tokens.update(inputs[0])

    def compare(modality: str, replaces: bool, _module: nn.Module, inputs: tuple[Tensor]) -> None:
        x, (stream,) = tokens[modality], inputs
        size, received = _norms(x), stream if replaces else stream - x
        ratios[modality].append((_norms(received) / size)[size > 0])

    with ExitStack() as hooks:
        for residual in exchange.residuals:
            hooks.enter_context(residual.register_forward_pre_hook(keep_tokens))
            for m, mlp in residual.mlp.items():
                hooks.enter_context(mlp.register_forward_pre_hook(partial(compare, m, residual.replaces)))
        yield ratios


def _norms(x: Tensor) -> Tensor:
    """Norm of every clip, (T, B, D, N) -> (B,)."""
    return x.transpose(0, 1).flatten(1).norm(dim=1)
