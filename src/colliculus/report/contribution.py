"""Contribution of the modalities by class."""

from __future__ import annotations

from colliculus.evaluation.contribution import Contribution
from colliculus.records import Column, Table


def by_class(record: Contribution) -> Table:
    """Shapley value of each modality on the clips of each class."""
    modalities = record.given[-1].modalities
    columns = Column("class"), *(Column(heading, "right") for heading in ("clips", *modalities))
    rows = [
        (
            one.name,
            f"{one.total:,}",
            *("-" if one.shapley is None else f"{100 * one.shapley[m]:+.1f}" for m in modalities),
        )
        for one in record.by_class
    ]
    return Table(columns, rows, "By class: Shapley value in the probability of the class, points, mean over its clips")
