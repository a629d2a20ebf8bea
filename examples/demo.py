"""Audio and visual together against each alone: three trainings on the built-in set, one table, and some predictions.

Run it with `make demo`, or `python examples/demo.py [FOLDER]`; runs and clips are in FOLDER, or else in
`runs/demo`.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

import colliculus as cl
from colliculus.data.synthetic import Synthetic

PRESETS = {
    "s-cmrl-synthetic": "audio and visual (S-CMRL)",
    "visual-synthetic": "visual alone",
    "audio-synthetic": "audio alone",
}


def colliculus(*arguments: str) -> None:
    """Run and print a command line; exit if it fails."""
    print(f"\n$ colliculus {shlex.join(arguments)}", flush=True)
    if code := subprocess.run([sys.executable, "-m", "colliculus", *arguments], check=False).returncode:
        sys.exit(code)


def train(preset: str, run: Path) -> float:
    """Train `preset` into `run` and return its test accuracy."""
    if (run / "run.yaml").exists():  # of an earlier demo; any other folder is left alone
        shutil.rmtree(run)
    colliculus("train", preset, "--out", str(run))
    return cl.load(run).result.test.accuracy


def main(folder: Path) -> None:
    """Train every preset, print the table, and classify test clips from files."""
    results = {preset: train(preset, folder / preset) for preset in PRESETS}
    table = Table("model", "test accuracy", "run", title="Joint against single modalities", title_justify="left")
    for preset, accuracy in results.items():
        table.add_row(PRESETS[preset], f"{accuracy:.1%}", str(folder / preset))
    console = Console()
    console.print("\n", table)
    joint, clips = folder / "s-cmrl-synthetic", folder / "clips"
    Synthetic().export(clips)  # a sound and a video each, named by their class
    colliculus("predict", str(joint), str(clips))
    console.print(f"Look closer: colliculus inspect {joint}   tensorboard --logdir {folder}", soft_wrap=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo"))
