"""Test accuracies beside the energies: of the run, and of its ANN counterparts where these were trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from colliculus.evaluation.trained_run import TrainedRun, open_run
from colliculus.methods.spiking_transformer import SpikingTransformer
from colliculus.runs.kept_predictions import Condition
from colliculus.runs.result import read_result
from colliculus.types import ColliculusError


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
    run: TrainedRun, counterparts: Sequence[TrainedRun | Path | str], bits: int
) -> dict[str, NetworkAccuracy]:
    """Accuracy of the run ("spiking") and of its trained counterparts ("artificial", "quantised").

    Args:
        run: the run whose energy is counted; without a result, as an imported run, it has no accuracy.
        counterparts: runs of the same method and data with `method.neuron.kind` relu; with `method.neuron.bits` it is
            the quantised one.
        bits: bits of the quantised counterpart that is counted.

    Raises:
        ColliculusError: a counterpart is of another kind, method, data or number of bits, or is not finished.
    """
    found = {} if read_result(run.folder) is None else {"spiking": NetworkAccuracy.of(run)}
    for one in counterparts:
        trained = open_run(one, str(run.device))
        name = _checked(run, trained, bits)
        if name in found:
            raise ColliculusError(f"{trained.folder} is a second {name} counterpart: give one of each kind")
        found[name] = NetworkAccuracy.of(trained)
    return found


def _checked(run: TrainedRun, trained: TrainedRun, bits: int) -> str:
    """Kind of a counterpart, after a check that it is one of this run."""
    ours, theirs = run.experiment.method, trained.experiment.method
    if not isinstance(theirs, SpikingTransformer) or theirs.neuron.kind != "relu":
        raise ColliculusError(
            f"{trained.folder} is not an ANN: train the counterpart with --method.neuron.kind relu and the other"
            f" settings of {run.folder}"
        )
    same = {
        "method": (type(ours), type(theirs)),
        "data": (run.run.fingerprint, trained.run.fingerprint),
        "noise of the training": (Condition.of(run.run), Condition.of(trained.run)),
    }
    if other := [name for name, (a, b) in same.items() if a != b]:
        raise ColliculusError(
            f"{trained.folder} differs from {run.folder} in its {other[0]}: train the counterpart as the run itself"
        )
    if theirs.neuron.bits not in (None, bits):
        raise ColliculusError(
            f"{trained.folder} has {theirs.neuron.bits} bits, and the counterpart that is counted {bits}: train it with"
            f" --method.neuron.bits {bits}, or without"
        )
    return "artificial" if theirs.neuron.bits is None else "quantised"
