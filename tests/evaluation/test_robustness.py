from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from small_digits import write_root

import colliculus as cl
from colliculus.evaluation.corruption.acoustic import AcousticNoise
from colliculus.evaluation.corruption.plan import KINDS, RobustnessSettings
from colliculus.evaluation.evaluate import evaluate
from colliculus.evaluation.robustness import Robustness, robustness
from colliculus.evaluation.trained_run import open_run

FEW = RobustnessSettings(snr_db=(-20.0, 0.0), blur=(1.0,), occlusion=(0.5,), drops=(0.5,), seeds=2)


def curve(found, kind, target):
    return next(c for c in found.curves if (c.kind, c.target) == (kind, target))


@pytest.fixture
def few(trained_folder):
    """A measurement of noise and missing modalities, and the run."""
    run = open_run(trained_folder, "cpu")
    return robustness(run, FEW, only=("white", "missing")), run


def test_its_points_are_those_of_evaluate(few):
    found, run = few
    assert found.clean == evaluate(run).metrics.accuracy
    white = curve(found, "white", "audio")
    for severity, accuracy, low, high in zip(
        white.severities, white.accuracy, white.lowest, white.highest, strict=True
    ):
        seeds = [evaluate(run, snr_db={"audio": severity}, noise_seed=seed).metrics.accuracy for seed in (0, 1)]
        assert (low, high, accuracy) == (min(seeds), max(seeds), pytest.approx(sum(seeds) / 2))
    missing = curve(found, "missing", "visual")
    assert missing.severities == ("zeros", "mean", "absent")
    assert missing.accuracy[2] == evaluate(run, missing=("visual",)).metrics.accuracy


def test_the_record_comes_back_from_its_file_and_from_one_of_version_0_1(few):
    found, run = few
    path = run.folder / Robustness.FILE
    assert Robustness.read(path) == found
    assert {p.name for p in path.parent.iterdir()} == {"result.json", "curves.csv", "curves.png", "points"}
    former = json.loads(path.read_text())
    for one in former["curves"]:
        one |= {"levels": one.pop("severities"), "retained": one.pop("relative_robustness")}
    path.write_text(json.dumps(former))
    assert Robustness.read(path) == found


def test_a_damaged_record_counts_as_absent(few):
    found, run = few
    (run.folder / Robustness.FILE).write_text('{"curves": 3}')
    assert robustness(run, FEW, only=("white", "missing")) == found


def test_finished_points_are_not_measured_again(few, monkeypatch):
    found, run = few
    monkeypatch.setattr("colliculus.evaluation.trained_run.classify", None)
    assert robustness(run, FEW, only=("white",)) == found


def test_the_noise_of_the_training_is_kept_unless_clean_is_asked_for(noisy_folder):
    run = open_run(noisy_folder, "cpu")
    found = robustness(run, FEW, only=("missing",))
    assert found.snr_db == {"audio": -5.0}
    assert found.clean == evaluate(run).metrics.accuracy
    clean = robustness(run, FEW, only=("missing",), clean=True)
    assert clean.snr_db == {}
    assert clean.clean == evaluate(run, snr_db={}).metrics.accuracy
    assert "training noise   -5 dB on audio" in str(found.table())
    assert "training noise" not in str(clean.table())


def test_the_noise_of_a_training_refers_to_the_raw_input_here_too(raw_noisy_folder):
    run = open_run(raw_noisy_folder, "cpu")
    found = robustness(run, FEW, only=("missing",))
    assert (found.snr_of, found.clean) == ("raw", evaluate(run).metrics.accuracy)
    assert "training noise   -5 dB on raw audio" in str(found.table())
    assert robustness(run, FEW, only=("missing",), clean=True).snr_of == "standardised"


def test_the_table_has_a_row_per_curve_and_the_figure_a_panel_per_kind(few):
    found, _ = few
    text = str(found.table())
    assert f"clean {100 * found.clean:.1f} %, chance 50.0 %" in text
    for part in ("white, dB", "-20", "missing", "absent", "audio+visual"):
        assert part in text
    noise, missing = found.panels()
    assert [series.name for series in noise.series] == ["audio", "visual", "audio+visual"]
    assert (noise.falling, noise.levels[0]) == (True, (100 * found.clean, "clean"))
    assert missing.names == ["zeros", "mean", "absent"]
    assert len(found.to_csv().splitlines()) == 1 + sum(len(c.severities) for c in found.curves)


def trained_digits(method, root, folder):
    small = {"data": {"root": root, "size": 16}, "method": {"dim": 8, "time_steps": 2}, "train": {"epochs": 1}}
    return cl.fit(cl.preset(f"{method}-av-digits", **small), out=folder, progress=False, device="cpu")


def test_noise_on_the_sound_itself(tmp_path):
    write_root(tmp_path / "digits")
    run = trained_digits("late-fusion", tmp_path / "digits", tmp_path / "run")
    chosen = RobustnessSettings(snr_db=(-20.0, 190.0), seeds=2)
    found = robustness(run, chosen, only=("acoustic", "babble", "white-raw"))
    targets = {kind: {c.target for c in found.curves if c.kind == kind} for kind in ("acoustic", "babble", "white-raw")}
    assert targets == {
        "acoustic": {"audio"},
        "babble": {"audio"},
        "white-raw": {"audio", "visual", "audio+visual"},
    }
    for one in found.curves:
        assert one.severities == (-20.0, 190.0)
        assert one.accuracy[1] == found.clean  # with next to no noise
    test, rows = run.part("test"), np.arange(len(run.part("test")))
    for name in ("acoustic", "babble"):
        noisy = AcousticNoise(test, "audio", -20.0, name, seed=1)
        correct = run.classify(test, noisy).correct.mean()
        assert correct in (curve(found, name, "audio").lowest[0], curve(found, name, "audio").highest[0])
        assert not torch.equal(
            noisy(test.batch(rows, epoch=0).inputs, rows)["audio"], run.batch(test, rows).inputs["audio"]
        )
    assert [panel.title for panel in found.panels()] == [KINDS[c].title for c in targets_in_order(found)]
    silent = trained_digits("visual", tmp_path / "digits", tmp_path / "visual")
    told = robustness(silent, chosen, only=("acoustic",)).not_applicable["acoustic"]
    assert told.startswith("no waveforms of its modalities are at hand")


def targets_in_order(found):
    return dict.fromkeys(c.kind for c in found.curves)
