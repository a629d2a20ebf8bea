from __future__ import annotations

import numpy as np
import pytest

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.corpus.prepare.stored_array import StoredArray
from colliculus.corpus.recipes.manifest import ManifestRecipe
from colliculus.types import ColliculusError


@pytest.fixture
def table(tmp_path):
    def write(text):
        (tmp_path / "raw").mkdir(exist_ok=True)
        (tmp_path / "raw" / "clips.csv").write_text(text)
        return tmp_path / "raw" / "clips.csv"

    return write


def test_columns_become_modalities(table, small, add_pair, tmp_path):
    raw = table(
        "name,label,breath,face,depth,group,start,end\n"
        "one,x,a.wav,a.png,a.npy,ann,0.05,0.15\n"
        "two,y,b.wav,,b.npy,bob,,\n"
    )
    for number, name in enumerate("ab"):
        add_pair(raw.parent, name, number)
        np.save(raw.parent / f"{name}.npy", np.full((2, 1, 4, 4), number, np.float32))
    recipe = ManifestRecipe(
        sounds=("breath",), pictures=("face",), arrays=("depth:2x1x4x4",), audio=small.audio, visual=small.visual
    )
    assert prepare(recipe, raw, tmp_path / "out", jobs=0).usable == 2
    folder = read_prepared(tmp_path / "out")
    assert list(folder.storages) == ["breath", "face", "depth"]
    assert folder.storages["depth"] == StoredArray(shape=(2, 1, 4, 4))
    assert [sample.group for sample in folder.samples] == ["ann", "bob"]
    assert [result.missing for result in folder.results] == [(), ("face",)]
    assert [result.problem for result in folder.results] == ["", ""]
    assert [result.duration_s for result in folder.results] == [0.1, 0.2]
    assert folder.arrays["depth"].memory_map()[:, 0, 0, 0, 0].tolist() == [0, 1]


def test_a_column_nobody_can_store_is_named(table):
    raw = table("label,lidar\nx,a.npy\ny,b.npy\n")
    with pytest.raises(
        ColliculusError, match=r"has a column 'lidar': add it to --sounds, --pictures, --arrays or --events"
    ):
        ManifestRecipe().samples(raw)
    with pytest.raises(ColliculusError, match="is a folder: pass the manifest"):
        ManifestRecipe().samples(raw.parent)


def test_a_series_is_resampled(table):
    raw = table("label,imu\nx,a.csv\ny,b.npy\n")
    (raw.parent / "a.csv").write_text("0,5\n1,5\n4,5\n")
    np.save(raw.parent / "b.npy", np.ones((7, 2)))
    prepare(ManifestRecipe(arrays=("imu:2x5",)), raw, raw.parent.parent / "prepared", jobs=0)
    stored = np.load(raw.parent.parent / "prepared" / "imu.npy")
    assert stored[0].tolist() == [[[0, 0.5, 1, 2.5, 4]], [[5] * 5]]
    assert (stored[1] == 1).all()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"sounds": ("a",), "pictures": ("a",)}, "'a' is named twice"),
        ({"arrays": ("lidar",)}, "write lidar:CxHxW"),
        ({"arrays": ("lidar:4",)}, "write lidar:CxHxW"),
        ({"arrays": ("lidar:1xbig",)}, "write lidar:CxHxW"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, told):
    with pytest.raises(ColliculusError, match=told):
        ManifestRecipe(**settings)
