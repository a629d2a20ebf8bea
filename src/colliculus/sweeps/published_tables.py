"""Tables of the papers as data: what was published, and which of our trainings stands for each row.

Only figures that are at hand stand here; a row without one says so where it is printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Figure:
    """A published accuracy in percent, with its standard deviation over seeds where one was given."""

    accuracy: float
    deviation: float | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table.

    Args:
        title: as it is printed.
        method: of ours; with a dataset's name it names a preset.
        settings: of the method that make this row, by the names of the command line.
        snr_db: white noise on modalities at test, in decibels.
        published: the paper's figure by name of dataset.
    """

    title: str
    method: str
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    snr_db: Mapping[str, float] = field(default_factory=dict[str, float])
    published: Mapping[str, Figure] = field(default_factory=dict[str, Figure])


@dataclass(frozen=True, kw_only=True)
class PublishedTable:
    """A table of a paper.

    Args:
        title: what it shows.
        source: the paper.
        protocol: how the paper came to its figures.
        datasets: that the paper has it for, by our names.
        against: title of the row that the others are measured from.
        rows: in order.
    """

    title: str
    source: str
    protocol: str
    datasets: tuple[str, ...]
    against: str
    rows: tuple[Row, ...]


_SCMRL = "S-CMRL (He et al. 2025, arXiv 2502.12488)"
_TAAF = "TAAF (Shen et al. 2025, arXiv 2505.14535)"
_BEST_ON_TEST = "the best epoch on the test set; on CREMA-D the test's actors are in training too"


def _three(crema_d: float, urbansound8k_av: float, mnistdvs_ntidigits: float) -> dict[str, Figure]:
    figures = {"crema-d": crema_d, "urbansound8k-av": urbansound8k_av, "mnistdvs-ntidigits": mnistdvs_ntidigits}
    return {name: Figure(accuracy) for name, accuracy in figures.items()}


def _alpha(value: str, accuracy: float, deviation: float) -> Row:
    figure = {"crema-d": Figure(accuracy, deviation)}
    return Row(title=f"alpha {value}", method="s-cmrl", settings={"method.alpha": value}, published=figure)


def _noisy(title: str, method: str) -> tuple[Row, ...]:
    noisy = [Row(title=f"{title}, {db} dB", method=method, snr_db={"visual": db}) for db in (30, 20, 10, 0)]
    return (Row(title=f"{title}, clean", method=method), *noisy)


TABLES: Mapping[str, PublishedTable] = {
    "s-cmrl/table-1": PublishedTable(
        title="fusion methods",
        source=_SCMRL,
        protocol=_BEST_ON_TEST,
        datasets=("crema-d", "urbansound8k-av", "mnistdvs-ntidigits"),
        against="S-CMRL",
        rows=(
            Row(title="WeightAttention", method="weighted-attention", published=_three(64.78, 97.60, 99.14)),
            Row(title="SCA", method="sca", published=_three(66.53, 97.44, 98.98)),
            Row(title="CMCI", method="cmci", published=_three(70.02, 97.90, 99.04)),
            Row(title="S-CMRL", method="s-cmrl", published=_three(73.25, 98.13, 99.28)),
        ),
    ),
    "s-cmrl/alpha": PublishedTable(
        title="weight of the cross-modal residual",
        source=_SCMRL,
        protocol=f"mean over three seeds of {_BEST_ON_TEST}",
        datasets=("crema-d",),
        against="alpha 0.0",
        rows=(
            _alpha("0.0", 70.74, 1.08),
            _alpha("0.5", 71.01, 0.60),
            _alpha("1.0", 71.68, 0.41),
            _alpha("1.5", 72.31, 0.94),
            _alpha("2.0", 72.22, 0.28),
        ),
    ),
    "s-cmrl/noise": PublishedTable(
        title="noise on the picture",
        source=_SCMRL,
        protocol="0 to 30 dB on the picture; the released program adds it in training and tests clean, ours at test",
        datasets=("crema-d",),
        against="S-CMRL, clean",
        rows=(*_noisy("S-CMRL", "s-cmrl"), *_noisy("no exchange", "late-fusion")),
    ),
    "taaf/table-1": PublishedTable(
        title="temporal attention and balance",
        source=_TAAF,
        protocol="as published, its details are not at hand; its third figure is on data (EAD) that nobody else names",
        datasets=("crema-d", "ave"),
        against="TAAF (our reading)",
        rows=(
            Row(
                title="TAAF (our reading)",
                method="taaf",
                published={"crema-d": Figure(77.55), "ave": Figure(70.65)},
            ),
            Row(title="without balance", method="taaf", settings={"method.balance.kind": "none"}),
            Row(title="late fusion, concatenation", method="late-fusion-concat"),
        ),
    ),
}
"""Every table by the name that `colliculus reproduce` knows it by."""
