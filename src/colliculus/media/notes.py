"""Notes on files that were read although something about them is odd; the command that reads them reports the notes."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

NoteKind = Literal[
    "damaged", "cut-short", "number-range", "beyond-full-scale", "clipped", "opposite-phase", "silent", "constant"
]

NOTES: Mapping[NoteKind, str] = {
    "damaged": "files of which a part cannot be decoded",
    "cut-short": "files that end before the length that they state",
    "number-range": "images whose numbers do not fill the range of their type, which were scaled",
    "beyond-full-scale": "sounds beyond full scale, which were scaled to it",
    "clipped": "sounds that are clipped at full scale",
    "opposite-phase": "sounds whose channels cancel one another",
    "silent": "sounds that are silent",
    "constant": "images and videos of one colour",
}
"""Kinds of notes and their meanings."""
DAMAGE: tuple[NoteKind, ...] = ("damaged", "cut-short")
"""Kinds of notes that `--strict` refuses."""

_collected: ContextVar[dict[str, str] | None] = ContextVar("collected notes", default=None)


def note(kind: NoteKind, sentence: str) -> None:
    """Add a sentence to the notes that are being collected, if any are."""
    if (notes := _collected.get()) is not None and sentence not in notes.get(kind, "").split("; "):
        notes[kind] = f"{notes[kind]}; {sentence}" if kind in notes else sentence


@contextmanager
def collected_notes() -> Generator[dict[str, str]]:
    """Sentences by kind on whatever is read in the block.

    Example:
        >>> with collected_notes() as notes:
        ...     note("silent", "a.wav is silent")
        >>> notes
        {'silent': 'a.wav is silent'}
    """
    notes: dict[str, str] = {}
    token = _collected.set(notes)
    try:
        yield notes
    finally:
        _collected.reset(token)


def note_again(notes: Mapping[str, str]) -> None:
    """Add notes that were collected elsewhere."""
    for kind in NOTES:
        for sentence in filter(None, notes.get(kind, "").split("; ")):
            note(kind, sentence)
