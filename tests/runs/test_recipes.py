"""Recipes of balances: every one is a training that can be, and its twin differs by the balance alone."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

import pytest

from colliculus.modulation import Balance, BalanceName
from colliculus.presets import PRESETS, preset
from colliculus.runs.experiment import replaced
from colliculus.runs.recipes import RECIPES, recipe_changes, with_recipe
from colliculus.types import ColliculusError

PUBLISHED = {
    "ogm-ge": ("sgd", 1e-3, 70, 100, (1, 51), False),
    "agm": ("sgd", 1e-4, 70, 100, (1, 20), False),
    "pmr": ("sgd", 1e-4, 70, 150, (1, 101), False),
    "mslr": ("sgd", 1e-3, 70, 100, (1, 20), False),
    "iemf": ("sgd", 5e-3, 70, 100, (61, None), True),
    "mm-pareto": ("sgd", 2e-3, 30, 50, None, True),
    "lfm": ("sgd", 1e-3, 70, 100, None, False),
    "g-blending": ("sgd", 1e-3, 70, 100, None, True),
    "opm": ("adamw", 5e-5, 40, 100, (7, None), False),
}
"""Optimiser, learning rate, epochs of a step, epochs, first and last epoch of action, own heads."""


def test_every_balance_of_others_has_a_recipe() -> None:
    assert {recipe.kind for recipe in RECIPES.values()} == {*get_args(BalanceName)} - {"none", "scores"}
    assert all(name == recipe.kind for name, recipe in RECIPES.items())


@pytest.mark.parametrize("name", RECIPES)
def test_it_is_as_published(name) -> None:
    found = preset("late-fusion-av-digits", recipe=name)
    own = getattr(found.method.balance, name.replace("-", "_"))
    acts = (own.first_epoch, own.last_epoch) if hasattr(own, "first_epoch") else None
    train = found.train
    told = (train.optimizer, train.learning_rate, train.step_epochs, train.epochs, acts, found.method.unimodal_loss > 0)
    assert told == PUBLISHED[name]
    assert (train.schedule, train.step_factor, train.warmup_epochs) == ("step", 0.1, 0)
    assert found.method.balance.kind == name
    assert found.method.label_smoothing == 0


def test_constants_of_the_program_of_agm() -> None:
    """Its command is for AV-MNIST; factors of MSLR are those of its CREMA-D."""
    assert preset("late-fusion-av-digits", recipe="agm").method.balance.agm.alpha == 2.5
    assert preset("late-fusion-av-digits", recipe="agm").train.batch_size == 64
    assert preset("late-fusion-av-digits", recipe="mslr").method.balance.mslr.factors == {"audio": 0.9, "visual": 1.1}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("start", ["late-fusion-synthetic", "s-cmrl-crema-d", "s-cmrl-folder", "tectum-av-digits"])
def test_it_can_be_trained_from_any_preset_that_joins(name, start) -> None:
    if start.startswith("tectum") and name in ("agm", "opm"):
        with pytest.raises(ColliculusError, match="does not suit tectum"):
            preset(start, recipe=name)
        return
    found, plain = preset(start, recipe=name), PRESETS[start].experiment
    assert found.method.balance.kind == name
    assert (found.train.seed, found.train.snr_db) == (plain.train.seed, plain.train.snr_db)
    assert found.data == plain.data


@pytest.mark.parametrize("name", RECIPES)
def test_its_twin_lacks_the_balance_and_nothing_else(name) -> None:
    start = PRESETS["s-cmrl-av-digits"].experiment
    balanced, plain = (replaced(start, recipe_changes(name, balanced=balanced)) for balanced in (True, False))
    assert balanced.train == plain.train
    differing = {
        f.name for f in fields(plain.method) if getattr(plain.method, f.name) != getattr(balanced.method, f.name)
    }
    assert differing == {"balance"}
    assert plain.method.balance == Balance()


def test_overrides_come_after_the_recipe() -> None:
    found = preset("late-fusion-synthetic", recipe="pmr", **{"train.epochs": 3, "method": {"dim": 8}})
    assert (found.train.epochs, found.train.learning_rate, found.method.dim) == (3, 1e-4, 8)


def test_a_method_without_balance_is_refused() -> None:
    with pytest.raises(ColliculusError, match="choose a method that joins modalities"):
        with_recipe(PRESETS["audio-synthetic"].experiment, "ogm-ge")


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("start", ["taaf", "tectum-first", "cmci", "cmci-reference", "misnet"])
def test_heads_that_belong_to_a_method_stay(name, start) -> None:
    """Only a balance of shares of the logits is refused, in the method's own words."""
    plain = PRESETS[f"{start}-synthetic"].experiment
    if name in ("agm", "opm"):
        with pytest.raises(ColliculusError, match=r"changes shares|needs shares"):
            with_recipe(plain, name)
        return
    found = with_recipe(plain, name)
    assert (found.method.balance.kind, found.train.optimizer) == (name, RECIPES[name].train["optimizer"])
    if start == "cmci":
        assert found.method.unimodal_loss == (name != "pmr")  # its only predictions of each modality
    else:
        assert getattr(found.method, "unimodal_loss", None) == getattr(plain.method, "unimodal_loss", None)


def test_the_weight_of_own_heads_can_be_overridden() -> None:
    found = preset("misnet-synthetic", recipe="ogm-ge", **{"method.unimodal_loss": 0.5})
    assert (found.method.balance.kind, found.method.unimodal_loss) == ("ogm-ge", 0.5)


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(ColliculusError, match="unknown recipe 'ogm'"):
        preset("late-fusion-synthetic", recipe="ogm")
