"""One HTML page about data: classes, lengths, findings of the audit, and clips to look at and to hear."""

from __future__ import annotations

import itertools
from base64 import b64encode
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from colliculus.corpus.audit import Audit, LookedInto, audit_of, look_into
from colliculus.corpus.prepare.shards import RowFiles
from colliculus.corpus.prepare.storage import Sound
from colliculus.corpus.prepare.workers import Progress, silent
from colliculus.data.evenly import evenly
from colliculus.figures import Bars, BarSeries, figure
from colliculus.figures.palette import css
from colliculus.figures.pixels import frames, png
from colliculus.files.atomic import write_atomic
from colliculus.media.window import Window
from colliculus.records import Record, Table
from colliculus.report.embedded import EmbeddedClip, embedded
from colliculus.report.page import environment
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEDIA_BYTES = 4_000_000
"""Bytes of the pictures and sounds on a page."""
BINS = 12
"""Bars of the lengths."""


@dataclass(frozen=True, kw_only=True)
class View(Record):
    """A written page about data.

    Args:
        path: the file.
        num_bytes: its size.
        data: path of the data.
        samples: number of samples.
        shown: number of clips on the page.
        trustworthy: whether no finding makes results untrustworthy.
    """

    path: str
    num_bytes: int
    data: str
    samples: int
    shown: int
    trustworthy: bool

    def table(self) -> Table:
        """The file, its size, and what it shows."""
        rows = {
            "page": self.path,
            "size": f"{self.num_bytes / 1e6:.2f} MB",
            "samples": f"{self.samples:,}, {self.shown:,} of them shown",
        }
        bad = () if self.trustworthy else ("Findings on the page make results untrustworthy.",)
        return Table.facts(f"View of {self.data}", rows, bad)


def view(
    data: Path | str,
    out: Path | str = "data.html",
    *,
    root: Path | str | None = None,
    clips: int = 3,
    quick: bool = False,
    jobs: int | None = None,
    progress: Progress = silent,
) -> View:
    r"""Write one HTML file about data; it needs no network, no script and no other file.

    Args:
        data: a folder with a folder of clips for each class, a manifest, or a folder that `prepare` made.
        out: file to write.
        root: folder at which the paths of the files start; None: the folder of the data; of a prepared folder the
            stored arrays are shown instead of the files.
        clips: clips of each class that are shown.
        quick: do not open the files to search for damage; there are no lengths then.
        jobs: processes; None: as many as there are cores; 0: only this one.
        progress: called after each sample with the number of finished samples and of all samples.

    Raises:
        ColliculusError: the data cannot be audited, `clips` is below 0, or the extra `report` is not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder, "clips.csv")
        ...     _ = table.write_text("label,lidar\nwalk,1.npy\nrun,2.npy\n")
        ...     found = view(table, f"{folder}/data.html", quick=True)
        >>> found.samples, found.trustworthy  # its files are missing
        (2, False)
    """
    if clips < 0:
        raise ColliculusError(f"`clips` is {clips}: give 0 or more clips of each class")
    looked = look_into(data, root=root, quick=quick, jobs=jobs, progress=progress)
    found = audit_of(data, looked, quick=quick)
    shown = dict(_shown(looked, clips))
    template = environment().get_template("view.html")
    content = template.render(
        title=f"Data of {Path(data).name}",
        palette=css(),
        facts=_facts(found, looked),
        audit=found,
        tables=[table for table in found.table() if table.rows],
        lengths=_lengths(looked),
        clips=shown,
        zip=zip,
    ).encode()
    write_atomic(Path(out), content)
    return View(
        path=str(out),
        num_bytes=len(content),
        data=str(data),
        samples=found.samples,
        shown=sum(map(len, shown.values())),
        trustworthy=found.trustworthy,
    )


def _facts(found: Audit, looked: LookedInto) -> dict[str, str]:
    """Facts at the top of the page."""
    seconds = [result.duration_s for result in looked.results if result.duration_s]
    kept = {} if looked.prepared is None else {m: s.in_words for m, s in looked.prepared.storages.items()}
    return {
        "samples": f"{found.samples:,}",
        "classes": f"{len(found.classes):,}",
        "groups": f"{found.groups:,}" if found.groups else "none are given",
        "modalities": ", ".join(found.modalities),
        **({"length": f"{min(seconds):.1f} to {max(seconds):.1f} s"} if seconds else {}),
        **({"all together": f"{sum(seconds) / 60:,.1f} min"} if seconds else {}),
        **{f"stored of {modality}": words for modality, words in kept.items()},
    }


def _lengths(looked: LookedInto) -> Figure | None:
    """Number of samples by their length; None where no length is known."""
    seconds = [result.duration_s for result in looked.results if result.duration_s]
    if not seconds:
        return None
    counts, edges = np.histogram(seconds, bins=BINS if max(seconds) > min(seconds) else 1)
    names = [f"{low:.2f} to {high:.2f} s" for low, high in itertools.pairwise(edges)]
    bars = BarSeries(values=counts.tolist(), labels=[f"{count:,}" for count in counts.tolist()])
    return figure([Bars(names=names, series=[bars], title="Length of the samples", xlabel="samples")])


def _shown(looked: LookedInto, most: int) -> Iterator[tuple[str, Sequence[EmbeddedClip]]]:
    """Clips of each class, evenly over its samples, as many as `MEDIA_BYTES` allow."""
    rows = defaultdict[str, list[int]](list)
    for row, sample in enumerate(looked.samples):
        rows[sample.label].append(row)
    room = MEDIA_BYTES
    for label in sorted(rows) if most else ():
        chosen = [rows[label][at] for at in evenly(most, len(rows[label])).tolist()]
        clips = [_clip(looked, row) for row in chosen]
        if (room := room - sum(clip.num_bytes for clip in clips)) < 0:
            return
        yield label, clips


def _clip(looked: LookedInto, row: int) -> EmbeddedClip:
    sample, result = looked.samples[row], looked.results[row]
    length = [] if result.duration_s is None else [f"{result.duration_s:.2f} s"]
    lines = [", ".join([*length, *([sample.split] if sample.split else [])])]
    lines += [*result.notes.values(), *([result.problem] if result.problem else [])]
    files = [] if looked.root is None else [looked.root / file for file in sample.files.values()]
    clip = embedded(sample.name, filter(None, lines), files, Window(sample.start_s, sample.end_s))
    if clip.picture or looked.prepared is None:
        return clip
    stored = {m: a for m, a in looked.prepared.arrays.items() if m not in result.missing}
    return replace(clip, picture=_stored_picture(looked, stored, row))


def _stored_picture(looked: LookedInto, arrays: dict[str, RowFiles], row: int) -> str:
    """The first stored image (C, H, W) of a sample as a data URL; waveforms and series have none."""
    prepared = looked.prepared
    images = {m: array for m, array in arrays.items() if len(array.shape) > 2 and array.shape[-2] > 1}
    if prepared is None or not images:
        return ""
    modality = next((m for m in images if not isinstance(prepared.storages[m], Sound)), next(iter(images)))
    content = png(frames(np.asarray(images[modality].memory_map()[row])), upside_down=modality == "audio")
    return f"data:image/png;base64,{b64encode(content).decode()}"
