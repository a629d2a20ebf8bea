"""The record of an exchange: whether it matters for the decisions, and what pulls at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from colliculus.evaluation.exchange.additivity import Additivity
from colliculus.evaluation.exchange.gradients import Pull
from colliculus.records import Table
from colliculus.records.console import percent

NEARLY = 0.01
"""Share of interaction below which the network is nearly a sum of its modalities."""
LEAST_SHOWN = 0.001
"""Share below which the sentence gives this bound instead of a number."""
LEFT_OUT = "left out in the training, as no held-out samples showed that it helps"


@dataclass(frozen=True)
class Decisions:
    """Decisions of a network after an intervention in its exchange.

    Args:
        accuracy: accuracy over all clips.
        changed: clips that are now classified differently.
    """

    accuracy: float
    changed: int


@dataclass(frozen=True, kw_only=True)
class Interventions:
    """A network with its exchange as trained, zeroed and shuffled; size of its residuals, and pull of the losses.

    Args:
        modules: names of the modules where one modality meets another.
        total: clips.
        accuracy: accuracy as trained.
        zeroed: with zeros in place of everything that is received.
        shuffled: every clip receives from another clip; None where there is a single clip.
        residual_size: by modality, norm of the residual (with its weight alpha where it is added) relative to that of
            the tokens, mean over the clips; empty where the exchange makes no residual.
        pulls: by term of the objective, how hard it pulls at the exchange and at the rest.
    """

    modules: tuple[str, ...]
    total: int
    accuracy: float
    zeroed: Decisions
    shuffled: Decisions | None
    residual_size: Mapping[str, float]
    pulls: Mapping[str, Pull]


@dataclass(frozen=True, kw_only=True)
class ExchangeEffect:
    """The effect of the exchange between the modalities on the decisions.

    Args:
        interventions: measured in the exchange itself; None where the network has none that could be switched off.
        additivity: comparison with the best sum of one function of each modality (EMAP); None: it was not measured.
        left_out: names of the modules of the exchange that the training left out, for want of evidence that they help.
    """

    interventions: Interventions | None
    additivity: Additivity | None
    left_out: tuple[str, ...] = ()

    def tables(self) -> tuple[Table, ...]:
        """The decisions with and without the exchange; the pull of each loss term, where there is an exchange."""
        if self.interventions is None:
            return (self._decisions(),)
        return self._decisions(), _pull_table(self.interventions.pulls)

    def sentence(self) -> str:
        """The finding in one sentence."""
        exchange = self._exchange()
        if self.additivity is None:
            return f"{exchange}."
        share = self.additivity.interaction_share
        sum_of = "so the network is nearly a sum" if share < NEARLY else "the rest is a sum"
        amount = "less than 0.1 %" if 0 < share < LEAST_SHOWN else percent(share)
        return f"{exchange}; {amount} of the variance of the logits is interaction, {sum_of} of its modalities."

    def _exchange(self) -> str:
        if (found := self.interventions) is not None:
            return f"The exchange changes {found.zeroed.changed:,} of {found.total:,} decisions"
        if self.left_out:
            return f"The exchange ({', '.join(self.left_out)}) was {LEFT_OUT}, so it changes no decision"
        return "This network has no exchange that could be switched off"

    def _decisions(self) -> Table:
        rows, notes = list[tuple[str, ...]](), [self.sentence()]
        if found := self.interventions:
            rows.append(("as trained", f"{found.total:,}", percent(found.accuracy), "-"))
            rows += [
                (name, f"{found.total:,}", percent(one.accuracy), f"{one.changed:,}")
                for name, one in {"exchange zeroed": found.zeroed, "exchange shuffled": found.shuffled}.items()
                if one
            ]
            notes.append("Zeroed: nothing is received. Shuffled: every clip receives from another clip.")
        if found and found.residual_size:
            sizes = ", ".join(f"{m} {size:.3f}" for m, size in found.residual_size.items())
            notes.append(f"Size of the residual relative to the tokens: {sizes}.")
        if found := self.additivity:
            rows += [
                ("as trained, paired clips", f"{found.clips:,}", percent(found.accuracy), "-"),
                (
                    "sum of modalities (EMAP)",
                    f"{found.clips:,}",
                    percent(found.additive_accuracy),
                    f"{found.changed:,}",
                ),
            ]
            notes.append(
                "EMAP: the sum of one function of each modality that is closest to the logits over all "
                f"{found.pairings:,} pairings of the clips; interaction is what it leaves."
            )
        if not rows:
            absent = LEFT_OUT if self.left_out else "none that could be switched off"
            return Table.facts("Does the exchange matter?", {"exchange": absent})
        return Table.of("Does the exchange matter?", ("network", "clips", "accuracy", "decisions changed"), rows, notes)


def _pull_table(pulls: Mapping[str, Pull]) -> Table:
    rows = [(name, f"{pull.exchange:.3g}", f"{pull.rest:.3g}") for name, pull in pulls.items()]
    note = (
        "How hard each term of the objective pulls at the exchange of the trained network: norm of its gradient, mean "
        "over some training batches. Each is differentiated alone, before `cross_modal.capped`, if set, shortens it."
    )
    return Table.of("Gradient of each loss term", ("term", "on the exchange", "on the rest"), rows, (note,))
