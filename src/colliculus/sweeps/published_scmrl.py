"""Tables of S-CMRL (He et al. 2025), of which accuracies are listed where they are at hand."""

from __future__ import annotations

from collections.abc import Mapping

from colliculus.methods import SCMRL
from colliculus.runs.recipes import recipe_changes
from colliculus.sweeps.published import PublishedAccuracy, PublishedTable, Row, published

_SOURCE = "S-CMRL (He et al. 2025, arXiv 2502.12488)"
_ON_TEST = "the best epoch on the test part"
_SAME_ACTORS = "the test's actors of CREMA-D, and the recordings of UrbanSound8K, are in training too"
_DATA = ("crema-d", "urbansound8k-av", "mnistdvs-ntidigits")
_SCMRL = published(_DATA, 73.25, 98.13, 99.28)
_SCA = published(_DATA, 66.53, 97.44, 98.98)
_NO_EXCHANGE = {"crema-d": PublishedAccuracy(70.74, 1.08)}
_WITHOUT_ALIGNMENT = {"method.alignment": False, "method.temperature": SCMRL.temperature}
_UNDER_NOISE = {
    "S-CMRL": "s-cmrl",
    "WeightAttention": "weighted-attention",
    "SCA": "sca",
    "CMCI": "cmci",
    "no exchange": "late-fusion",
}


def _alpha(value: float, accuracy: float, deviation: float) -> Row:
    accuracies = {"crema-d": PublishedAccuracy(accuracy, deviation)}
    return Row(title=f"alpha {value}", method="s-cmrl", settings={"method.alpha": value}, published=accuracies)


def _temperature(value: float, at_default: str = "") -> Row:
    """A row of S-CMRL; the accuracy of its own table is at the temperature of each dataset."""
    accuracies = {name: accuracy for name, accuracy in _SCMRL.items() if name == at_default}
    title, settings = f"temperature {value:g}", {"method.temperature": value}
    return Row(title=title, method="s-cmrl", settings=settings, published=accuracies)


def _branch(name: str) -> Row:
    """A row of S-CMRL with one branch of its attention alone, without alignment."""
    settings = {"method.cross_attention": name, **_WITHOUT_ALIGNMENT}
    return Row(title=f"{name} branch alone", method="s-cmrl", settings=settings)


def _by_recipe(title: str, recipe: str, *, balanced: bool = True, suffix: str = "") -> Row:
    """A row of late fusion with a balance and the training of its authors, or with that training alone."""
    changes = recipe_changes(recipe, balanced=balanced)
    own = {"method.balance.kind": changes.pop("method.balance.kind")}
    return Row(title=title, method="late-fusion-concat", settings=own, base=changes, suffix=suffix)


def _noisy(title: str, method: str) -> tuple[Row, ...]:
    levels = (30, 20, 10, 0)
    noisy = [Row(title=f"{title}, {db} dB", method=method, snr_db={"visual": db}, snr_of="raw") for db in levels]
    return (Row(title=f"{title}, clean", method=method), *noisy)


SCMRL_TABLES: Mapping[str, PublishedTable] = {
    "s-cmrl/table-1": PublishedTable(
        title="fusion methods",
        source=_SOURCE,
        selection=_ON_TEST,
        protocol=_SAME_ACTORS,
        datasets=_DATA,
        against="S-CMRL",
        rows=(
            Row(
                title="WeightAttention",
                method="weighted-attention",
                published=published(_DATA, 64.78, 97.60, 99.14),
            ),
            Row(title="SCA", method="sca", published=_SCA),
            Row(title="CMCI", method="cmci", published=published(_DATA, 70.02, 97.90, 99.04)),
            Row(title="S-CMRL", method="s-cmrl", published=_SCMRL),
        ),
    ),
    "s-cmrl/balance": PublishedTable(
        title="balances and S-CMRL",
        source=_SOURCE,
        selection=_ON_TEST,
        protocol=(
            f"{_SAME_ACTORS}; network and training of the balances are not at hand: ours joins features side by side,"
            " and each balance has its authors' training, which a row without balance has too"
        ),
        datasets=_DATA,
        against="S-CMRL",
        rows=(
            Row(title="none", method="late-fusion-concat"),
            _by_recipe("none, trained as OGM-GE and MSLR", "ogm-ge", balanced=False),
            _by_recipe("OGM-GE", "ogm-ge"),
            _by_recipe("MSLR", "mslr"),
            _by_recipe("none, trained as PMR", "pmr", balanced=False, suffix="as-pmr"),
            _by_recipe("PMR", "pmr"),
            _by_recipe("none, trained as AGM", "agm", balanced=False, suffix="as-agm"),
            _by_recipe("AGM", "agm"),
            Row(title="S-CMRL", method="s-cmrl", published=_SCMRL),
        ),
    ),
    "s-cmrl/alpha": PublishedTable(
        title="weight of the cross-modal residual",
        source=_SOURCE,
        selection=f"mean over three seeds of {_ON_TEST}",
        protocol=_SAME_ACTORS,
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
    "s-cmrl/temperature": PublishedTable(
        title="temperature of the semantic alignment",
        source=_SOURCE,
        selection=_ON_TEST,
        protocol=f"{_SAME_ACTORS}; the accuracy is that of the table of methods, at the temperature of its dataset",
        datasets=_DATA,
        against="temperature 0.07",
        rows=(
            _temperature(0.05),
            _temperature(0.07, "crema-d"),
            _temperature(0.08, "urbansound8k-av"),
            _temperature(0.1, "mnistdvs-ntidigits"),
            _temperature(0.2),
        ),
    ),
    "s-cmrl/parts": PublishedTable(
        title="residual, branches and alignment",
        source=_SOURCE,
        selection=f"{_ON_TEST}; without exchange, the mean of that over three seeds",
        protocol=f"{_SAME_ACTORS}; the accuracies are those of the tables of methods and of alpha",
        datasets=_DATA,
        against="S-CMRL",
        rows=(
            Row(title="S-CMRL", method="s-cmrl", published=_SCMRL),
            Row(title="without alignment", method="s-cmrl", settings=_WITHOUT_ALIGNMENT),
            _branch("spatial"),
            _branch("temporal"),
            Row(
                title="without residual, x' = r",
                method="s-cmrl",
                settings={"method.residual": "replace", "method.alpha": SCMRL.alpha},
            ),
            Row(title="cross-attention alone (SCA)", method="sca", published=_SCA),
            Row(title="without exchange", method="late-fusion", published=_NO_EXCHANGE),
        ),
        notes=(
            "The exchange of the reference program starts silent, and its row x' = r stays at chance; --ours does not.",
        ),
    ),
    "s-cmrl/noise": PublishedTable(
        title="noise on the image",
        source=_SOURCE,
        selection=_ON_TEST,
        protocol="0 to 30 dB of the power of the image before it is standardised, in the program and here; the program"
        " adds it in training and tests clean, ours is trained clean and tested under it",
        datasets=("crema-d",),
        against="S-CMRL, clean",
        rows=tuple(row for title, method in _UNDER_NOISE.items() for row in _noisy(title, method)),
    ),
}
"""By their names for `reproduce`."""
