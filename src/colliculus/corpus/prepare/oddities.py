"""Sentences on what a preparation found beside its problems: odd files, samples without a modality, skipped files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from colliculus.corpus.prepare.result import PreparationResult
from colliculus.corpus.sample import Sample
from colliculus.media.notes import NOTES


def oddities(
    samples: Sequence[Sample],
    results: Sequence[PreparationResult],
    modalities: Iterable[str],
    skipped: Mapping[str, Sequence[str]],
) -> tuple[str, ...]:
    """A sentence, with a number and an example, for each kind of oddity.

    Args:
        samples: the samples.
        results: result of each.
        modalities: modalities of the data set.
        skipped: files of other kinds by ending.

    Example:
        >>> files = {"a": {"audio": "a.wav"}, "b": {"visual": "b.png"}}
        >>> pair = [Sample(name=name, label="0", files=own) for name, own in files.items()]
        >>> done = [PreparationResult(0, (), "", notes={"silent": "a.wav is silent"}), PreparationResult(1, (), "")]
        >>> for sentence in oddities(pair, done, ("audio",), {".txt": ["notes.txt"]}):
        ...     print(sentence)
        1 sample: sounds that are silent (a.wav is silent).
        1 of 2 samples have no audio, such as b.
        Files of other kinds were skipped: 1 x .txt (notes.txt).
    """
    found: list[str] = []
    for kind, meaning in NOTES.items():
        if noted := [result.notes[kind] for result in results if kind in result.notes]:
            found.append(f"{len(noted):,} sample{'s' * (len(noted) > 1)}: {meaning} ({_first(noted)}).")
    for modality in modalities:
        lacking = [sample.name for sample in samples if modality not in sample.files]
        if 0 < len(lacking) < len(samples):
            found.append(f"{len(lacking):,} of {len(samples):,} samples have no {modality}, such as {lacking[0]}.")
    return (*found, *skipped_sentence(skipped))


def skipped_sentence(skipped: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """A sentence on files of other kinds, if there are any."""
    endings = ", ".join(f"{len(files):,} x {ending} ({_first(files)})" for ending, files in skipped.items())
    return (f"Files of other kinds were skipped: {endings}.",) if endings else ()


def _first(cases: Sequence[str]) -> str:
    return cases[0] if len(cases) == 1 else f"{cases[0]}, ..."
