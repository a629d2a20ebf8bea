"""The card of a shared run: a page of Markdown from `result.json`, with the front matter that the hub reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from shlex import quote

import yaml

from colliculus.data.given import Given
from colliculus.evaluation.energy.record import NOT_TRAINED, Energy
from colliculus.evaluation.spike_health import read_health
from colliculus.evaluation.trained_run import TrainedRun
from colliculus.records.console import accuracy, percent
from colliculus.runs.identity import digest
from colliculus.runs.names import MODEL_FILE
from colliculus.runs.result import TrainingResult
from colliculus.types import ColliculusError, DataSpec, printable

_CLASSES = 100  # named on the card; run.yaml has all


def card(run: TrainedRun, *, data_licence: str, licence: str | None, address: str) -> str:
    """The card.

    Args:
        run: finished run.
        data_licence: licence of the files that it was trained on, in its owner's words.
        licence: licence of the weights, by its name on the hub; None leaves it open.
        address: name of the shared run in the commands: hf://owner/name, or the folder without its path.
    """
    result = run.result
    matter = yaml.safe_dump(_front_matter(run, licence), sort_keys=False, allow_unicode=True)
    about = (
        f"A multimodal spiking neural network, trained by [Colliculus](https://pypi.org/project/colliculus/) "
        f"{_text(result.versions.get('colliculus', ''))}: it reads {_text(' and '.join(run.run.spec.modalities))} and "
        f"tells {run.run.spec.num_classes} classes apart."
    )
    parts = [
        f"---\n{matter}---",
        f"# {_text(result.preset)}",
        about,
        _table(("", ""), _facts(run, result)),
        "The figures are those that the program measured when it trained the run. They were not verified by anyone.",
        "## Inputs",
        _table(("modality", "shape of a clip"), _inputs(run.run.spec)),
        f"Classes: {_classes(run.run.spec)}",
        "## Use",
        _commands(run, address),
        "## Licences",
        f"Data of the training: {_text(data_licence)}. Weights: {_text(licence or 'not stated')}.",
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(run: TrainedRun, licence: str | None) -> dict[str, object]:
    result = run.result
    metrics = [
        {"type": "accuracy", "value": result.test.accuracy, "name": "test accuracy"},
        {"type": "f1", "value": result.test.macro_f1, "name": "test macro-F1"},
    ]
    measured = {
        "task": {"type": "other", "name": "multimodal classification"},
        "dataset": {"type": result.dataset, "name": f"{result.dataset}, {result.protocol}", "split": "test"},
        "metrics": metrics,
    }
    return {
        "library_name": "colliculus",
        **({"license": licence} if licence else {}),
        "tags": ["spiking-neural-network", "multimodal", result.method, *run.run.spec.modalities],
        "model-index": [{"name": result.preset, "results": [measured]}],
    }


def _facts(run: TrainedRun, result: TrainingResult) -> list[tuple[str, str]]:
    parts = {"test accuracy": result.test, "validation accuracy": result.validation}
    facts = {
        **{name: accuracy(m.accuracy, m.interval, m.correct, m.total) for name, m in parts.items() if m},
        "test macro-F1": percent(result.test.macro_f1),
        "data": f"{result.dataset}, {result.protocol}",
        "data fingerprint": result.fingerprint,
        "method": f"{result.method}, {result.parameters:,} parameters, T = {run.time_steps}",
        "training": f"seed {result.seed}, {result.epochs} epochs; kept by: {result.selection}",
        **({"started from": result.start} if result.start else {}),
        **_spikes(run.folder),
        **_energy(run.folder),
    }
    return [*facts.items()]


def _spikes(folder: Path) -> dict[str, str]:
    if (health := read_health(folder).get("end")) is None:
        return {}
    return {"spikes": "; ".join((f"{health.spikes:,.0f} a clip", *health.warnings()))}


def _energy(folder: Path) -> dict[str, str]:
    """The energy of a clip, where `colliculus energy` counted it for these weights."""
    try:
        found = Energy.read(folder / Energy.FILE)
    except ColliculusError:
        return {}
    if found.model != digest(folder / MODEL_FILE):
        return {}
    artificial, correct = found.counterpart()
    spiking, rival = (f"{c.total_nj / 1000:,.3g} uJ" for c in (found.totals.spiking_once, artificial))
    how = f"counted operations at {found.cost_table}, memory included, a static input once"
    trained = correct if correct == NOT_TRAINED else f"test accuracy in percent: {correct}"
    return {"energy of a clip": f"{spiking}, {how}", "its ANN counterpart": f"{rival}, {trained}"}


def _inputs(spec: DataSpec) -> list[tuple[str, str]]:
    def shape(modality: str) -> str:
        steps = (spec.steps[modality],) if modality in spec.steps else ()
        return " x ".join(map(str, (*steps, spec.channels[modality], *spec.sizes.get(modality, ("H", "W")))))

    return [(m, f"{shape(m)}{' (T x C x H x W)' if m in spec.steps else ' (C x H x W)'}") for m in spec.modalities]


def _classes(spec: DataSpec) -> str:
    more = f" and {len(spec.names) - _CLASSES} more, in run.yaml" if len(spec.names) > _CLASSES else ""
    return ", ".join(map(_text, spec.names[:_CLASSES])) + more


def _commands(run: TrainedRun, address: str) -> str:
    data = run.experiment.data
    if isinstance(data, Given):  # no file holds such data
        lines = (
            "```python",
            "import colliculus as cl",
            f"run = cl.load({address!r})  # run.model, run.predict(tensors)",
        )
    else:
        root = " --data.root FOLDER" if hasattr(data, "root") else ""
        lines = (
            "```bash",
            "pip install 'colliculus[share]'",
            f"colliculus predict {quote(address)} FILE...",
            f"colliculus evaluate {quote(address)}{root}",
        )
    return "\n".join((*lines, "```"))


def _table(headings: Sequence[str], rows: Sequence[tuple[str, str]]) -> str:
    lines = (headings, ("---",) * len(headings), *rows)
    return "\n".join(f"| {' | '.join(map(_text, cells))} |" for cells in lines)


def _text(text: str) -> str:
    """Text of others inside Markdown: no markup, one line.

    Example:
        >>> _text("a|b <script>")
        'a&#124;b &lt;script&gt;'
    """
    marks: Mapping[int, str] = {ord(mark): f"&#{ord(mark)};" for mark in "|*_`[]\\!"}
    return escape(printable(text), quote=False).translate(dict(marks))
