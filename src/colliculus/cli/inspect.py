"""`colliculus inspect`: which layers of a trained run fire, how its modalities fare, and which time steps count."""

from __future__ import annotations

from dataclasses import dataclass

from colliculus.cli.options import RunOptions, SettingsT, parse_for_run
from colliculus.records import console
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class Options(RunOptions[SettingsT]):
    """Show how much every layer of a trained run fires, at each time step, and draw it into RUN/inspect.png.

    Then, as far as the run has them, drawn into RUN/balance.png: the validation accuracy of each modality by itself
    (after the exchange, where there is one), by epoch; the reports of a balance; the temporal attention scores of every
    stream, by class and time step; and how the steps of each modality are aligned (TAAF).

    Measured on validation samples, with the settings of the run's data; any can be overridden (--data.root FOLDER).
    """

    samples: int = 256
    """validation samples to measure on, at most"""


def run(arguments: list[str]) -> int:
    """Measure, draw and print."""
    options = parse_for_run(Options, "inspect", arguments)

    from colliculus.evaluation.inspection import inspect

    found = inspect(options.run, options.data, samples=options.samples, device=options.device)
    try:
        drawn = [str(path) for path in found.draw(options.run)]
    except ColliculusError as error:  # without matplotlib the tables remain
        console.remark(f"nothing was drawn: {error}")
        drawn = []
    lines = [f"Drawn in {' and '.join(drawn)}"] if drawn else []
    options.show(found, *lines, run=str(options.run), images=drawn)
    return 0
