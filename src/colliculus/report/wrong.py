"""Wrong clips: the file, the picture and the sound behind each wrong prediction, the most certain ones first."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from colliculus.files.plain import read_text
from colliculus.media.window import Window
from colliculus.report.embedded import EmbeddedClip, embedded
from colliculus.report.material import Material
from colliculus.runs.kept_predictions import Condition, read_predictions
from colliculus.runs.predictions import BY, CLIP, END, FILE_BREAK, FILES, PROBABILITY, START

MOST = 12
"""Clips that are shown."""


@dataclass(frozen=True)
class WrongClips:
    """Wrong predictions of a run for its test clips.

    Args:
        clips: the shown ones.
        number: how many there are.
        remark: sentence on what is not shown; empty where all is.
    """

    clips: Sequence[EmbeddedClip]
    number: int
    remark: str


def wrong_clips(material: Material, most_bytes: int) -> WrongClips | None:
    """Wrong predictions for the test clips, with pictures and sounds of at most `most_bytes`; None where none are kept.

    Pictures and sounds come from the files below `material.clips`, or below the folder of the data.
    """
    condition = Condition.of(material.run)
    if material.imported or read_predictions(material.folder, material.run, condition) is None:
        return None
    text = read_text(material.folder / condition.file_name(condition))
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["label"] != row["predicted"]]
    rows.sort(key=lambda row: -_certainty(row, material.names))
    root = _root(material)
    shown, room = list[EmbeddedClip](), most_bytes
    for clip in (_clip(row, material.names, root if room > 0 else None) for row in rows[:MOST]):
        shown.append(clip)
        room -= clip.num_bytes
    return WrongClips(shown, len(rows), _remark(rows, root))


def _remark(rows: Sequence[Mapping[str, str]], root: Path | None) -> str:
    left = f"{len(rows) - MOST} more wrong clips are in predictions.csv. " if len(rows) > MOST else ""
    if not rows or not rows[0].get(FILES):
        return left.strip()
    if root is None or not any((root / file).is_file() for file in _files(rows[0])):
        left += (
            "To see and hear the clips, pass the folder that their names begin at: colliculus report RUN --clips ROOT"
        )
    return left.strip()


def _root(material: Material) -> Path | None:
    """Folder that the names of the clips begin at; None where it is not known."""
    if material.clips is not None:
        return material.clips
    data = material.run.experiment.data
    return data.root if data.name == "folder" else None


def _files(row: Mapping[str, str]) -> list[str]:
    return row[FILES].split(FILE_BREAK) if row.get(FILES) else []


def _is_below(root: Path, file: str) -> bool:
    """True for a file of the data: a run folder of a stranger must not put other pictures on the page."""
    return (root / file).resolve().is_relative_to(root.resolve())


def _certainty(row: Mapping[str, str], names: Sequence[str]) -> float:
    return float(row[PROBABILITY + names[int(row["predicted"])]])


def _clip(row: Mapping[str, str], names: Sequence[str], root: Path | None) -> EmbeddedClip:
    title = row.get(CLIP) or f"Clip {row['index']}"
    files = [] if root is None else [root / file for file in _files(row) if _is_below(root, file)]
    start_s, end_s = (float(text) if (text := row.get(name)) else None for name in (START, END))
    return embedded(title, _lines(row, names), files, Window(start_s, end_s))


def _lines(row: Mapping[str, str], names: Sequence[str]) -> Iterator[str]:
    true, found = names[int(row["label"])], names[int(row["predicted"])]
    certainty, missed = _certainty(row, names), float(row[PROBABILITY + true])
    yield f"{true}, predicted as {found} ({100 * certainty:.1f} %; {true} {100 * missed:.1f} %)"
    if own := {column.removeprefix(BY): value for column, value in row.items() if column.startswith(BY)}:
        yield "evidence: " + ", ".join(f"{modality} speaks for {name}" for modality, name in own.items())
    if files := _files(row):
        yield f"files: {', '.join(files)}"
