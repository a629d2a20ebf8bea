"""The stream of a trained run."""

from __future__ import annotations

from pathlib import Path

from colliculus.evaluation.trained_run import TrainedRun, open_run
from colliculus.runtime import InferencePrecision
from colliculus.streaming.stream import Stream


def stream(
    run: TrainedRun | Path | str,
    *,
    window: int | None = None,
    stride: int | None = None,
    carry: bool = False,
    device: str = "auto",
    precision: InferencePrecision | None = None,
) -> Stream:
    """The model of a trained run as a stream: frames come one after the other, and there is an answer after each.

    Args:
        run: run, or its folder.
        window: steps of a window; None is all T of the model.
        stride: steps after which another window begins; None begins it when the last one ends.
        carry: no windows, membranes go on for ever.
        device: as in `load`.
        precision: as in `load`.

    Raises:
        ColliculusError: the folder is not a run folder, a setting is out of range, or the model cannot run that way.

    Example:
        >>> import colliculus as cl
        >>> import torch
        >>> small = {"data": {"num_train": 32, "num_test": 6, "size": 16}, "train": {"epochs": 1}, "method": {"dim": 8}}
        >>> run = cl.fit(cl.preset("late-fusion-synthetic", **small), progress=False)
        >>> stream = cl.stream(run)
        >>> state = stream.start()
        >>> output, state = stream.step({"audio": torch.zeros(1, 1, 16, 16)}, state)
        >>> state.step, output.logits.shape
        (1, torch.Size([1, 6]))
    """
    opened = open_run(run, device, precision=precision)
    return Stream(opened.model, opened.time_steps, window=window, stride=stride, carry=carry)
