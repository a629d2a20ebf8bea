"""From raw files to one folder of arrays: recipes of data sets, and fetching of public ones from official mirrors."""

from __future__ import annotations

from collections.abc import Mapping

from colliculus.data.prepare.ave import AVE
from colliculus.data.prepare.cifar10_av import CIFAR10AV
from colliculus.data.prepare.crema_d import CremaD
from colliculus.data.prepare.folder import FolderRecipe
from colliculus.data.prepare.kinetics_sounds import KineticsSounds
from colliculus.data.prepare.manifest import ManifestRecipe
from colliculus.data.prepare.mnistdvs_ntidigits import MnistDvsNtidigits
from colliculus.data.prepare.recipe import Recipe
from colliculus.data.prepare.urbansound8k_av import UrbanSound8KAV

RECIPES: Mapping[str, type[Recipe]] = {
    recipe.name: recipe
    for recipe in (
        FolderRecipe,
        ManifestRecipe,
        CremaD,
        UrbanSound8KAV,
        AVE,
        MnistDvsNtidigits,
        KineticsSounds,
        CIFAR10AV,
    )
}
"""Recipes by name."""
