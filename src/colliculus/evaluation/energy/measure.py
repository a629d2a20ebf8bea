"""Measurement of what a decision of a trained run costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from colliculus.data.dataset import Dataset, DataSettings, Split
from colliculus.data.evenly import evenly
from colliculus.evaluation.energy import count as counting
from colliculus.evaluation.energy.accuracy import accuracies
from colliculus.evaluation.energy.cost import TABLES, CostTable, named_table
from colliculus.evaluation.energy.count import Counts, together
from colliculus.evaluation.energy.record import Energy
from colliculus.evaluation.energy.totals import Tally
from colliculus.evaluation.trained_run import Part, TrainedRun, open_run, stored_part
from colliculus.files.cache import Cache
from colliculus.records import console
from colliculus.types import ColliculusError


def energy(
    run: TrainedRun | Path | str,
    data: DataSettings | Dataset | None = None,
    *,
    split: Part = "test",
    samples: int = 256,
    table: CostTable | str = "45nm-fp32",
    counterparts: Sequence[TrainedRun | Path | str] = (),
    device: str = "auto",
) -> Energy:
    """Count what a decision costs: every operation of every layer, on real data, and the energy it takes.

    An input that is not zero counts once for every weight it meets (its true fan-out, edges and stride considered): as
    an accumulate (AC) where the layer sees spikes, else as a multiply-accumulate (MAC). A graded spike counts unfolded:
    each of its levels is an accumulate, and its neuron updates D times a step. For comparison: the usual
    count, rate x T x MACs; memory and addresses after Lemaire et al. 2022; and the same layers as an artificial
    network, and as one whose activations have ceil(log2(T + 1)) bits, with the rate at which the spiking one breaks
    even.

    Measured under the noise of the training if there was any, and written into RUN/energy: `layers.csv` and
    `energy.json`. Counted batches are kept there, so that an interruption costs at most one batch and another cost
    table needs no new count.

    Args:
        run: trained run or its folder.
        data: settings of the data or loaded data; None takes the run's own.
        split: part of the data.
        samples: clips to count on, at most; evenly over the part.
        table: cost table of the layers: your own, or a name in `colliculus.evaluation.energy.cost.TABLES`.
        counterparts: trained ANN counterparts, whose test accuracies stand beside their energies: runs with
            `method.neuron.kind` relu and otherwise the settings of `run`, at one step or as many as `run`; with
            `method.neuron.bits` the quantised ones.
        device: as in `open_run`.

    Raises:
        ColliculusError: a counterpart does not belong to this run, the table is unknown, `samples` is below 1, the
            model cannot take the data, or it makes a product of a kind that cannot be counted.

    Example:
        >>> import colliculus as cl
        >>> small = {"data": {"num_train": 32, "num_test": 6, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
        >>> run = cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False)
        >>> found = energy(run, samples=2)
        >>> found.samples, found.layers[0].layer, found.operations.mac > 0
        (2, 'encoders.audio.stages.0.conv', True)
    """
    chosen = named_table(table) if isinstance(table, str) else table
    if samples < 1:
        raise ColliculusError(f"samples is {samples}: give at least 1")
    run = open_run(run, device, precision="fp32")
    dataset = run.load(data)
    subject = run.about(dataset, split)
    tally = _count(run, stored_part(dataset, split, run), samples, subject)
    found = Energy(
        **subject,
        cost_table=chosen.name,
        samples=tally.counts.samples,
        steps=tally.counts.steps,
        rate=tally.rate,
        operations=tally.operations(),
        quantised_bits=tally.bits,
        tables={name: tally.costs(one) for name, one in {**TABLES, chosen.name: chosen}.items()},
        layers=tally.rows(chosen),
        spiking=tally.spiking,
        accuracy=accuracies(run, counterparts, bits=tally.bits, sequences=tally.sequences),
    )
    found.write(run.folder)
    return found


def _count(run: TrainedRun, split: Split, samples: int, subject: Mapping[str, Any]) -> Tally:
    """Count batch by batch; kept batches are read."""

    def inputs(rows: NDArray[np.int64]) -> dict[str, Tensor]:
        return {m: x for m, x in run.batch(split, rows).inputs.items() if m in run.model.modalities}

    rows = evenly(samples, len(split))
    chosen = {"samples": len(rows), "batch_size": run.experiment.train.batch_size}
    batches = np.array_split(rows, -(-len(rows) // run.experiment.train.batch_size))
    cache = Cache((run.folder / Energy.FILE).with_name("batches"), {**subject, **chosen})

    def counted(batch: NDArray[np.int64]) -> Counts:
        return counting.count(run.model, [inputs(batch)])

    steps = enumerate(console.steps(batches, "counting"))
    counts = [cache.get(str(number), Counts, partial(counted, batch)) for number, batch in steps]
    first = inputs(rows[:1])
    counterpart = run.experiment.method.one_step().model(run.run.spec).to(run.device)
    return Tally(
        counts=together(counts),
        counterpart=counting.count(counterpart, [first]),
        sequences=any(x.dim() == 5 for x in first.values()),
    )
