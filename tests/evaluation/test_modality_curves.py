from __future__ import annotations

import pytest

from colliculus import DataSpec, Tectum
from colliculus.evaluation.modality_curves import ModalityCurves

ACCURACY = "validation_accuracy"


@pytest.fixture
def history():
    """Three epochs; the last accuracy of audio is absent, and a report of the balance is not a number."""
    rows = [
        {"epoch": 1, ACCURACY: 0.4, f"{ACCURACY}_audio": 0.3, f"{ACCURACY}_visual": 0.5, "modulation_k_audio": 1.0},
        {"epoch": 2, ACCURACY: 0.6, f"{ACCURACY}_audio": 0.4, f"{ACCURACY}_visual": 0.5, "modulation_k_audio": 0.5},
        {"epoch": 3, ACCURACY: 0.5, f"{ACCURACY}_visual": 0.6, "modulation_k_audio": float("nan")},
    ]
    return [row | {"modulation_k_visual": 0.2, "modulation_s_audio": 0.1, "modulation_gap": 0.7} for row in rows]


def test_curves_have_a_gap_where_a_number_is_absent_or_not_finite(history, model):
    found = ModalityCurves.of(history, model, "best")
    assert (found.epochs, found.best_epoch, found.accuracy) == ((1, 2, 3), 2, (0.4, 0.6, 0.5))
    assert found.accuracy_alone == {"audio": (0.3, 0.4, None), "visual": (0.5, 0.5, 0.6)}
    assert found.balance["k_audio"] == (1.0, 0.5, None)
    assert not found.own_heads


def test_the_readouts_of_tectum_are_heads_of_their_own(history):
    spec = DataSpec(channels={"audio": 1, "visual": 1}, sizes={"audio": (8, 8), "visual": (8, 8)}, num_classes=2)
    assert ModalityCurves.of(history, Tectum(dim=8).model(spec), "best").own_heads


def test_the_table_has_the_first_the_kept_and_the_last_epoch(history, model):
    table = ModalityCurves.of(history, model, "best").table()
    headings = [column.heading for column in table.columns]
    assert headings == ["epoch", "together", "audio alone", "visual alone", "k audio", "k visual", "s audio", "gap"]
    assert [row[0] for row in table.rows] == ["1", "2 (kept)", "3"]
    assert table.rows[2][1:5] == ("50.0 %", "-", "60.0 %", "-")


def test_a_modality_has_one_colour_and_each_report_a_dash(history, model):
    accuracy, balance = ModalityCurves.of(history, model, "best").panels(["audio", "visual"], num_classes=4)
    assert {one.name: one.colour for one in accuracy.series} == {"together": 0, "audio alone": 1, "visual alone": 2}
    assert accuracy.levels == [(25.0, "chance")]
    assert accuracy.marks == balance.marks == [(2.0, "epoch kept")]
    looks = {one.name: (one.colour, one.dash) for one in balance.series}
    assert looks == {"k audio": (1, 0), "k visual": (2, 0), "s audio": (1, 1), "gap": (0, 2)}


def test_without_a_history_nothing_is_shown(model):
    found = ModalityCurves.of([], model, "best")
    assert not found
    assert found.best_epoch is None
    assert found.panels(["audio", "visual"], 4) == []
