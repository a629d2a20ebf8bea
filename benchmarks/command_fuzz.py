"""Commands that get one mutated file: no traceback, no hang, no flood of memory, and an exit status of theirs.

`benchmarks/fuzz.py --commands N` runs them. Every command is run once on valid files first: a mutated file may take
twice as long and `SLOWEST_S`, and `MOST_BYTES` more than that.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from colliculus.media.encode import write_wav

SLOWEST_S, MOST_BYTES = 10, 2**30
MEDIA = ("a.wav", "a.flac", "a.mp4", "a.gif", "a.png", "a.jpg", "a.webp", "a.tif", "a.npz", "a.aedat", "a.raw", "e.csv")
"""Files of the corpus that lie in folders of clips."""
EVENTS = (".npz", ".aedat", ".raw", ".csv")
TRAINING = (
    "train late-fusion-folder --data.root clips --data.cache cache --data.folds 2 --data.validation-fraction 0"
    " --data.clips.audio.spectrogram.size 16 16 --data.clips.visual.size 16 16 --method.dim 16 --method.time-steps 1"
    " --train.epochs 1 --train.warmup-epochs 0 --out run"
)
Mutate = Callable[[bytes, np.random.Generator], bytes]


@dataclass(frozen=True)
class Attack:
    """One command and the valid content that is put into a file of it.

    Args:
        name: name of the command, for reports.
        arguments: the command line.
        target: file that is mutated, below the place of the commands.
        content: valid content of the file.
        statuses: exit statuses that are right.
    """

    name: str
    arguments: tuple[str, ...]
    target: str
    content: bytes
    statuses: tuple[int, ...] = (0, 2)


class Commands:
    """Commands on a folder of clips, a table and a trained run, made at first use.

    Args:
        place: empty folder to work in.
        media: valid files by name.
        mutate: makes a mutation of a content.
    """

    def __init__(self, place: Path, media: Mapping[str, bytes], mutate: Mutate) -> None:
        self._place, self._mutate = place, mutate
        self._usual: dict[str, tuple[float, int]] = {}  # seconds and bytes of a command on valid files
        _write_clips(place / "clips")
        status, output = self._run(tuple(TRAINING.split()))
        if status:
            raise RuntimeError(f"the run to attack cannot be trained:\n{output}")
        kept = {path.name: path for path in sorted((place / "run").rglob("*")) if path.is_file()}
        self._attacks = [*self._on_files(media), *self._on_run(kept)]

    def failures(self, case: int) -> list[str]:
        """Sentences on whatever a mutated file did that it must not do; the case decides command, file and mutation."""
        attack = self._attacks[case % len(self._attacks)]
        path = self._place / attack.target
        if attack.name not in self._usual:
            self._restore(attack)
            self._usual[attack.name] = self._measured(attack)[2:]
        self._restore(attack)
        path.write_bytes(self._mutate(attack.content, np.random.default_rng([case, 1])))
        status, output, seconds, peak = self._measured(attack)
        path.write_bytes(attack.content)
        usual_s, usual_bytes = self._usual[attack.name]
        found = {
            f"status {status}": status not in attack.statuses,
            "traceback": "Traceback (most recent call last)" in output,
            f"{seconds:.0f} s": seconds > 2 * usual_s + SLOWEST_S,
            f"{peak} bytes": peak > usual_bytes + MOST_BYTES,
        }
        what = f"{attack.name} with {attack.target}, seed {case}"
        print(f"{what}: status {status}, {seconds:.1f} s", flush=True)
        return [f"FAILED {what}: {fault}: {output[-300:]!r}" for fault, is_so in found.items() if is_so]

    def _on_files(self, media: Mapping[str, bytes]) -> list[Attack]:
        """Attacks by files of clips: each goes through one of the commands that read clips, in turn."""
        attacks: list[Attack] = []
        for number, (name, content) in enumerate(media.items()):
            events = name.endswith(EVENTS)
            column, option = ("dvs", "--events dvs:2x2x8x8@32x32") if events else ("audio,visual", "")
            table = f"label,{column}\n" + "".join(
                f"{k},{','.join([f'odd/{k}/{name}'] * (1 + (not events)))}\n" for k in "xy"
            )
            folder = self._place / "odd" / name
            for label in "xy":
                (folder / "odd" / label).mkdir(parents=True)
                (folder / "odd" / label / name).write_bytes(content)
            (folder / "all.csv").write_text(table)
            target = f"odd/{name}/odd/x/{name}"
            commands = {
                "audit": ("audit", f"odd/{name}/odd", "--jobs", "1"),
                "prepare": ("prepare", "manifest", f"odd/{name}/all.csv", "made", "--jobs", "1", *option.split()),
                "predict": ("predict", "run", target),
            }
            chosen = [*commands][number % 2 if events else number % 3]  # the run hears and sees, and knows no events
            attacks.append(
                Attack(chosen, commands[chosen], target, content, (0, 1, 2) if chosen == "audit" else (0, 2))
            )
        table = (self._place / "odd" / "a.wav" / "all.csv").read_bytes()
        target = "odd/a.wav/all.csv"
        return [*attacks, Attack("prepare", ("prepare", "manifest", target, "made", "--jobs", "1"), target, table)]

    def _on_run(self, kept: Mapping[str, Path]) -> list[Attack]:
        """Attacks by files of a run folder."""
        commands = {"evaluate": ("evaluate", "run"), "predict": ("predict", "run", "clips/x/0.wav", "clips/x/0.png")}
        return [
            Attack(name, command, str(path.relative_to(self._place)), path.read_bytes())
            for path in kept.values()
            for name, command in commands.items()
        ]

    def _restore(self, attack: Attack) -> None:
        """Undo what an earlier command left: what it made, and what it recorded in the run."""
        shutil.rmtree(self._place / "made", ignore_errors=True)
        if attack.target.startswith("run/"):
            for other in self._attacks:
                if other.target.startswith("run/"):
                    (self._place / other.target).write_bytes(other.content)

    def _measured(self, attack: Attack) -> tuple[int, str, float, int]:
        """Status, output, seconds and peak memory of the largest process so far."""
        start = time.monotonic()
        status, output = self._run(attack.arguments)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        return status, output, time.monotonic() - start, peak

    def _run(self, arguments: tuple[str, ...]) -> tuple[int, str]:
        command = [sys.executable, "-m", "colliculus", *arguments]
        try:
            done = subprocess.run(
                command, cwd=self._place, capture_output=True, timeout=60 * SLOWEST_S, check=False, env=_environment()
            )
        except subprocess.TimeoutExpired as error:
            return -1, (error.stdout or b"").decode("utf-8", "replace")
        return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def _environment() -> dict[str, str]:
    return {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}


def _write_clips(folder: Path) -> None:
    """Eight clips of sound and image, of two classes."""
    for label, level in (("x", 60), ("y", 180)):
        (folder / label).mkdir(parents=True)
        for clip in range(4):
            rng = np.random.default_rng([level, clip])
            write_wav(folder / label / f"{clip}.wav", rng.integers(-level, level, 800).astype(np.int16), rate_hz=8000)
            pixels = rng.integers(0, level, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{clip}.png")
