"""What a decision costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from colliculus.report.charts import bar
from colliculus.report.figures import Figure
from colliculus.report.folder import Material
from colliculus.report.markup import Html, facts, join, note, percent, table, tag
from colliculus.report.setting import absent

TWINS = {
    "artificial": "artificial network, one step",
    "artificial_every_step": "artificial network, every step",
    "quantised": "quantised network, one step",
    "quantised_every_step": "quantised network, every step",
}


COMPARED_AT = "45nm-fp32"
"""Costs at which runs are compared, whatever each was reckoned with: every record holds them."""


def clip_energy(material: Material) -> Figure | None:
    """Energy of one clip in uJ, compute and memory, at `COMPARED_AT`; None where it was not counted."""
    document = material.analyses.get("energy")
    if document is None:
        return None
    about = {
        "data": document["fingerprint"],
        "part of the data": document["split"],
        "noise": document["snr_db"],
        "number of clips": document["samples"],
    }
    spiking = document["tables"][COMPARED_AT]["spiking_first_layer_once"]
    return Figure(microjoules(spiking["total_nj"]), about)


def energy(material: Material) -> Html:
    """Operations, energies beside those of the twins, every cost table, and every layer."""
    document = material.analyses.get("energy")
    if document is None:
        return absent(material, "energy", "The energy of a decision")
    operations = document["operations"]
    rows = {
        "accumulates (AC) of a clip": _count(operations["ac"]),
        "multiply-accumulates (MAC)": _count(operations["mac"]),
        "MAC of the artificial twin": _count(operations["twin_mac"]),
        "mean rate behind the first layers": percent(document["rate"]),
    }
    return join(facts(rows), _networks(document), _tables(document), _layers(document["layers"]), note(_how(document)))


def _totals(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return document["tables"][document["table"]]


def _how(document: Mapping[str, Any]) -> str:
    return (
        f"Counted on {document['samples']:,} clips, by what is not zero; costs of {document['table']}. Even at: mean "
        "rate of spikes at which the spiking network would cost as much as that one."
    )


def _networks(document: Mapping[str, Any]) -> Html:
    totals = _totals(document)
    networks: dict[str, Mapping[str, float]] = {
        "spiking, as it runs": totals["spiking"],
        "spiking, first layer of a still input once": totals["spiking_first_layer_once"],
    }
    twins: Mapping[str, Mapping[str, float]] = totals["twins"]
    networks |= {TWINS.get(name, name): twin for name, twin in twins.items()}
    rates = {TWINS.get(name, name): found["total"] for name, found in totals["break_even_rate"].items()}
    largest = max(one["total_nj"] for one in networks.values())
    rows = [
        [
            name,
            *(microjoules(one[part]) for part in ("compute_nj", "addressing_nj", "memory_nj")),
            bar(one["total_nj"] / largest, None, microjoules(one["total_nj"])),
            _rate(rates[name]) if name in rates else "",
        ]
        for name, one in networks.items()
    ]
    header = ["network", "compute, uJ", "addressing, uJ", "memory, uJ", "together, uJ", "even at"]
    return table("Energy of one clip", header, rows)


def _tables(document: Mapping[str, Any]) -> Html:
    rows: list[Sequence[str]] = []
    for name, totals in document["tables"].items():
        spiking, artificial = totals["spiking_first_layer_once"], totals["twins"]["artificial"]
        ratios = (f"{artificial[part] / spiking[part]:.2f}" for part in ("compute_nj", "total_nj"))
        energies = (microjoules(one["compute_nj"]) for one in (spiking, artificial))
        rows.append([name, f"{totals['mac_pj']:g}", f"{totals['ac_pj']:g}", *energies, *ratios])
    header = ["costs", "MAC, pJ", "AC, pJ", "spiking, uJ", "artificial, uJ", "ratio", "ratio with memory"]
    return table("What the choice of costs does: compute of both, artificial over spiking", header, rows)


def _layers(layers: Sequence[Mapping[str, Any]]) -> Html:
    rows = [
        [
            row["layer"],
            _count(row["mac"]),
            _count(row["ac"]),
            percent(row["rate"]),
            microjoules(row["compute_nj"]),
            microjoules(row["memory_nj"] + row["addressing_nj"]),
        ]
        for row in layers
    ]
    header = ["layer", "MAC", "AC", "rate", "compute, uJ", "memory and addressing, uJ"]
    inside = table("Every layer, of one clip", header, rows)
    return tag("details", tag("summary", "Layer by layer"), inside)


def microjoules(nanojoules: float) -> str:
    """Nanojoules as a number of microjoules.

    Example:
        >>> microjoules(12345.6)
        '12.3'
    """
    return f"{nanojoules / 1000:.3g}"


def _rate(share: float | None) -> str:
    if share is None:
        return "never"
    return percent(share) if share <= 1 else "any rate"


def _count(number: float) -> str:
    return f"{number:,.0f}"
