"""Recipes: each balance with the training that its authors gave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from colliculus.modulation import Balance, BalanceName
from colliculus.runs.experiment import Experiment, TrainSettings, replaced
from colliculus.types import ColliculusError, unknown_name


@dataclass(frozen=True, kw_only=True)
class BalanceRecipe:
    """A balance as its authors ran it.

    Args:
        kind: kind of balance.
        source: origin of the figures in one line.
        train: settings of the training, by name.
        balance: settings of that kind that differ from the defaults, by name.
    """

    kind: BalanceName
    source: str
    train: Mapping[str, Any]
    balance: Mapping[str, Any] = field(default_factory=dict[str, Any])


def _steps(rate: float, *, epochs: int, every: int, batch: int = 64, decay: float = 1e-4) -> dict[str, Any]:
    """SGD with momentum 0.9, whose learning rate falls to a tenth after every so many epochs; nothing else."""
    return {
        "optimizer": "sgd",
        "momentum": 0.9,
        "learning_rate": rate,
        "epochs": epochs,
        "batch_size": batch,
        "weight_decay": decay,
        "schedule": "step",
        "step_epochs": every,
        "step_factor": 0.1,
        "final_learning_rate": TrainSettings.final_learning_rate,
        "warmup_epochs": 0,
        "warmup_learning_rate": TrainSettings.warmup_learning_rate,
        "head_factor": 1.0,
        "clip_norm": None,
        "ema_decay": None,
        "refit": False,
    }


_OGM = _steps(1e-3, epochs=100, every=70)
"""Training of OGM-GE, for those that state no other."""

RECIPES: Mapping[str, BalanceRecipe] = {
    "ogm-ge": BalanceRecipe(
        kind="ogm-ge",
        source="CVPR 2022 and its program: alpha of CREMA-D, epochs 0 to 50 of 100",
        train=_OGM,
        balance={"alpha": 0.8, "last_epoch": 51},
    ),
    "agm": BalanceRecipe(
        kind="agm",
        source="ICCV 2023 and its program: rate, batch, epochs and alpha of AV-MNIST, epochs 1 to 20 of 100",
        train=_steps(1e-4, epochs=100, every=70),
        balance={"alpha": 2.5, "last_epoch": 20},
    ),
    "pmr": BalanceRecipe(
        kind="pmr",
        source="CVPR 2023 and its program: epochs 0 to 100 of 150",
        train=_steps(1e-4, epochs=150, every=70),
        balance={"last_epoch": 101},
    ),
    "mslr": BalanceRecipe(
        kind="mslr",
        source="Findings of ACL 2022, by the program of AGM: factors of CREMA-D, epochs 1 to 20; training of OGM-GE",
        train=_OGM,
        balance={"factors": {"audio": 0.9, "visual": 1.1}, "last_epoch": 20},
    ),
    "iemf": BalanceRecipe(
        kind="iemf",
        source="Science Advances 2026, spiking runs of its program: noise, from epoch 60 of 100; step 70 is OGM-GE's",
        train=_steps(5e-3, epochs=100, every=70, batch=32, decay=5e-4),
        balance={"noise": True, "first_epoch": 61},
    ),
    "mm-pareto": BalanceRecipe(
        kind="mm-pareto",
        source="ICML 2024 and its program: norm of each tensor",
        train=_steps(2e-3, epochs=50, every=30),
        balance={"norm_of": "tensor"},
    ),
    "lfm": BalanceRecipe(
        kind="lfm",
        source="BalanceBenchmark's program of the NeurIPS 2024 paper: SGD, no own heads; training of OGM-GE",
        train=_OGM,
    ),
    "g-blending": BalanceRecipe(
        kind="g-blending",
        source="CVPR 2020: super-epochs of 10; training of OGM-GE",
        train=_OGM,
    ),
    "opm": BalanceRecipe(
        kind="opm",
        source="TPAMI 2024 and its program: AdamW, from the seventh epoch",
        train=_steps(5e-5, epochs=100, every=40, batch=32, decay=0.01) | {"optimizer": "adamw"},
        balance={"first_epoch": 7},
    ),
}
"""Recipes by name. The settings count epochs from 1; of the programs only that of AGM does."""


def recipe_changes(name: str, *, balanced: bool) -> dict[str, Any]:
    """Settings of an experiment, by dotted name, that a recipe changes.

    Args:
        name: one of `RECIPES`.
        balanced: with the balance; False gives the same training and the same heads without it, to compare with.

    Raises:
        ColliculusError: there is no such recipe; the nearest name is offered.

    Example:
        >>> changes = recipe_changes("ogm-ge", balanced=True)
        >>> changes["train.optimizer"], changes["method.balance.ogm_ge.last_epoch"]
        ('sgd', 51)
    """
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    recipe = RECIPES[name]
    own = f"method.balance.{recipe.kind.replace('-', '_')}"
    return {
        **{f"train.{key}": value for key, value in recipe.train.items()},
        "method.label_smoothing": 0.0,
        "method.unimodal_loss": float(Balance(kind=recipe.kind).needs_own_heads),
        "method.balance.kind": recipe.kind if balanced else "none",
        **({f"{own}.{key}": value for key, value in recipe.balance.items()} if balanced else {}),
    }


def with_recipe(experiment: Experiment[Any, Any], name: str) -> Experiment[Any, Any]:
    """The experiment with the balance and the training of a recipe.

    A method whose own heads belong to it (TAAF) keeps them, and so does one without shares of the logits (CMCI,
    MISNet), which gets own heads where the balance needs each modality's predictions.

    Raises:
        ColliculusError: there is no such recipe, the method has no balance, or this balance does not suit it.

    Example:
        >>> from colliculus.presets import PRESETS
        >>> found = with_recipe(PRESETS["late-fusion-synthetic"].experiment, "mm-pareto")
        >>> found.method.balance.kind, found.method.unimodal_loss, found.train.learning_rate
        ('mm-pareto', 1.0, 0.002)
    """
    changes = recipe_changes(name, balanced=True)
    method = experiment.method
    if not isinstance(getattr(method, "balance", None), Balance):
        raise ColliculusError(
            f"recipe {name} sets a balance, which {type(method).__name__} does not have: choose a method that joins "
            "modalities, such as late-fusion or s-cmrl"
        )
    balance = Balance(kind=RECIPES[name].kind)
    if not hasattr(method, "unimodal_loss"):
        del changes["method.unimodal_loss"]
    elif not (getattr(method, "has_shares", True) or balance.needs_own_heads):
        changes["method.unimodal_loss"] = method.unimodal_loss or float(balance.needs_predictions)
    return replaced(experiment, changes)
