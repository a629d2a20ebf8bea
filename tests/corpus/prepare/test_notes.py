"""`prepare` names files that are odd, lacking or skipped."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from colliculus.corpus.prepare.build import prepare
from colliculus.corpus.prepare.prepared_folder import read_prepared
from colliculus.types import ColliculusError


def test_notes_are_kept_with_the_samples_and_strict_refuses_damage(small, raw, tmp_path):
    cut = (raw / "cat" / "0.wav").read_bytes()
    (raw / "cat" / "0.wav").write_bytes(cut[: len(cut) // 2])
    soundfile.write(raw / "dog" / "1.wav", np.zeros(1600), 8000)
    summary = prepare(small, raw, tmp_path / "out", jobs=1)
    assert (summary.usable, summary.problems) == (12, {})
    folder = read_prepared(tmp_path / "out")
    noted = {sample.name: dict(r.notes) for sample, r in zip(folder.samples, folder.results, strict=True) if r.notes}
    assert noted == {
        "cat/0": {"cut-short": "cat/0.wav states 3200 bytes and holds 1578"},
        "dog/1": {"silent": "dog/1.wav is silent"},
    }
    assert any("cat/0.wav states" in sentence for sentence in summary.oddities)
    assert prepare(small, raw, tmp_path / "out", jobs=0).oddities == summary.oddities  # the second time nothing is read
    strict = prepare(small, raw, tmp_path / "strict", jobs=0, strict=True)
    assert (strict.usable, strict.problems) == (11, {"states N bytes and holds N": 1})
    assert prepare(small, raw, tmp_path / "strict", jobs=0, strict=True).kept == 12
    with pytest.raises(ColliculusError, match="its strict is None and not True"):
        prepare(small, raw, tmp_path / "out", jobs=0, strict=True)


def test_what_is_lacking_and_what_is_skipped_is_counted_and_named(small, raw, tmp_path):
    (raw / "cat" / "0.png").unlink()
    (raw / "dog" / "notes.txt").write_text("about")
    summary = prepare(small, raw, tmp_path / "out", jobs=0)
    assert summary.oddities == (
        "1 of 12 samples have no visual, such as cat/0.",
        "Files of other kinds were skipped: 1 x .txt (dog/notes.txt).",
    )
    assert str(summary.table()).count("notes.txt") == 1
