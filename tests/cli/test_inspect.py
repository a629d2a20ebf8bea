from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from colliculus.training.run import load_model

CPU = ("--device", "cpu")


def test_every_layer_and_every_parameter_is_counted(answer_json, run):
    found = answer_json("inspect", run, *CPU)
    model = load_model(Path(run))
    modules = dict(model.named_modules())
    assert all(layer["name"] in modules and len(layer["step_rates"]) == 2 for layer in found["layers"])
    total = sum(p.numel() for p in model.parameters())
    assert sum(found["parts"].values()) == found["num_parameters"] == total
    assert found["parts"]["encoders.audio"] == sum(p.numel() for p in model.encoders["audio"].parameters())


def test_it_prints_a_table_and_draws_a_picture(answer, run):
    picture = Path(run, "inspect.png")
    picture.unlink(missing_ok=True)
    out, _ = answer("inspect", run, *CPU)
    assert "encoders.visual stages.0" in out
    assert "Parameters" in out
    with Image.open(picture) as image:
        assert image.width > 1000
        assert len(image.convert("RGB").getcolors(maxcolors=2**20)) > 20


def test_without_matplotlib_the_table_remains(answer, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    out, err = answer("inspect", run, *CPU)
    assert "Parameters" in out
    assert "Drawn" not in out
    assert "colliculus[report]" in err


def test_nothing_cannot_be_measured(answer, run):
    assert "--samples" in answer("inspect", run, *CPU, "--samples", "0", code=2)[1]
