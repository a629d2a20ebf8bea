"""Accuracy of forms of Tectum against spikes, operations, energy and time, for benchmarks/winner.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from time import perf_counter

import numpy as np
import torch
from study import markdown
from winner_plan import COUNTERPART
from winner_tables import Runs, compared, energies, span

from colliculus.evaluation.energy.record import Energy
from colliculus.evaluation.trained_run import open_run

COSTS = "45nm-fp32"
ROUNDS, CLIPS = 5, 128


@dataclass(frozen=True, kw_only=True)
class Form:
    """A form of Tectum: its accuracy, and means per clip; energies in microjoules.

    Args:
        accuracy: of the test, a fraction.
        spikes: binary ones, graded ones counted unfolded.
        ac: accumulates.
        mac: multiply-accumulates.
        operations: energy of the operations, of the network and of its artificial counterpart.
        memory: the same with memory and addresses.
    """

    accuracy: float
    spikes: float
    ac: float
    mac: float
    operations: tuple[float, float]
    memory: tuple[float, float]

    @classmethod
    def of(cls, accuracy: float, records: Sequence[Energy]) -> Form:
        """Means over the runs."""
        pairs = [(r.tables[COSTS].spiking_once, r.tables[COSTS].counterparts["artificial"]) for r in records]
        spiking, artificial = zip(*pairs, strict=True)
        return cls(
            accuracy=accuracy,
            spikes=mean(r.operations.spikes or 0.0 for r in records),
            ac=mean(r.operations.ac for r in records),
            mac=mean(r.operations.mac_once for r in records),
            operations=(mean(c.compute_nj for c in spiking) / 1000, mean(c.compute_nj for c in artificial) / 1000),
            memory=(mean(c.total_nj for c in spiking) / 1000, mean(c.total_nj for c in artificial) / 1000),
        )


def frontier_table(runs: Runs) -> list[str]:
    """Accuracy against spikes, operations, energy and time, and where spikes cost less than the counterpart."""
    found = compared(runs)
    forms = {
        title: Form.of(found.scores[title].accuracy, records)
        for title, folders in runs.items()
        if (records := energies(folders))
    }
    times = times_ms({title: runs[title][0] for title in forms})
    rows = [
        {
            "form": title,
            "seeds": str(len(found.scores[title].accuracies)),
            "test accuracy, %": f"{100 * form.accuracy:.1f} ({span(found.scores[title].interval)})",
            "spikes a clip": f"{form.spikes:,.0f}",
            "accumulates": f"{form.ac:,.0f}",
            "MACs": f"{form.mac:,.0f}",
            "energy of operations, uJ": " / ".join(f"{uj:.2f}" for uj in form.operations),
            "and memory, uJ": " / ".join(f"{uj:.1f}" for uj in form.memory),
            "ms a clip": f"{times[title]:.2f}",
        }
        for title, form in sorted(forms.items(), key=lambda item: item[1].spikes)
    ]
    return [*markdown(rows), "", *break_even(forms)] if rows else ["no run was measured"]


def break_even(forms: Mapping[str, Form]) -> Iterator[str]:
    """Where spikes cost less than the same layers as an artificial network, and than the trained ReLU network."""
    spiking = {title: form for title, form in forms.items() if form.spikes}
    for use, what in (("operations", "in operations alone"), ("memory", "with memory and addresses")):
        costs = {title: getattr(form, use) for title, form in spiking.items()}
        dense = {title for title, (own, counterpart) in costs.items() if own < counterpart}
        yield f"- {_cheaper(dense, spiking, costs, 'the artificial network of the same layers', what)}"
        if COUNTERPART in forms:
            trained = getattr(forms[COUNTERPART], use)[0]
            less = {title for title, (own, _) in costs.items() if own < trained}
            than = f"the trained ReLU network, whose zeros are skipped ({trained:.2f} uJ)"
            yield f"- {_cheaper(less, spiking, costs, than, what)}"


def _cheaper(
    names: set[str], forms: Mapping[str, Form], costs: Mapping[str, tuple[float, float]], than: str, what: str
) -> str:
    if not names:
        return f"No form costs less than {than}, {what}."
    best = max(names, key=lambda title: forms[title].accuracy)
    most = max(names, key=lambda title: forms[title].spikes)
    return (
        f"{len(names)} of {len(forms)} forms cost less than {than}, {what}: up to {most} ({forms[most].spikes:,.0f} "
        f"spikes a clip); the most accurate of them is {best} ({100 * forms[best].accuracy:.1f} %, "
        f"{costs[best][0]:.2f} uJ)."
    )


def times_ms(folders: Mapping[str, Path]) -> dict[str, float]:
    """Milliseconds for a clip in evaluation, all runs in turns, on one thread of the CPU."""
    torch.set_num_threads(1)
    runs = {title: open_run(folder, "cpu") for title, folder in folders.items()}
    split = next(iter(runs.values())).data.test
    clips = {title: run.batch(split, np.arange(min(CLIPS, len(split)))).inputs for title, run in runs.items()}
    found: dict[str, list[float]] = {title: [] for title in runs}
    with torch.inference_mode():
        for _ in range(ROUNDS):
            for title, run in runs.items():
                run.model.eval()
                start = perf_counter()
                run.model(clips[title])
                found[title].append(1000 * (perf_counter() - start) / len(next(iter(clips[title].values()))))
    return {title: median(times) for title, times in found.items()}
