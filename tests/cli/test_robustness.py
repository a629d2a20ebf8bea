from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from colliculus.evaluation import trained_run

CPU = ("--device", "cpu")
SMALL = ("--snr-db", "0", "10", "--blur", "1", "--occlusion", "0.5", "--drops", "0.5", "--seeds", "2")


@pytest.fixture
def copy(run, tmp_path):
    """A run of its own for each test."""
    return str(shutil.copytree(run, tmp_path / "run"))


@pytest.fixture
def passes(monkeypatch):
    """How often the split was classified; `passes.stop_at` interrupts. Nothing is drawn."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    classify = trained_run.classify

    class Passes:
        number, stop_at = 0, -1

    def counted(*arguments, **settings):
        if Passes.number == Passes.stop_at:
            raise KeyboardInterrupt
        Passes.number += 1
        return classify(*arguments, **settings)

    monkeypatch.setattr(trained_run, "classify", counted)
    return Passes


def curve(found, kind, target):
    return next(c for c in found["curves"] if (c["kind"], c["target"]) == (kind, target))


def test_its_points_are_those_of_evaluate(answer_json, copy):
    found = answer_json("robustness", copy, *CPU, *SMALL, "--only", "white", "missing")

    def accuracy(*arguments):
        return answer_json("evaluate", copy, *CPU, *arguments)["accuracy"]

    assert found["clean"] == accuracy()
    white = curve(found, "white", "audio")
    assert white["severities"] == [0.0, 10.0]
    for i, snr_db in enumerate(("0", "10")):
        seeds = [accuracy("--snr-db", "audio", snr_db, "--noise-seed", seed) for seed in ("0", "1")]
        assert white["accuracy"][i] == pytest.approx(sum(seeds) / 2)
        assert (white["lowest"][i], white["highest"][i]) == (min(seeds), max(seeds))
    missing = curve(found, "missing", "visual")
    assert missing["severities"] == ["zeros", "mean", "absent"]
    assert missing["accuracy"][2] == accuracy("--missing", "visual")
    assert {c["kind"] for c in found["curves"]} == {"white", "missing"}


def test_everything_is_written_and_drawn(answer, copy):
    out, err = answer("robustness", copy, *CPU, *SMALL, "--attack", "pgd", "--attack-steps", "2", "--epsilon", "0.1")
    for part in (
        "white, dB",
        "pink, dB",
        "blur, pixels",
        "share covered",
        "share dropped",
        "delay, steps",
        "PGD, change",
    ):
        assert part in out
    assert "not measured" not in err
    folder = Path(copy, "robustness")
    written = json.loads((folder / "result.json").read_text())
    assert written["fingerprint"] == json.loads(Path(copy, "result.json").read_text())["fingerprint"]
    assert (written["modalities"], len(written["classes"]), written["split"]) == (["audio", "visual"], 2, "test")
    assert written["settings"]["attack"] == "pgd"
    with (folder / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(c["severities"]) for c in written["curves"])
    first = written["curves"][0]
    assert [float(row["accuracy"]) for row in rows[: len(first["severities"])]] == first["accuracy"]
    with Image.open(folder / "curves.png") as image:
        assert image.width > 1000
        assert len(image.convert("RGB").getcolors(maxcolors=2**20)) > 20


def test_without_matplotlib_the_numbers_remain(answer, copy, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    out, err = answer("robustness", copy, *CPU, *SMALL, "--only", "missing")
    assert "absent" in out
    assert "colliculus[report]" in err
    assert not Path(copy, "robustness", "curves.png").exists()


def test_an_interruption_costs_no_more_than_a_point(answer, copy, passes):
    asked = ("robustness", copy, *CPU, *SMALL, "--only", "white", "blur")
    passes.stop_at = 5
    answer(*asked, code=130)
    assert not Path(copy, "robustness", "result.json").exists()
    passes.stop_at = -1
    answer(*asked)
    assert passes.number == 1 + 3 * 2 * 2 + 3  # clean, white on three targets at two levels with two seeds, blur
    resumed = Path(copy, "robustness", "result.json").read_bytes()
    shutil.rmtree(Path(copy, "robustness"))
    answer(*asked)
    assert Path(copy, "robustness", "result.json").read_bytes() == resumed


def test_a_kill_loses_no_finished_point(answer, copy, passes):
    asked = ["robustness", copy, *CPU, *SMALL, "--only", "white", "pink", "occlusion"]
    folder = Path(copy, "robustness", "points")
    with subprocess.Popen([sys.executable, "-m", "colliculus", *asked], stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and len(list(folder.glob("*.json"))) < 3:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    done = len(list(folder.glob("*.json")))
    assert done >= 3
    answer(*asked)
    assert passes.number == 1 + 3 * 2 * 2 * 2 + 3 * 2 - done


def test_other_settings_are_measured_again_with_a_remark(answer, copy, passes):
    asked = ("robustness", copy, *CPU, *SMALL, "--only", "missing")
    assert "again" not in answer(*asked)[1]
    before = passes.number
    assert "differs in split" in answer(*asked, "--split", "validation")[1]
    assert passes.number == 2 * before


def test_what_was_measured_before_stays_beside_what_is_asked_for_now(answer, answer_json, copy, passes):
    asked, attack = ("robustness", copy, *CPU, *SMALL), ("--epsilon", "0.1", "--attack", "fgsm")
    before = answer_json(*asked, *attack, "--only", "white", "missing", "fgsm")
    found = answer_json(*asked, "--epsilon", "0.1", "--only", "blur")
    assert [c for c in found["curves"] if c["kind"] != "blur"] == before["curves"]
    assert [c["kind"] for c in found["curves"]] == ["white"] * 3 + ["blur"] * 3 + ["missing"] * 2 + ["fgsm"] * 3
    count = passes.number
    assert answer_json(*asked, "--epsilon", "0.1", "--only", "missing") == found
    assert passes.number == count
    with Path(copy, "robustness", "curves.csv").open() as file:
        assert {row["kind"] for row in csv.DictReader(file)} == {"white", "blur", "missing", "fgsm"}
    _, err = answer("robustness", copy, *CPU, *SMALL, "--seeds", "3", "--only", "blur")
    assert "measured before and kept: missing" in err  # of the noise there are two seeds of the three
    assert "left out now: white, fgsm" in err


def test_what_was_measured_of_something_else_does_not_stay(answer_json, copy):
    asked = ("robustness", copy, *CPU, *SMALL, "--only")
    answer_json(*asked, "missing")
    assert {c["kind"] for c in answer_json(*asked, "blur", "--split", "validation")["curves"]} == {"blur"}


def test_a_kind_that_was_measured_in_part_waits_for_the_rest(answer, answer_json, copy, passes):
    asked = ("robustness", copy, *CPU, *SMALL, "--only")
    passes.stop_at = 5
    answer(*asked, "white", code=130)
    passes.stop_at = -1
    assert {c["kind"] for c in answer_json(*asked, "blur")["curves"]} == {"blur"}


@pytest.mark.parametrize("kind", ["fgsm", "pgd"])
def test_an_attack_that_is_named_is_measured(answer_json, copy, kind):
    asked = ("--attack-steps", "2", "--epsilon", "0.1", "--only", kind)
    found = answer_json("robustness", copy, *CPU, *SMALL, *asked)
    assert [(c["kind"], c["target"]) for c in found["curves"]] == [
        (kind, target) for target in ("audio", "visual", "audio+visual")
    ]
    assert found["settings"]["attack"] == kind


def test_a_picture_of_other_curves_does_not_stay(answer, copy, monkeypatch):
    picture = Path(copy, "robustness", "curves.png")
    answer("robustness", copy, *CPU, *SMALL, "--only", "missing")
    assert picture.exists()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    answer("robustness", copy, *CPU, *SMALL, "--only", "blur")
    assert not picture.exists()


def test_only_a_new_severity_is_measured(answer, copy, passes):
    asked = ("robustness", copy, *CPU, *SMALL, "--only", "blur", "--blur")
    answer(*asked, "1", "2")
    before = passes.number
    answer(*asked, "1", "2", "3")
    assert passes.number == before + 3


def test_static_inputs_have_no_time(answer, answer_json, tmp_path):
    run, small = str(tmp_path / "run"), ["--method.dim", "16", "--method.time-steps", "2", "--train.epochs", "1"]
    data = ["--data.motion", "static", "--data.size", "16", "--data.num-classes", "2", "--data.num-train", "8"]
    sizes = ["--data.num-validation", "4", "--data.num-test", "4", "--train.device", "cpu"]
    noise = ["--train.snr-db", "audio", "0"]
    answer("train", "late-fusion-synthetic", "--out", run, *small, *data, *sizes, *noise)
    asked = ("robustness", run, *CPU, *SMALL, "--only", "shift", "drops", "blur")
    _, err = answer(*asked)
    assert "shift was not measured: audio and visual static" in err
    found = answer_json(*asked)
    assert set(found["not_applicable"]) == {"drops", "shift"}
    assert found["snr_db"] == {"audio": 0.0}
    assert found["clean"] == answer_json("evaluate", run, *CPU)["accuracy"]
    clean = answer_json(*asked, "--clean")
    assert clean["snr_db"] == {}
    assert clean["clean"] == answer_json("evaluate", run, *CPU, "--clean")["accuracy"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data.num-classes", "3"], "classes"),
        (["--data.tactile"], "modalities"),
        (["--occlusion", "3"], "choose from 0 to 1"),
        (["--only", "wihte"], "white"),
        (["--only", "shift", "--shift", "0"], "names shift, which has no severities"),
        (["--attack", "pdg"], "pgd"),
    ],
    ids=str,
)
def test_mistakes_are_told_in_a_sentence(answer, copy, arguments, sentence):
    assert sentence in answer("robustness", copy, *CPU, *arguments, code=2)[1]
    assert not Path(copy, "robustness").exists()
