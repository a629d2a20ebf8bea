"""What each of two ranks does; started by test_balance.py as `forked.py balance_worker.py`."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor

from colliculus.data.synthetic import Synthetic
from colliculus.methods import SCMRL, TAAF
from colliculus.modulation import (
    OGMGE,
    Balance,
    BalanceName,
    GBlendingSettings,
    LFMSettings,
    MSLRSettings,
    ScoreBalance,
    ScoreBalanceName,
)
from colliculus.runs.experiment import Experiment, TrainSettings
from colliculus.runs.run import Run
from colliculus.runtime import Runtime
from colliculus.training.learner import Learner

METHOD = SCMRL(dim=8, heads=2, encoder="shallow", time_steps=2, unimodal_loss=1.0)
BY_SCORE = TAAF(dim=8, encoder="shallow", time_steps=2)
EXPERIMENT = Experiment(
    method=METHOD,
    # 13 samples in two batches of 7 and 6: the ranks' shares differ in size
    data=Synthetic(num_classes=3, num_train=13, num_validation=30, num_test=5, size=8, steps=2),
    train=TrainSettings(epochs=3, batch_size=8, warmup_epochs=0, learning_rate=0.03, device="cpu"),
)


QUICK = {
    "mslr": Balance(kind="mslr", mslr=MSLRSettings(window=1)),
    "g-blending": Balance(kind="g-blending", g_blending=GBlendingSettings(super_epoch=1)),
    "lfm": Balance(kind="lfm", lfm=LFMSettings(weight=0.5, rate=1.0)),
}
"""Balances that would do nothing within three epochs."""


def numbers(value: Any) -> Iterator[Tensor]:
    """Every number of a nested state."""
    if isinstance(value, Tensor):
        yield value.double()
    elif isinstance(value, dict):
        for inner in value.values():
            yield from numbers(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, int | float):
        yield torch.tensor(float(value), dtype=torch.float64)


def everything(learner: Learner) -> Tensor:
    """Weights, statistics, moments, the modulator's memory and the log, in one row."""
    state = learner.state()
    parts = (state.model, state.optimizer, state.modulation, state.history)
    return torch.cat([x.flatten() for part in parts for x in numbers(part)])


def drift(learner: Learner, runtime: Runtime) -> float:
    """The largest difference between this rank and the mean of both; not-a-number must stand in the same places."""
    row = everything(learner)
    total = runtime.sum(row)
    assert torch.equal(total.isnan(), row.isnan())
    return (total / 2 - row).nan_to_num().abs().max().item()


def train(learner: Learner, dataset: Any, epochs: range) -> None:
    for epoch in epochs:
        row = learner.train_epoch(dataset.train, epoch, lambda *_: None)
        learner.history.append(row | learner.validate(dataset.validation))


def check(method: SCMRL | TAAF, dataset: Any, runtime: Runtime) -> None:
    kind = method.balance.kind
    run = Run.of(replace(EXPERIMENT, method=method), dataset)
    learner = Learner(run, runtime, None)
    train(learner, dataset, range(2))
    assert drift(learner, runtime) == 0, kind
    resumed = Learner(run, runtime, deepcopy(learner.state()))
    for each in (learner, resumed):
        train(each, dataset, range(2, 3))
    assert drift(learner, runtime) == 0, kind
    told = {value for row in learner.history for name, value in row.items() if name.startswith("modulation_")}
    assert kind == "none" or not told <= {0.0, 1.0}, f"{kind} did nothing"
    assert torch.equal(everything(learner).nan_to_num(), everything(resumed).nan_to_num()), kind


def check_that_drift_is_noticed(dataset: Any, runtime: Runtime) -> None:
    begin_epoch = OGMGE.begin_epoch

    def begin_differently(self: OGMGE, *, seed: int, epoch: int, epochs: int, device: torch.device) -> None:
        begin_epoch(self, seed=seed + runtime.rank, epoch=epoch, epochs=epochs, device=device)

    OGMGE.begin_epoch = begin_differently
    experiment = replace(EXPERIMENT, method=replace(METHOD, balance=Balance(kind="ogm-ge")))
    learner = Learner(Run.of(experiment, dataset), runtime, None)
    train(learner, dataset, range(1))
    assert drift(learner, runtime) > 0


def check_that_no_thread_is_left() -> None:
    """One that still held a tensor at the interpreter's end would abort the rank."""
    tasks = Path("/proc/self/task")
    if tasks.is_dir():  # on Linux
        assert "gloo" not in "".join((task / "comm").read_text() for task in tasks.iterdir())


if __name__ == "__main__":
    with Runtime.start(device="cpu") as started:
        loaded = EXPERIMENT.data.load()
        for name in get_args(BalanceName):
            check(
                replace(BY_SCORE if name == "scores" else METHOD, balance=QUICK.get(name, Balance(kind=name))),
                loaded,
                started,
            )
        for name in get_args(ScoreBalanceName):
            strength = {} if name == "inverse" else {"beta": 0.8}
            scores = ScoreBalance(kind=name, enhancement=name == "gradient", **strength)
            check(replace(BY_SCORE, balance=Balance(kind="scores", scores=scores)), loaded, started)
        check_that_drift_is_noticed(loaded, started)
    check_that_no_thread_is_left()
