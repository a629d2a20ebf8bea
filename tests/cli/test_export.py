"""`colliculus export`: what it writes, its options by target, and its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from colliculus import ColliculusError
from colliculus.export.export import export
from colliculus.export.reference_target import ToReference
from colliculus.export.target import Artifact, Check
from colliculus.export.targets import TARGETS, target_class


def check(passed: bool) -> Check:
    return Check(passed=passed, sentence="3 of 4 differ", compared=4, differing=3)


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_a_file_that_fails_its_check_is_not_written(run, answer, tmp_path, monkeypatch, passed, code) -> None:
    def write(_target, _run, out: Path) -> Artifact:
        out.write_text("new")
        return Artifact(holds={"size": "3 bytes"}, checks=(check(True), check(passed)))

    monkeypatch.setattr(ToReference, "write", write)
    out = tmp_path / "model.bin"
    out.write_text("old")
    told, _ = answer("export", run, "--to", "reference", "--out", str(out), code=code)
    assert out.read_text() == ("new" if passed else "old")
    assert [path.name for path in tmp_path.iterdir()] == ["model.bin"]
    assert ("FAILED: 3 of 4 differ" in told) is not passed
    assert "size 3 bytes" in told


def test_the_options_are_those_of_the_target(answer) -> None:
    assert "--form" in answer("export", "--to", "onnx", "--help")[0]
    assert "--runtime" in answer("export", "--to=page", "--help")[0]
    general, _ = answer("export", "--help")
    assert "--form" not in general
    assert ",".join(TARGETS) in general.replace(" ", "").replace("│", "")


def test_mistakes_are_one_sentence(run, answer, tmp_path) -> None:
    assert "unknown target 'onxn': did you mean 'onnx'?" in answer("export", run, "--to", "onxn", code=2)[1]
    assert "is a folder that exists" in answer("export", run, "--to", "pt2", "--out", str(tmp_path), code=2)[1]
    assert "--to" in answer("export", run, code=2)[1]
    (tmp_path / "file").touch()
    with pytest.raises(ColliculusError, match=r"below cannot be written \(.+\): free some space"):
        export(run, to="pt2", out=tmp_path / "file" / "below")
    assert "unknown modality 'smell'" in answer("export", run, "--to", "pt2", "--modalities", "smell", code=2)[1]


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_has_a_place_of_its_own(name) -> None:
    kind = target_class(name)
    assert kind.name == name
    assert [target_class(other).place for other in TARGETS].count(kind.place) == 1
