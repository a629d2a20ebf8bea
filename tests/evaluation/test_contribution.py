from __future__ import annotations

import json

import numpy as np
import pytest

from colliculus.evaluation.contribution import Contribution, contribution, summarise
from colliculus.evaluation.passes import Pass, clip_shapley

ABOUT = {
    "version": "1",
    "preset": "tiny",
    "model": "m",
    "fingerprint": "f",
    "classes": ("x", "y"),
    "modalities": ("audio", "visual"),
    "split": "test",
    "snr_db": {},
    "time_steps": 2,
}


def passed(predicted, probability):
    return Pass(np.array(predicted), np.array(probability))


SOUND, IMAGE = frozenset({"audio"}), frozenset({"visual"})
BOTH = SOUND | IMAGE
LABELS = np.array([0, 0, 1, 1])


@pytest.fixture
def passes():
    """Four clips of two classes and two steps: at the end sound has two correct, the image three, both all four."""
    half = [0.5] * 4
    return {
        SOUND: [passed([1, 1, 1, 0], half), passed([0, 1, 1, 0], [0.6, 0.4, 0.8, 0.2])],
        IMAGE: [passed([1, 1, 0, 0], half), passed([0, 0, 0, 1], [0.7, 0.9, 0.3, 0.6])],
        BOTH: [passed([0, 1, 1, 1], half), passed([0, 0, 1, 1], [0.9, 0.8, 1.0, 0.5])],
    }


def test_a_case_by_hand(passes):
    found = summarise(passes, LABELS, ABOUT)
    assert [g.accuracy for g in found.given] == [0.5, 0.75, 1.0]
    assert [g.modalities for g in found.given] == [("audio",), ("visual",), ("audio", "visual")]
    assert [g.step_accuracy for g in found.given] == [(0.25, 0.5), (0.0, 0.75), (0.75, 1.0)]
    assert found.chance == 0.5
    # audio joins first (0.5 - 0.5) or after the image (1 - 0.75): the mean of 0 and 0.25
    assert found.shapley_accuracy == pytest.approx({"audio": 0.125, "visual": 0.375})
    assert found.gain_over_best == pytest.approx(0.25)
    assert found.interaction == pytest.approx(1 - 0.5 - (0 + 0.25))
    # first clip: audio ((0.6 - 0.5) + (0.9 - 0.7)) / 2, visual ((0.7 - 0.5) + (0.9 - 0.6)) / 2
    clips = clip_shapley(passes, 2)
    assert (clips["audio"][0], clips["visual"][0]) == pytest.approx((0.15, 0.25))
    # second clip: audio ((0.4 - 0.5) + (0.8 - 0.9)) / 2 is against it
    assert (clips["audio"][1], clips["visual"][1]) == pytest.approx((-0.1, 0.4))
    assert found.by_class[0].shapley == pytest.approx({"audio": 0.025, "visual": 0.325})
    assert found.shapley_probability["audio"] == pytest.approx(clips["audio"].mean())


def test_a_class_without_a_clip_has_no_contribution(passes):
    found = summarise(passes, LABELS, ABOUT | {"classes": ("x", "y", "z")})
    assert (found.by_class[2].total, found.by_class[2].shapley) == (0, None)


def test_the_record_comes_back_from_its_file_and_from_one_of_version_0_1(passes, tmp_path):
    found = summarise(passes, LABELS, ABOUT)
    assert Contribution.read(found.save(tmp_path / "record.json")) == found
    inner = json.loads((tmp_path / "record.json").read_text())
    outer = {name: inner.pop(name) for name in ABOUT}
    inner |= {"classes": inner.pop("by_class"), "modalities": ["audio", "visual"]}
    (tmp_path / "record.json").write_text(json.dumps(outer | {"contribution": inner}))
    assert Contribution.read(tmp_path / "record.json") == found


def test_a_record_from_before_the_exchange_was_measured_has_none(passes, tmp_path):
    found = summarise(passes, LABELS, ABOUT)
    plain = json.loads(found.save(tmp_path / "record.json").read_text())
    assert plain.pop("exchange") is None
    (tmp_path / "record.json").write_text(json.dumps(plain))
    assert Contribution.read(tmp_path / "record.json") == found
    assert "exchange" not in str(found.table())


def test_a_model_of_one_of_the_modalities_has_it_all(passes):
    found = summarise({SOUND: passes[SOUND]}, LABELS, ABOUT)
    assert (found.shapley_accuracy, found.interaction, found.gain_over_best) == ({"audio": 0.0}, 0.0, 0.0)
    assert found.modalities == ("audio", "visual")
    assert "points over the best" not in str(found.table())


def test_tables_and_figure_show_every_modality(passes):
    found = summarise(passes, LABELS, ABOUT)
    for part in ("audio + visual", "100.0 %", "Shapley values, beyond chance (50.0 %)", "+12.5", "+25.0 points over"):
        assert part in str(found.table())
    shares, curves = found.panels()
    assert shares.names == ("audio", "visual")
    assert [series.name for series in curves.series] == ["audio", "visual", "audio + visual"]
    assert found.figure().get_size_inches().min() > 1


def test_measuring_from_python_writes_and_reuses_passes(trained_folder, monkeypatch):
    first = contribution(trained_folder, device="cpu")
    assert Contribution.read(trained_folder / Contribution.FILE) == first
    monkeypatch.setattr("colliculus.evaluation.trained_run.classify", None)  # nothing is classified again
    assert contribution(trained_folder, device="cpu") == first
