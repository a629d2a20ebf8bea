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
        unimodal_loss: weight of the losses of the modalities' own heads; with 0 there are no such heads.
    """

    kind: BalanceName
    source: str
    train: Mapping[str, Any]
    balance: Mapping[str, Any] = field(default_factory=dict[str, Any])
    unimodal_loss: float = 0.0


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
        source="ICCV 2023 and its program: SGD, step 70, epochs 0 to 20; the learning rate is that of OGM-GE",
        train=_OGM,
        balance={"alpha": 1.0, "last_epoch": 21},
    ),
    "pmr": BalanceRecipe(
        kind="pmr",
        source="CVPR 2023 and its program: epochs 0 to 100 of 150",
        train=_steps(1e-4, epochs=150, every=70),
        balance={"last_epoch": 101},
    ),
    "mslr": BalanceRecipe(
        kind="mslr",
        source="Findings of ACL 2022, as run beside OGM-GE: its training, factors 0.9 and 1.1",
        train=_OGM,
        balance={"factors": {"audio": 0.9, "visual": 1.1}},
    ),
    "iemf": BalanceRecipe(
        kind="iemf",
        source="Science Advances 2026, spiking runs of its program: noise, from epoch 60 of 100; step 70 is OGM-GE's",
        train=_steps(5e-3, epochs=100, every=70, batch=32, decay=5e-4),
        balance={"noise": True, "first_epoch": 61},
        unimodal_loss=1.0,
    ),
    "mm-pareto": BalanceRecipe(
        kind="mm-pareto",
        source="ICML 2024 and its program: norm of each tensor",
        train=_steps(2e-3, epochs=50, every=30),
        balance={"norm_of": "tensor"},
        unimodal_loss=1.0,
    ),
    "lfm": BalanceRecipe(
        kind="lfm",
        source="BalanceBenchmark's program of the NeurIPS 2024 paper: SGD; its training here is that of OGM-GE",
        train=_OGM,
        unimodal_loss=1.0,
    ),
    "g-blending": BalanceRecipe(
        kind="g-blending",
        source="CVPR 2020: super-epochs of 10; its training here is that of OGM-GE",
        train=_OGM,
        unimodal_loss=1.0,
    ),
    "opm": BalanceRecipe(
        kind="opm",
        source="TPAMI 2024 and its program: AdamW, from the seventh epoch",
        train=_steps(5e-5, epochs=100, every=40, batch=32, decay=0.01) | {"optimizer": "adamw"},
        balance={"first_epoch": 7},
    ),
}
"""Recipes by name. Programs count epochs from 0, the settings here from 1."""


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
        "method.unimodal_loss": recipe.unimodal_loss,
        "method.balance.kind": recipe.kind if balanced else "none",
        **({f"{own}.{key}": value for key, value in recipe.balance.items()} if balanced else {}),
    }


def with_recipe(experiment: Experiment[Any, Any], name: str) -> Experiment[Any, Any]:
    """The experiment with the balance and the training of a recipe.

    Raises:
        ColliculusError: there is no such recipe, or the method has no balance or no own heads to set.

    Example:
        >>> from colliculus.presets import PRESETS
        >>> found = with_recipe(PRESETS["late-fusion-synthetic"].experiment, "mm-pareto")
        >>> found.method.balance.kind, found.method.unimodal_loss, found.train.learning_rate
        ('mm-pareto', 1.0, 0.002)
    """
    changes = recipe_changes(name, balanced=True)
    method = experiment.method
    if not (isinstance(getattr(method, "balance", None), Balance) and hasattr(method, "unimodal_loss")):
        raise ColliculusError(
            f"recipe {name} sets a balance and `unimodal_loss`, which {type(method).__name__} does not have: choose a "
            "method that joins modalities, such as late-fusion or s-cmrl"
        )
    return replaced(experiment, changes)
