"""Which layers fire."""

from __future__ import annotations

from colliculus.evaluation.spike_health import HEALTHY_RATE, LayerHealth, SpikeHealth
from colliculus.files.documents import from_plain
from colliculus.report.charts import bar, heat
from colliculus.report.folder import Material
from colliculus.report.markup import Html, join, note, table, tag
from colliculus.report.setting import absent

MOMENTS = {"end": "in the model that was kept", "start": "before training"}


def health(material: Material) -> Html:
    """The rate of every layer, over all and at each step, at the end and at the start of training."""
    record = material.analyses.get("inspect")
    if record is None:
        return absent(material, "inspect", "Spike health in training", "This shows that of the model:")
    if not record.keys() & MOMENTS:
        raise KeyError(*MOMENTS)
    low, high = HEALTHY_RATE
    parts: list[Html] = [note(f"Rates between {low:.0%} and {high:.0%} raise no warning.")]
    for moment, when in MOMENTS.items():
        if moment in record:
            found = from_plain(record[moment], SpikeHealth)
            inside = join(*map(_warning, found.warnings()), _layers(found, when))
            parts.append(inside if moment == "end" else tag("details", tag("summary", f"Layers {when}"), inside))
    return join(*parts)


def _layers(found: SpikeHealth, when: str) -> Html:
    steps = max((len(layer.step_rates) for layer in found.layers), default=0)
    header = ["layer", "neurons", "rate, %", "never fire, %", *(f"step {t + 1}" for t in range(steps))]
    rows = [_layer(layer, steps) for layer in found.layers]
    return table(f"Spiking layers {when}; rate at each step in %", header, rows)


def _layer(layer: LayerHealth, steps: int) -> list[str]:
    rates = [heat(rate, f"{100 * rate:.1f}") for rate in layer.step_rates]
    text = f"{100 * layer.rate:.1f}" if layer.rate else "silent"
    rest = ["" for _ in range(steps - len(rates))]
    return [
        layer.label,
        f"{layer.num_neurons:,}",
        bar(layer.rate, None, text),
        f"{100 * layer.silent:.0f}",
        *rates,
        *rest,
    ]


def _warning(sentence: str) -> Html:
    return tag("p", sentence, attributes={"class": "warning"})
