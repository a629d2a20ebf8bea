"""Recipes of data sets: which samples their raw files hold, and how each modality is stored."""

from __future__ import annotations

from collections.abc import Mapping

from colliculus.corpus.prepare.recipe import Recipe
from colliculus.corpus.recipes.ave import AVE
from colliculus.corpus.recipes.cifar10_av import CIFAR10AV
from colliculus.corpus.recipes.crema_d import CremaD
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.corpus.recipes.kinetics_sounds import KineticsSounds
from colliculus.corpus.recipes.manifest import ManifestRecipe
from colliculus.corpus.recipes.mnistdvs_ntidigits import MnistDvsNtidigits
from colliculus.corpus.recipes.nmnist_shd import NmnistShd
from colliculus.corpus.recipes.urbansound8k_av import UrbanSound8KAV
from colliculus.corpus.recipes.utd_mhad import UTDMHAD

RECIPES: Mapping[str, type[Recipe]] = {
    recipe.name: recipe
    for recipe in (
        FolderRecipe,
        ManifestRecipe,
        CremaD,
        UrbanSound8KAV,
        AVE,
        MnistDvsNtidigits,
        NmnistShd,
        KineticsSounds,
        CIFAR10AV,
        UTDMHAD,
    )
}
"""Recipes by name."""
