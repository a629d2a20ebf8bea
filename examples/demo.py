"""Sight and sound together against each alone: three trainings on the built-in set, and one table of what came out.

Run it with `make demo`, or `python examples/demo.py [FOLDER]`; the runs lie in FOLDER, `runs/demo` if none is named.
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

PRESETS = {
    "s-cmrl-synthetic": "sight and sound (S-CMRL)",
    "visual-synthetic": "sight alone",
    "audio-synthetic": "sound alone",
}


def train(preset: str, run: Path) -> dict[str, float]:
    """Train `preset` anew into `run`, as a user would, and return the test figures of its `result.json`."""
    if (run / "run.yaml").exists():  # an earlier demo; anything else in that place is not ours to remove
        shutil.rmtree(run)
    command = ["train", preset, "--out", str(run)]
    print(f"\n$ colliculus {shlex.join(command)}", flush=True)
    if code := subprocess.run([sys.executable, "-m", "colliculus", *command], check=False).returncode:
        sys.exit(code)
    return json.loads((run / "result.json").read_text(encoding="utf-8"))["test"]


def main(folder: Path) -> None:
    """Train every preset and print the table."""
    results = {preset: train(preset, folder / preset) for preset in PRESETS}
    table = Table("model", "test accuracy", "run", title="Joint against single modalities", title_justify="left")
    for preset, figures in results.items():
        table.add_row(PRESETS[preset], f"{figures['accuracy']:.1%}", str(folder / preset))
    console = Console()
    console.print("\n", table)
    joint = folder / "s-cmrl-synthetic"
    console.print(f"Look closer: colliculus inspect {joint}   tensorboard --logdir {folder}", soft_wrap=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo"))
