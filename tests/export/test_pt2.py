"""A .pt2 file runs in a process that cannot import Colliculus."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile

import pytest
import torch
from exported_runs import noise, run_of, small

import colliculus
from colliculus import DataSpec
from colliculus.export.clips import raw
from colliculus.export.comparison import answers
from colliculus.export.pt2_target import ToPT2

PROGRAM = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "colliculus":
            raise ImportError("blocked")
sys.meta_path.insert(0, Blocked())
import json, torch
facts = {"colliculus.class_names": ""}
network = torch.export.load(sys.argv[1], extra_files=facts).module()
outputs = network(torch.load(sys.argv[2], weights_only=True))
torch.save({"outputs": dict(outputs), "classes": facts["colliculus.class_names"]}, sys.argv[3])
"""
SPEC = DataSpec(
    channels={"audio": 1, "touch": 2}, sizes={"audio": (16, 16), "touch": (1, 20)}, num_classes=4, steps={"audio": 3}
)


def test_it_runs_without_colliculus(tmp_path) -> None:
    run = run_of(tmp_path / "run", small("late-fusion"), SPEC)
    found = colliculus.export(run, to=ToPT2(check=3))
    assert found.passed, found
    clips = noise(SPEC, 7)
    torch.save({m: raw(run.run.normalisation, m, x) for m, x in clips.items()}, tmp_path / "clips.pt")
    command = [sys.executable, "-c", PROGRAM, found.out, str(tmp_path / "clips.pt"), str(tmp_path / "answers.pt")]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    loaded = torch.load(tmp_path / "answers.pt", weights_only=True)
    expected = answers(run.model, clips)
    assert loaded["outputs"].keys() == expected.keys()
    for name, x in expected.items():
        torch.testing.assert_close(loaded["outputs"][name], x, rtol=0, atol=1e-5)
    assert json.loads(loaded["classes"]) == ["0", "1", "2", "3"]
    with zipfile.ZipFile(found.out) as file:
        content = b"".join(file.read(name) for name in file.namelist())
    assert b"stack_trace" not in content
    assert not re.findall(rb"/[\w.-]+/[\w.-]+\.py|site-packages|" + str(tmp_path).encode(), content)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["s-cmrl", "taaf", "tectum", "misnet", "qkformer"])
def test_other_methods_too(name, tmp_path) -> None:
    found = colliculus.export(run_of(tmp_path / "run", small(name)), to=ToPT2(check=3))
    assert found.passed, found
