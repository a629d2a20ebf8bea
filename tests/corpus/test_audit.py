from __future__ import annotations

import numpy as np
import pytest

from colliculus.corpus.audit import Audit, audit
from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.recipes.manifest import ManifestRecipe
from colliculus.types import ColliculusError


@pytest.fixture
def manifest(tmp_path):
    """Five samples of two classes; one array is on both sides, and one file is missing."""
    for number in range(4):
        np.save(tmp_path / f"{number}.npy", np.full((1, 2, 2), number, np.float32))
    (tmp_path / "copy.npy").write_bytes((tmp_path / "0.npy").read_bytes())
    rows = ["x,0.npy,a,train", "y,1.npy,b,train", "x,copy.npy,c,test", "y,3.npy,d,test", "y,gone.npy,d,test"]
    (tmp_path / "all.csv").write_text("\n".join(["label,lidar,group,split", *rows]))
    return tmp_path / "all.csv"


def kinds(found):
    return [finding.kind for finding in found.findings if finding.untrustworthy]


def test_an_audit_is_a_record(manifest, tmp_path):
    reports = []
    found = audit(manifest, jobs=0, progress=lambda *counts: reports.append(counts))
    assert kinds(found) == ["content-in-two-splits", "unreadable"]
    assert (found.trustworthy, found.samples, found.groups, found.modalities) == (False, 5, 4, ("lidar",))
    assert found.classes == {"x": {"train": 1, "test": 1}, "y": {"train": 1, "test": 2}}
    assert reports[-1] == (5, 5)
    assert Audit.read(found.save(tmp_path / "audit.json")) == found
    text = str(found.table())
    assert "2 kind(s) of finding make results untrustworthy." in text
    assert "0, copy (train 1, test 1)" in text
    assert "<table>" in found._repr_html_()
    bars = found.figure().get_axes()[0].patches
    assert sorted(bar.get_width() for bar in bars) == [1, 1, 1, 2]  # two classes, each in train and test


def test_a_quick_look_opens_no_file(manifest):
    (manifest.parent / "1.npy").write_bytes(b"damaged")
    assert kinds(audit(manifest, quick=True)) == ["unreadable"]
    assert "gone.npy" in audit(manifest, quick=True).findings[0].cases[0]
    assert "a quick look: no file was opened" in str(audit(manifest, quick=True).table())


def test_a_prepared_folder_is_audited_by_its_notes(manifest, tmp_path):
    recipe = ManifestRecipe(sounds=(), pictures=(), arrays=("lidar:1x2x2",))
    prepare(recipe, manifest, tmp_path.parent / f"{tmp_path.name}-prepared", jobs=0)
    (manifest.parent / "1.npy").unlink()
    found = audit(tmp_path.parent / f"{tmp_path.name}-prepared")
    assert kinds(found) == ["content-in-two-splits", "unreadable"]


def test_what_cannot_be_audited_is_refused(manifest):
    with pytest.raises(ColliculusError, match="`jobs` is -1"):
        audit(manifest, jobs=-1)
    with pytest.raises(ColliculusError, match="does not exist: pass a manifest"):
        audit(manifest.parent / "gone.csv")
    with pytest.raises(ColliculusError, match="is not a folder: pass the folder at which"):
        audit(manifest, root=manifest)
