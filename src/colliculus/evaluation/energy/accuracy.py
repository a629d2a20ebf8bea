"""Test accuracies beside the energies: of the run, and of its ANN counterparts where these were trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from colliculus.evaluation.groups import NOT_OF_THE_METHOD, settings_of
from colliculus.evaluation.trained_run import TrainedRun, open_run
from colliculus.files.documents import Document, differences
from colliculus.methods.spiking_transformer import SpikingTransformer
from colliculus.runs.result import read_result
from colliculus.types import ColliculusError

_OF_SPIKES = ("method.time_steps", "method.rate_target", "method.rate_weight")
_WITHOUT_EFFECT = ("preset", "train.recompute", "train.compile", "train.deterministic", "train.test_each_epoch")
_FREE = frozenset((*NOT_OF_THE_METHOD, *_OF_SPIKES, *_WITHOUT_EFFECT))
"""Settings in which a run and its counterpart may differ, beside those of its neurons and their thresholds."""


@dataclass(frozen=True, kw_only=True)
class NetworkAccuracy:
    """Accuracy of a trained network on the test part.

    Args:
        run: run folder.
        steps: T of the network.
        accuracy: test accuracy, a fraction.
        interval: its 95 % interval over clips.
        total: test clips.
    """

    run: str
    steps: int
    accuracy: float
    interval: tuple[float, float]
    total: int

    @classmethod
    def of(cls, run: TrainedRun) -> NetworkAccuracy:
        """Accuracy of a finished run.

        Raises:
            ColliculusError: it is not finished.
        """
        test = run.result.test
        return cls(
            run=str(run.folder),
            steps=run.time_steps,
            accuracy=test.accuracy,
            interval=test.interval,
            total=test.total,
        )

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.accuracy:.1f} ({100 * low:.1f}..{100 * high:.1f})"


def accuracies(
    run: TrainedRun, counterparts: Sequence[TrainedRun | Path | str], *, bits: int, sequences: bool
) -> dict[str, NetworkAccuracy]:
    """Accuracy of the run ("spiking"), and of the networks beside it that were trained, by their names in `TableCosts`.

    Args:
        run: the run whose energy is counted; without a result, as an imported run, it has no accuracy. A run of ReLUs
            is itself one of the artificial networks.
        counterparts: runs with `method.neuron.kind` relu and the other settings of `run`, at one step of every modality
            or at as many as `run`; with `method.neuron.bits` they are quantised.
        bits: bits of the quantised counterpart that is counted.
        sequences: whether some modality is a sequence, of which a network at one step sees one frame. Of static data it
            sees the same as at T steps.

    Raises:
        ColliculusError: a counterpart is not an ANN, differs in a setting that an ANN has as well, has a number of
            steps or bits that is not counted, or is not finished.
    """
    found: dict[str, NetworkAccuracy] = {}
    if read_result(run.folder) is not None:
        own = _agreeing(run, run, sequences) if _is_relu(run) and _kind(run.experiment.method) == "artificial" else ()
        found = dict.fromkeys(("spiking", *own), NetworkAccuracy.of(run))
    for one in counterparts:
        trained = open_run(one, str(run.device))
        names = _names(run, trained, bits, sequences)
        if second := [name for name in names if name in found]:
            network = second[0].replace("_", " ")
            raise ColliculusError(f"{trained.folder} is a second {network} counterpart: give one of each kind")
        found |= dict.fromkeys(names, NetworkAccuracy.of(trained))
    return found


def _is_relu(run: TrainedRun) -> bool:
    """True for a network of ReLUs, which sends no spikes."""
    method = run.experiment.method
    return isinstance(method, SpikingTransformer) and method.neuron.kind == "relu"


def _kind(method: object) -> Literal["artificial", "quantised"]:
    """Kind of a network of ReLUs: at full width, or of few bits."""
    return "artificial" if isinstance(method, SpikingTransformer) and method.neuron.bits is None else "quantised"


def _names(run: TrainedRun, trained: TrainedRun, bits: int, sequences: bool) -> tuple[str, ...]:
    """Names of the counterparts of a run that another is, after a check that it is one."""
    theirs = trained.experiment.method
    if not isinstance(theirs, SpikingTransformer) or theirs.neuron.kind != "relu":
        raise ColliculusError(
            f"{trained.folder} is not an ANN: train the counterpart with --method.neuron.kind relu and the other"
            f" settings of {run.folder}"
        )
    names = _agreeing(run, trained, sequences)
    if theirs.neuron.bits is not None and _is_relu(run):
        raise ColliculusError(
            f"{trained.folder} is quantised, and {run.folder} has no spikes, whose number says how finely: leave it out"
        )
    if theirs.neuron.bits not in (None, bits):
        raise ColliculusError(
            f"{trained.folder} has {theirs.neuron.bits} bits, and the counterpart that is counted {bits}: train it with"
            f" --method.neuron.bits {bits}, or without"
        )
    return names


def _agreeing(run: TrainedRun, trained: TrainedRun, sequences: bool) -> tuple[str, ...]:
    """Names of the counterparts of a run that a network of ReLUs is: at one step, at every step, or both.

    Raises:
        ColliculusError: it has another number of steps, or was not trained as the run, on the same data; the first
            setting that differs is named.
    """
    kind, steps = _kind(trained.experiment.method), trained.time_steps
    counted: list[tuple[str, Document]] = []
    if steps == 1:
        counted.append((kind, _settings(run, one_step=True)))
    if steps == run.time_steps:
        counted.append((f"{kind}_every_step" if sequences else kind, _settings(run)))
    if not counted:
        wanted = [str(number) for number in sorted({1, run.time_steps})]
        raise ColliculusError(
            f"{trained.folder} has T = {steps}, and the counterparts that are counted {' and '.join(wanted)}: train it"
            f" with --method.time-steps {' or '.join(wanted)}"
        )
    theirs = _settings(trained)
    found = [(name, differences(ours, theirs)) for name, ours in counted]
    if names := dict.fromkeys(name for name, wrong in found if not wrong):
        return tuple(names)
    name, (ours, other) = next(iter(min((wrong for _, wrong in found), key=len).items()))
    raise ColliculusError(
        f"{trained.folder} differs from {run.folder} in {name} ({other}, not {ours}): train the counterpart as the run"
        " itself"
    )


def _settings(run: TrainedRun, *, one_step: bool = False) -> Document:
    """The settings and the data in which a run and its counterpart agree; of the method at one step if so asked."""
    method = run.experiment.method
    if one_step and isinstance(method, SpikingTransformer):
        method = method.one_step()
    settings = settings_of(replace(run.run, experiment=replace(run.experiment, method=method)))
    shared = {name: value for name, value in settings.items() if value != {} and not _is_free(name)}
    return shared | {"the fingerprint of the data": run.run.fingerprint}


def _is_free(setting: str) -> bool:
    """True for a setting in which a counterpart may differ: of neurons, or without effect on what is learned."""
    return setting in _FREE or setting.startswith("method.neuron.") or setting.endswith("threshold")
