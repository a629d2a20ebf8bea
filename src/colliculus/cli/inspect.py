"""`colliculus inspect`: which layers of a trained run fire, how its modalities fare, and which time steps count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from colliculus.cli.options import RunFolder, SettingsT, Switch, parse_for_run
from colliculus.records import console
from colliculus.types import ColliculusError


@dataclass(frozen=True, kw_only=True)
class Options(Generic[SettingsT]):
    """Show how much every layer of a trained run fires, at each time step, and draw it into RUN/inspect.png.

    Then, as far as the run has them, drawn into RUN/balance.png: the validation accuracy of each modality alone, by
    epoch; the reports of a balance; the temporal attention scores of every stream, by class and time step; and how the
    steps of each modality are aligned (TAAF).

    Measured on validation samples, with the settings of the run's data; any can be overridden (--data.root FOLDER).
    """

    run: RunFolder
    """folder of the run"""
    samples: int = 256
    """validation samples to measure on, at most"""
    device: str = "auto"
    """auto (CUDA where present, else CPU), cpu, cuda, or one GPU such as cuda:0"""
    json: Switch = False
    """print one JSON object"""
    data: SettingsT
    """the data to measure on"""


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
    if options.json:
        console.show_json({"run": str(options.run)} | found.to_dict() | {"images": drawn})
    else:
        console.show(found.table().renderable(), *([f"Drawn in {' and '.join(drawn)}"] if drawn else []))
    return 0
