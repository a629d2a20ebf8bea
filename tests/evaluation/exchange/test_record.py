from __future__ import annotations

from dataclasses import replace

import pytest

from colliculus.evaluation.exchange.additivity import Additivity
from colliculus.evaluation.exchange.gradients import Pull
from colliculus.evaluation.exchange.record import Decisions, ExchangeEffect, Interventions

ADDITIVE = Additivity(
    clips=100, pairings=10_000, accuracy=0.87, additive_accuracy=0.88, changed=2, interaction_share=0.00345
)
EFFECT = ExchangeEffect(
    interventions=Interventions(
        modules=("fusion.attention.audio_from_visual",),
        total=108,
        accuracy=0.875,
        zeroed=Decisions(0.861, 1),
        shuffled=Decisions(0.852, 4),
        residual_size={"audio": 0.0614, "visual": 0.04},
        pulls={"task": Pull(0.009, 1.5), "alignment": Pull(0.247, 0.25)},
    ),
    additivity=ADDITIVE,
)


def test_the_tables_show_every_figure():
    decisions, gradients = EFFECT.tables()
    assert [row[1:] for row in decisions.rows] == [
        ("108", "87.5 %", "-"),
        ("108", "86.1 %", "1"),
        ("108", "85.2 %", "4"),
        ("100", "87.0 %", "-"),
        ("100", "88.0 %", "2"),
    ]
    assert "audio 0.061, visual 0.040" in " ".join(decisions.notes)
    assert "10,000 pairings" in " ".join(decisions.notes)
    assert gradients.rows == (
        ("task", "0.009", "1.5"),
        ("alignment", "0.247", "0.25"),
    )


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0.0 % of the variance of the logits is interaction, so the network is nearly a sum of its modalities."),
        (0.0002, "less than 0.1 % of the variance of the logits is interaction, so"),
        (0.00345, "; 0.3 % of the variance of the logits is interaction, so the network is nearly a sum"),
        (0.25, "; 25.0 % of the variance of the logits is interaction, the rest is a sum of its modalities."),
    ],
)
def test_the_sentence(share, words):
    sentence = replace(EFFECT, additivity=replace(ADDITIVE, interaction_share=share)).sentence()
    assert sentence.startswith("The exchange changes 1 of 108 decisions; ")
    assert words in sentence


def test_the_sentence_without_a_part():
    assert replace(EFFECT, additivity=None).sentence() == "The exchange changes 1 of 108 decisions."
    nothing = ExchangeEffect(interventions=None, additivity=None)
    assert nothing.sentence() == "This network has no exchange that could be switched off."
    (only,) = nothing.tables()
    assert only.rows == (("exchange", "none that could be switched off"),)


def test_an_exchange_that_was_left_out_is_said_to_be():
    left_out = ExchangeEffect(interventions=None, additivity=None, left_out=("fusion.join.layer",))
    assert left_out.sentence() == (
        "The exchange (fusion.join.layer) was left out in the training, as no held-out samples showed that it helps, so"
        " it changes no decision."
    )
    (only,) = left_out.tables()
    assert only.rows == (("exchange", "left out in the training, as no held-out samples showed that it helps"),)


def test_a_single_clip_is_not_shuffled():
    rows = replace(EFFECT, interventions=replace(EFFECT.interventions, shuffled=None)).tables()[0].rows
    assert not [row for row in rows if "shuffled" in row[0]]
