"""The folder of a run, however it is named: a path, an address of the hub, or the name of a pretrained run."""

from __future__ import annotations

from pathlib import Path

from colliculus.runs.hub import address_of, cached
from colliculus.runs.pretrained import pretrained_run


def local_run(run: Path | str) -> Path:
    """The folder of a run; one on the hub or of the pretrained ones is downloaded into the user's cache once.

    Args:
        run: folder, "hf://owner/name", or the name of a pretrained run; a folder of that name goes first.

    Raises:
        ColliculusError: as `runs.hub.download` and `runs.pretrained.pretrained_run`.
    """
    if (address := address_of(run)) is not None:
        return cached(address)
    path = Path(run)
    return path if path.exists() else pretrained_run(str(run)) or path
