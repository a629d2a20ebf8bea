"""How a run stands what spoils its inputs."""

from __future__ import annotations

from colliculus.report.folder import Material
from colliculus.report.markup import Html
from colliculus.report.setting import absent


def mean_area(material: Material) -> float | None:
    """None where it was not measured."""
    return None


def robustness(material: Material) -> Html:
    return absent(material, "robustness", "How it stands noise and loss")
