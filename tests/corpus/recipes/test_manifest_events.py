from __future__ import annotations

import event_bytes
import numpy as np
import pytest

from colliculus.corpus.audit import audit
from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.recipes.manifest import ManifestRecipe
from colliculus.data.prepared import Prepared
from colliculus.types import ColliculusError


@pytest.fixture
def table(tmp_path):
    """Events of the formats in one table; each recording has an event at 0, 1, 2 and 3 ms, in the four corners."""
    rows = [(0, 0, 0, 1), (1000, 29, 0, 0), (2000, 0, 29, 1), (3000, 29, 29, 1)]
    contents = {"a.raw": event_bytes.evt2(rows, b"% evt 2.0\n"), "b.bin": event_bytes.nmnist(rows)}
    contents |= {"c.csv": b"".join(b"%d,%d,%d,%d\n" % row for row in rows), "d.dat": event_bytes.dat(rows)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "all.csv").write_text("label,dvs\n" + "".join(f"{n},{n}\n" for n in contents))
    return tmp_path / "all.csv"


def test_events_are_stored_as_counts_in_bins_of_time(table, tmp_path):
    recipe = ManifestRecipe(sounds=(), pictures=(), events=("dvs:4x2x2x2@30x30",))
    assert "unreadable" not in [finding.kind for finding in audit(table, jobs=0).findings]
    assert prepare(recipe, table, tmp_path / "out", jobs=0).usable == 4
    stored = np.load(tmp_path / "out" / "dvs.npy")
    expected = np.zeros((4, 2, 2, 2))
    expected[0, 1, 0, 0] = expected[1, 0, 0, 1] = expected[2, 1, 1, 0] = expected[3, 1, 1, 1] = 1
    for row in stored:
        np.testing.assert_array_equal(row, expected)


def test_prepared_events_can_be_trained_on(table, tmp_path):
    recipe = ManifestRecipe(sounds=(), pictures=(), events=("dvs:4x2x2x2@30x30",))
    table.write_text("label,dvs,split\nx,a.raw,train\ny,b.bin,train\nx,c.csv,test\ny,d.dat,test\n")
    prepare(recipe, table, tmp_path / "out", jobs=0)
    data = Prepared(root=tmp_path / "out", protocol="given", validation_fraction=0).load()
    assert data.spec.channels == {"dvs": 2}
    assert data.spec.steps == {"dvs": 4}


def test_a_file_without_the_size_of_its_sensor_needs_one(table, tmp_path):
    recipe = ManifestRecipe(sounds=(), pictures=(), events=("dvs:4x2x2x2",))
    found = prepare(recipe, table, tmp_path / "out", jobs=0)
    assert found.usable == 1  # .dat states it
    text = (tmp_path / "out" / "manifest.csv").read_text()
    assert text.count("does not state the size of its sensor") == 3


@pytest.mark.parametrize("column", ["dvs", "dvs:2x28x28", "dvs:axbxcxd", ":1x1x1x1x1", "dvs:4x2x2x2@30"])
def test_a_shape_that_cannot_be_read_is_named(column):
    with pytest.raises(ColliculusError, match=r"have no shape: write (dvs|NAME):TxPxHxW"):
        ManifestRecipe(events=(column,))


def test_three_polarities_are_refused():
    with pytest.raises(ColliculusError, match="neither 1 nor 2 polarities"):
        ManifestRecipe(events=("dvs:4x3x2x2",))


@pytest.mark.parametrize("file", ["a.raw", "c.h5::events"])
def test_events_listed_as_arrays_are_pointed_to_their_option(table, tmp_path, file):
    (tmp_path / "c.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(90))
    table.write_text(f"label,dvs\nx,{file}\ny,{file}\n")
    recipe = ManifestRecipe(sounds=(), pictures=(), arrays=("dvs:2x2x2",))
    with pytest.raises(ColliculusError, match="holds events and not an array: list its column with --events"):
        prepare(recipe, table, tmp_path / "out", jobs=0)


def test_an_event_outside_the_sensor_names_the_file(table, tmp_path):
    recipe = ManifestRecipe(sounds=(), pictures=(), events=("dvs:4x2x2x2@30x20",))
    with pytest.raises(ColliculusError, match=r"the first: a\.raw: an event lies outside the sensor of 30 rows and 20"):
        prepare(recipe, table, tmp_path / "out", jobs=0)


def test_a_recording_has_no_entries(table, tmp_path):
    table.write_text("label,dvs\nx,c.csv::t\ny,c.csv\n")
    prepare(ManifestRecipe(sounds=(), pictures=(), events=("dvs:4x2x2x2@30x30",)), table, tmp_path / "out", jobs=0)
    assert (
        "c.csv holds one recording and no 't': name it without ::t" in (tmp_path / "out" / "manifest.csv").read_text()
    )
