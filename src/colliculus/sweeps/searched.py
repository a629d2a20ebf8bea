"""The record of a search."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from shlex import join
from typing import TYPE_CHECKING, Literal

from colliculus.figures import Lines, Series, figure
from colliculus.records import Column, Record, Table
from colliculus.records.console import percent
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

State = Literal["finished", "pruned", "failed"]
SHOWN = 10
"""Trials in the table."""


@dataclass(frozen=True, kw_only=True)
class SearchedTrial:
    """One trial of a search.

    Args:
        number: its number, from 0; trials that repeat the values of earlier ones are left out.
        state: finished, pruned (stopped because it was behind), or failed.
        values: the text of each value by the dotted name of its setting.
        accuracy: validation accuracy, a fraction: of the kept epoch, or of the last one of a pruned trial.
        epochs: epochs trained.
        folder: run folder.
        error: why the training failed; None where it did not.
    """

    number: int
    state: State
    values: dict[str, str]
    accuracy: float | None
    epochs: int
    folder: str
    error: str | None


@dataclass(frozen=True, kw_only=True)
class Search(Record):
    """Trials of a search.

    Args:
        version: version of colliculus that ran the search.
        preset: preset of all trials.
        seed: seed of all trials and of the proposals.
        out: folder of the run folders.
        trials: trials with different values, in the order in which they began.
        flags: settings of the best trial as arguments of `colliculus train`; empty where none finished.
    """

    version: str
    preset: str
    seed: int
    out: str
    trials: tuple[SearchedTrial, ...]
    flags: tuple[str, ...] = ()

    @property
    def ranked(self) -> list[SearchedTrial]:
        """Finished trials, the best first; of equal ones the earlier."""
        finished = [one for one in self.trials if one.state == "finished" and one.accuracy is not None]
        return sorted(finished, key=lambda one: (-(one.accuracy or 0), one.number))

    @property
    def best(self) -> SearchedTrial:
        """The finished trial with the highest validation accuracy.

        Raises:
            ColliculusError: none finished.
        """
        if not self.ranked:
            raise ColliculusError(self.failure or "no trial of the search is finished")
        return self.ranked[0]

    @property
    def failure(self) -> str:
        """Why there is no best trial; empty where there is one."""
        errors = list(dict.fromkeys(one.error for one in self.trials if one.error))
        if self.ranked:
            return ""
        return f"none of the {len(self.trials)} trials finished; the last failure: {errors[-1]}" if errors else ""

    def command(self, seeds: int) -> str:
        """The command that trains the best trial again, with seeds that the search has not used.

        Args:
            seeds: number of trainings.
        """
        start = ["colliculus", "sweep", self.preset, "--seeds", str(seeds), "--first-seed", str(self.seed + 1)]
        return join([*start, "--out", f"{self.out}-best", "--", *self.flags])

    def table(self) -> Table:
        """The best trials."""
        settings = list(dict.fromkeys(key for one in self.trials for key in one.values))
        columns = Column("trial", "right"), Column("validation", "right"), *(Column(key, "right") for key in settings)
        shown = self.ranked[:SHOWN]
        rows = [(str(one.number), percent(one.accuracy or 0), *map(one.values.__getitem__, settings)) for one in shown]
        return Table(columns, rows, f"Best trials of {self.preset}", self._notes())

    def figure(self) -> Figure:
        """Validation accuracy of every trial, and the best so far."""
        ranked = sorted(self.ranked, key=lambda one: one.number)
        if not ranked:
            raise ColliculusError(f"there is nothing to draw: {self.failure or 'no trial is finished'}")
        x = [one.number for one in ranked]
        y = [100 * (one.accuracy or 0) for one in ranked]
        series = [Series(name="trial", x=x, y=y), Series(name="best so far", x=x, y=list(accumulate(y, max)))]
        lines = Lines(series=series, xlabel="trial", ylabel="validation accuracy, %", whole=True)
        return figure([lines], title=f"Search of {self.preset}")

    def _notes(self) -> list[str]:
        counts = {state: sum(one.state == state for one in self.trials) for state in ("finished", "pruned", "failed")}
        counted = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        notes = [f"{len(self.trials)} different trials: {counted}; each with seed {self.seed}, on the validation part."]
        if failed := [one for one in self.trials if one.error]:
            notes.append(f"Trial {failed[0].number} failed: {failed[0].error}")
        return notes
