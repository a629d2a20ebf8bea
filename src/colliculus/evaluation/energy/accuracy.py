"""Test accuracies beside the energies: of the run, and of its ANN counterparts where these were trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

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
        counterparts: runs with `method.neuron.kind` relu and the other settings of `run`, at one step or at as many as
            `run`; with `method.neuron.bits` they are quantised.
        bits: bits of the quantised counterpart that is counted.
        sequences: whether some modality is a sequence, of which a network at one step sees one frame. Of static data it
            sees the same as at T steps.

    Raises:
        ColliculusError: a counterpart is not an ANN, differs in a setting that an ANN has as well, has a number of
            steps or bits that is not counted, or is not finished.
    """
    found: dict[str, NetworkAccuracy] = {}
    if read_result(run.folder) is not None:
        own = _networks("artificial", run.time_steps, run.time_steps, sequences) if _is_artificial(run) else ()
        found = dict.fromkeys(("spiking", *own), NetworkAccuracy.of(run))
    for one in counterparts:
        trained = open_run(one, str(run.device))
        names = _names(run, trained, bits, sequences)
        if second := [name for name in names if name in found]:
            network = second[0].replace("_", " ")
            raise ColliculusError(f"{trained.folder} is a second {network} counterpart: give one of each kind")
        found |= dict.fromkeys(names, NetworkAccuracy.of(trained))
    return found


def _is_artificial(run: TrainedRun) -> bool:
    """True for a network of ReLUs at full width."""
    method = run.experiment.method
    return isinstance(method, SpikingTransformer) and method.neuron.kind == "relu" and method.neuron.bits is None


def _networks(kind: str, steps: int, of_run: int, sequences: bool) -> tuple[str, ...]:
    """Names of the counterparts that a network with that many steps is: at one step, at every step, both, or none."""
    once = (kind,) if steps == 1 or not sequences else ()
    every = (f"{kind}_every_step",) if steps == of_run and sequences else ()
    return once + every


def _names(run: TrainedRun, trained: TrainedRun, bits: int, sequences: bool) -> tuple[str, ...]:
    """Names of the counterparts of a run that another is, after a check that it is one."""
    theirs = trained.experiment.method
    if not isinstance(theirs, SpikingTransformer) or theirs.neuron.kind != "relu":
        raise ColliculusError(
            f"{trained.folder} is not an ANN: train the counterpart with --method.neuron.kind relu and the other"
            f" settings of {run.folder}"
        )
    _check_settings(run, trained)
    if theirs.neuron.bits not in (None, bits):
        raise ColliculusError(
            f"{trained.folder} has {theirs.neuron.bits} bits, and the counterpart that is counted {bits}: train it with"
            f" --method.neuron.bits {bits}, or without"
        )
    kind = "artificial" if theirs.neuron.bits is None else "quantised"
    if names := _networks(kind, trained.time_steps, run.time_steps, sequences):
        return names
    raise ColliculusError(
        f"{trained.folder} has T = {trained.time_steps}, and the counterparts that are counted 1 and {run.time_steps}:"
        f" train it with --method.time-steps 1 or {run.time_steps}"
    )


def _check_settings(run: TrainedRun, trained: TrainedRun) -> None:
    """Check that a counterpart was trained as the run, on the same data.

    Raises:
        ColliculusError: it was not; the first setting that differs is named.
    """
    wrong = differences(_settings(run, one_step=trained.time_steps == 1), _settings(trained))
    if wrong:
        name, (ours, theirs) = next(iter(wrong.items()))
        raise ColliculusError(
            f"{trained.folder} differs from {run.folder} in {name} ({theirs}, not {ours}): train the counterpart as the"
            " run itself"
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
