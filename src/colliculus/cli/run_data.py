"""The data of a trained run, loaded as the run saw them: what `evaluate` and `inspect` both begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from colliculus.records import console
from colliculus.types import ColliculusError, DataSpec

if TYPE_CHECKING:
    from colliculus.data.dataset import Dataset, DataSettings, Split
    from colliculus.runs.run import Run


def load_data(run: Run, settings: DataSettings) -> Dataset:
    """Load data for a run's model, standardised by what the run was trained with; tell when they are other data.

    Raises:
        ColliculusError: the model cannot take these data.
    """
    dataset = settings.load(run.normalisation)
    check_spec(run.spec, dataset.spec)
    if run.fingerprint and dataset.fingerprint != run.fingerprint:  # an imported run does not know its data
        console.remark(
            f"these are not the data of the training (fingerprint {dataset.fingerprint}, not {run.fingerprint})"
        )
    return dataset


def part_of(dataset: Dataset, name: Literal["test", "validation", "train"]) -> Split:
    """A part of the data as it is stored: what training does to vary its samples is left out."""
    from colliculus.data.augment import AugmentedSplit

    split: Split = getattr(dataset, name)
    return split.split if isinstance(split, AugmentedSplit) else split


def check_spec(trained: DataSpec, given: DataSpec) -> None:
    """Refuse data of other modalities, channels, sizes or classes than the model was trained on.

    Raises:
        ColliculusError: they differ; the sentence says in what.
    """
    known = trained.sizes  # a run imported from a reference checkpoint may know none
    kinds = {
        "modalities": (trained.modalities, given.modalities),
        "channels": (tuple(trained.channels.values()), tuple(given.channels.values())),
        "sizes": (tuple(known.values()), tuple(given.sizes.get(m) for m in known)),
        "classes": (trained.names, given.names if trained.class_names else given.numbers),
    }
    for kind, (ours, theirs) in kinds.items():
        if ours != theirs:
            raise ColliculusError(
                f"the run was trained on the {kind} {_listed(ours)} and these data have {_listed(theirs)}: "
                "give data of the same kind, or train on these"
            )


def _listed(values: tuple[object, ...]) -> str:
    return ", ".join(map(str, values))
