"""Sight and sound together against each alone: three trainings on the built-in set, one table, and some predictions.

Run it with `make demo`, or `python examples/demo.py [FOLDER]`; runs and clips lie in FOLDER, or else in
`runs/demo`.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from colliculus.data.synthetic import Synthetic

PRESETS = {
    "s-cmrl-synthetic": "sight and sound (S-CMRL)",
    "visual-synthetic": "sight alone",
    "audio-synthetic": "sound alone",
}


def colliculus(*arguments: str) -> None:
    """Run and show a command line, as a user would; stop where it fails."""
    print(f"\n$ colliculus {shlex.join(arguments)}", flush=True)
    if code := subprocess.run([sys.executable, "-m", "colliculus", *arguments], check=False).returncode:
        sys.exit(code)


def train(preset: str, run: Path) -> dict[str, float]:
    """Train `preset` anew into `run` and return the test figures of its `result.json`."""
    if (run / "run.yaml").exists():  # an earlier demo; anything else in that place is not ours to remove
        shutil.rmtree(run)
    colliculus("train", preset, "--out", str(run))
    return json.loads((run / "result.json").read_text(encoding="utf-8"))["test"]


def main(folder: Path) -> None:
    """Train every preset, print the table, and classify test clips that lie as files on the disk."""
    results = {preset: train(preset, folder / preset) for preset in PRESETS}
    table = Table("model", "test accuracy", "run", title="Joint against single modalities", title_justify="left")
    for preset, figures in results.items():
        table.add_row(PRESETS[preset], f"{figures['accuracy']:.1%}", str(folder / preset))
    console = Console()
    console.print("\n", table)
    joint, clips = folder / "s-cmrl-synthetic", folder / "clips"
    Synthetic().export(clips)  # a sound and a moving picture each, named by the class they show
    colliculus("predict", str(joint), str(clips))
    console.print(f"Look closer: colliculus inspect {joint}   tensorboard --logdir {folder}", soft_wrap=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo"))
