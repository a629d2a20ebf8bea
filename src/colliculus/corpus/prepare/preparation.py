"""Record of a preparation: how many samples can be used, and what is wrong with the others."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from colliculus.corpus.prepare.oddities import oddities
from colliculus.corpus.prepare.result import PreparationResult
from colliculus.corpus.prepare.storage import Sound, Storage
from colliculus.corpus.prepare.workspace import Incomplete, Workspace
from colliculus.corpus.sample import Sample
from colliculus.records import Record, Table

_ONE_MODALITY = ("holds no sound", "holds no image")  # the rest of such a clip may be usable


@dataclass(frozen=True)
class Cut:
    """Sounds of one modality that are longer than the stored length.

    Args:
        longer: number of clips whose sound is cut.
        clips: number of clips with this modality.
        length_s: stored length in seconds.
    """

    longer: int
    clips: int
    length_s: float


@dataclass(frozen=True)
class Preparation(Record):
    """Result of `colliculus.corpus.prepare.build.prepare`.

    Args:
        folder: the prepared folder.
        samples: number of samples of the recipe.
        usable: number of samples that can be trained on.
        kept: number of samples that had been prepared before.
        incomplete: treatment of samples with an unreadable modality.
        problems: number of samples with each kind of problem, the most frequent first.
        example: first sentence of each kind of problem.
        kept_without: number of samples with a problem that are kept without a modality, by modality.
        cut: sounds that are longer than the stored length, by modality.
        skipped: files that the recipe skipped, by ending.
        oddities: sentences on odd files, samples without a modality, and skipped files.
        stored: what is kept of each file, by modality.
    """

    folder: Path
    samples: int
    usable: int
    kept: int
    incomplete: Incomplete
    problems: Mapping[str, int]
    example: Mapping[str, str]
    kept_without: Mapping[str, int]
    cut: Mapping[str, Cut]
    skipped: Mapping[str, tuple[str, ...]]
    oddities: tuple[str, ...]
    stored: Mapping[str, str]

    def table(self) -> Table:
        """Counts, with problems and advice below."""
        rows = {
            "samples": f"{self.samples:,}",
            "usable": f"{self.usable:,}",
            **({"kept": f"{self.kept:,} had been prepared before"} if self.kept else {}),
            **({"problems": f"{sum(self.problems.values()):,}"} if self.problems else {}),
            **self.stored,
        }
        return Table.facts("Prepared", rows, self._notes())

    def _notes(self) -> list[str]:
        notes = [f"  {count:,} x {kind}, such as: {self.example[kind]}" for kind, count in self.problems.items()]
        notes += [f"  {count:,} x kept without {modality}" for modality, count in self.kept_without.items()]
        if self.incomplete == "skip" and any(kind.startswith(_ONE_MODALITY) for kind in self.problems):
            notes.append("Clips without sound or images are left out; `incomplete` keep, in a new folder, keeps them.")
        if self.problems:
            notes.append("Fix the files with problems and prepare again: the samples will be added.")
        notes += [
            f"{cut.longer:,} of {cut.clips:,} clips are longer than {cut.length_s:g} s: the rest of their sound is cut"
            for cut in self.cut.values()
        ]
        notes += self.oddities
        notes.append(f"The data are in {self.folder}; its manifest.csv lists every sample.")
        return notes


def summarise(
    place: Workspace,
    samples: Sequence[Sample],
    results: Sequence[PreparationResult],
    *,
    folder: Path,
    kept: int,
    skipped: Mapping[str, tuple[str, ...]],
) -> Preparation:
    """Count the results of the samples; for the keyword arguments see `Preparation`."""
    problems = [
        (kind_of(result.problem, sample), result.problem)
        for sample, result in zip(samples, results, strict=True)
        if result.problem
    ]
    left_out = [len(result.missing) == len(place.storages) for result in results]
    lost = zip(samples, results, left_out, strict=True)
    without = Counter(
        m for s, result, gone in lost if result.problem and not gone for m in result.missing if m in s.files
    )
    return Preparation(
        folder=folder,
        samples=len(results),
        usable=left_out.count(False),
        kept=kept,
        incomplete=place.incomplete,
        problems=dict(Counter(kind for kind, _ in problems).most_common()),
        example=dict(reversed(problems)),
        kept_without=dict(without),
        cut=_cut(results, place.storages),
        skipped=skipped,
        oddities=oddities(samples, results, place.storages, skipped),
        stored={m: f"{storage.in_words}: {shape_in_words(storage)}" for m, storage in place.storages.items()},
    )


def shape_in_words(storage: Storage) -> str:
    """Shape of a stored sample.

    Example:
        >>> shape_in_words(Sound(kind="waveform", duration_s=2.0))
        '44100 samples'
    """
    lengths = " x ".join(map(str, storage.shape))
    return lengths if len(storage.shape) > 1 else f"{lengths} samples"


def _cut(results: Sequence[PreparationResult], storages: Mapping[str, Storage]) -> dict[str, Cut]:
    found: dict[str, Cut] = {}
    for modality, storage in storages.items():
        if isinstance(storage, Sound) and storage.duration_s is not None:
            lengths = [result.duration_s or 0.0 for result in results if modality not in result.missing]
            if longer := sum(length > storage.duration_s for length in lengths):
                found[modality] = Cut(longer, len(lengths), storage.duration_s)
    return found


def kind_of(problem: str, sample: Sample) -> str:
    """A problem without its file and its numbers.

    Example:
        >>> sample = Sample(name="a", label="0", files={"visual": "a is b.mp4"})
        >>> kind_of("a is b.mp4 ends at 1.5 s and the sample begins at 2 s: fix `start`", sample)
        'ends at N s and the sample begins at N s'
    """
    sentence = problem
    for file in sorted(sample.files.values(), key=len, reverse=True):
        sentence = sentence.removeprefix(file)
    return re.sub(r"-?\d[\d.]*", "N", re.split(r" \(|: |; ", sentence)[0].strip())
