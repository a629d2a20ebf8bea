"""The identity of a trained run: what every record about it names."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from colliculus.files.documents import package_version
from colliculus.runs.run import MODEL_FILE, Run


def identity(folder: Path, run: Run, fingerprint: str) -> dict[str, object]:
    """What every analysis says of whom it is about, as plain JSON values.

    Args:
        folder: of the run, with its model.
        run: what stands in the folder.
        fingerprint: of the data the analysis looks at.
    """
    return {
        "version": package_version(),
        "preset": run.preset,
        "model": sha256((folder / MODEL_FILE).read_bytes()).hexdigest(),
        "fingerprint": fingerprint,
        "classes": list(run.spec.names),
        "modalities": list(run.spec.modalities),
    }
