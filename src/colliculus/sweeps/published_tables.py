"""Tables of the papers as data: published accuracies, and which of our trainings stands for each row.

Only accuracies that are at hand are listed; a row without one is printed as "not at hand".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PublishedAccuracy:
    """A published accuracy in percent, with its standard deviation over seeds where the paper gives one.

    Example:
        >>> str(PublishedAccuracy(70.74, 1.08)), str(PublishedAccuracy(73.25))
        ('70.74 ± 1.08', '73.25')
    """

    accuracy: float
    deviation: float | None = None

    def __str__(self) -> str:
        return f"{self.accuracy:.2f}" + ("" if self.deviation is None else f" ± {self.deviation:.2f}")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table.

    Args:
        title: title as it is printed.
        method: our method; followed by the name of a dataset it names a preset.
        settings: settings of this row by dotted name.
        snr_db: white noise on modalities in the test, in dB.
        published: the paper's accuracy by dataset.
    """

    title: str
    method: str
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    snr_db: Mapping[str, float] = field(default_factory=dict[str, float])
    published: Mapping[str, PublishedAccuracy] = field(default_factory=dict[str, PublishedAccuracy])


@dataclass(frozen=True, kw_only=True)
class PublishedTable:
    """A table of a paper.

    Args:
        title: subject of the table.
        source: the paper.
        protocol: how the paper obtained its accuracies.
        datasets: datasets of the table, by our names.
        against: title of the reference row, from which distances are measured.
        rows: rows in order.
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


def _three(crema_d: float, urbansound8k_av: float, mnistdvs_ntidigits: float) -> dict[str, PublishedAccuracy]:
    accuracies = {"crema-d": crema_d, "urbansound8k-av": urbansound8k_av, "mnistdvs-ntidigits": mnistdvs_ntidigits}
    return {name: PublishedAccuracy(accuracy) for name, accuracy in accuracies.items()}


def _alpha(value: float, accuracy: float, deviation: float) -> Row:
    published = {"crema-d": PublishedAccuracy(accuracy, deviation)}
    return Row(title=f"alpha {value}", method="s-cmrl", settings={"method.alpha": value}, published=published)


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
            _alpha(0.0, 70.74, 1.08),
            _alpha(0.5, 71.01, 0.60),
            _alpha(1.0, 71.68, 0.41),
            _alpha(1.5, 72.31, 0.94),
            _alpha(2.0, 72.22, 0.28),
        ),
    ),
    "s-cmrl/noise": PublishedTable(
        title="noise on the image",
        source=_SCMRL,
        protocol="0 to 30 dB on the image; the released program adds it in training and tests clean, ours at test",
        datasets=("crema-d",),
        against="S-CMRL, clean",
        rows=(*_noisy("S-CMRL", "s-cmrl"), *_noisy("no exchange", "late-fusion")),
    ),
    "taaf/table-1": PublishedTable(
        title="temporal attention and balance",
        source=_TAAF,
        protocol="as published, details are not at hand; the third accuracy is on data (EAD) that no other paper names",
        datasets=("crema-d", "ave"),
        against="TAAF (our reading)",
        rows=(
            Row(
                title="TAAF (our reading)",
                method="taaf",
                published={"crema-d": PublishedAccuracy(77.55), "ave": PublishedAccuracy(70.65)},
            ),
            Row(title="without balance", method="taaf", settings={"method.balance.kind": "none"}),
            Row(title="late fusion, concatenation", method="late-fusion-concat"),
        ),
    ),
}
"""Every table by its name for `reproduce`."""
