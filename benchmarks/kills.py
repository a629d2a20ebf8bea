"""Commands killed at random moments and started again: nothing is lost and nothing differs.

    python benchmarks/kills.py --kills 200

Each command runs once undisturbed. Then SIGKILL ends it and its processes at a random moment of that time, and it is
started again until it ends by itself. What it wrote must be equal to the last byte, times left out. A file that was
being written under a temporary name may stay beside the caches of a measurement, whose processes share them unlocked.
"""

from __future__ import annotations

import csv
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import tyro
from prepare import write_clip

PROGRAM = (sys.executable, "-m", "colliculus")
TWO_RANKS = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "colliculus")
SHORT = ("--train.epochs", "3", "--train.warmup-epochs", "1")
_TIMES = re.compile(r"second|time|version|device|_s$")
_LEFT_OUT = re.compile(r"tensorboard|\.log$|\.lock$|/last/|run\.yaml$|prepare\.yaml$|/cache/\.[^/]*\.tmp/")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Kill commands and start them again."""

    kills: int = 200
    """Kills of all commands together."""
    seed: int = 0
    """Seed of the moments."""
    only: tuple[str, ...] = ()
    """Names of commands; none: all."""


@dataclass(frozen=True)
class Command:
    """A command and the folder that it fills.

    Args:
        arguments: the whole command, for a folder.
        begin: makes what must be there before, in that folder.
    """

    arguments: Callable[[Path], tuple[str, ...]]
    begin: Callable[[Path], object] = lambda _: None


def _train(program: tuple[str, ...]) -> Callable[[Path], tuple[str, ...]]:
    return lambda folder: (*program, "train", "late-fusion-synthetic", "--out", str(folder), *SHORT, "--resume")


def _sweep(folder: Path) -> tuple[str, ...]:
    presets = ("late-fusion-synthetic", "s-cmrl-synthetic")
    return (*PROGRAM, "sweep", *presets, "--seeds", "2", "--jobs", "2", "--out", str(folder), "--", *SHORT)


def commands(clips: Path, trained: Path) -> Mapping[str, Command]:
    """The commands by name."""

    def measure(verb: str) -> Command:
        return Command(lambda folder: (*PROGRAM, verb, str(folder)), lambda folder: shutil.copytree(trained, folder))

    return {
        "train": Command(_train(PROGRAM)),
        "train, two ranks": Command(_train(TWO_RANKS)),
        "prepare": Command(lambda folder: (*PROGRAM, "prepare", "folder", str(clips), str(folder))),
        "sweep": Command(_sweep),
        "energy": measure("energy"),
        "explain": measure("explain"),
    }


def written(folder: Path) -> dict[str, object]:
    """The files of a command, by path. Logs, states and times are left out."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = f"/{path.relative_to(folder)}"
        if path.is_file() and not _LEFT_OUT.search(name):
            found[name] = _content(path, folder)
    return found


def _content(path: Path, folder: Path) -> object:
    if path.suffix == ".json":
        return _timeless(json.loads(path.read_text(encoding="utf-8").replace(str(folder), "FOLDER")))
    if path.suffix == ".csv":
        return [_timeless(row) for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))]
    return path.read_bytes()


def _timeless(value: object) -> object:
    if isinstance(value, dict):
        return {name: _timeless(held) for name, held in value.items() if not _TIMES.search(str(name))}
    return [_timeless(held) for held in value] if isinstance(value, list) else value


def started(arguments: tuple[str, ...], log: Path) -> subprocess.Popen[bytes]:
    """A process, in a group of its own."""
    with log.open("ab") as sink:
        return subprocess.Popen(arguments, stdout=sink, stderr=sink, start_new_session=True)


def undisturbed(command: Command, folder: Path) -> float:
    """Run a command to its end, without a kill; returns its seconds."""
    begin = time.monotonic()
    if started(command.arguments(folder), folder.with_suffix(".log")).wait():
        sys.exit(folder.with_suffix(".log").read_text(encoding="utf-8")[-2000:])
    return time.monotonic() - begin


def killed(command: Command, folder: Path, moments: random.Random, longest: float, kills: int) -> tuple[int, int]:
    """Kill a command until it ends by itself or was killed often enough; returns kills and exit status."""
    done = 0
    while True:
        process = started(command.arguments(folder), folder.with_suffix(".log"))
        try:
            return done, process.wait(moments.uniform(0, longest) if done < kills else None)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            done += 1


def study(name: str, command: Command, place: Path, kills: int, moments: random.Random) -> list[str]:
    """Kill one command many times; returns a sentence for each difference from the undisturbed command."""
    whole = place / "whole"
    command.begin(whole)
    longest = undisturbed(command, whole)
    expected, wrong, done = written(whole), [], 0
    if not expected:
        return [f"{name}: the undisturbed command wrote nothing"]
    while done < kills:
        folder = place / f"killed-{done}"
        command.begin(folder)
        more, status = killed(command, folder, moments, 1.2 * longest, kills - done)
        done += more
        found = written(folder)
        if status:
            wrong.append(f"{name}: ended with {status}: {folder.with_suffix('.log').read_text('utf-8')[-500:]}")
        wrong += [
            f"{name}: {path} differs or is missing"
            for path in sorted({*expected, *found})
            if expected.get(path) != found.get(path)
        ]
        shutil.rmtree(folder)
    print(f"{name:18} {done:4} kills, {len(wrong)} failures, {longest:.0f} s undisturbed", flush=True)
    return wrong


def make_clips(folder: Path) -> None:
    """Short videos with sound of two classes in three parts."""
    for part, many in (("train", 6), ("validation", 3), ("test", 3)):
        for name in ("a", "b"):
            (folder / part / name).mkdir(parents=True)
            for seed in range(many):
                write_clip(folder / part / name / f"{seed}.mp4", (64, 64), seed)


def main(settings: Settings) -> int:
    """Kill every command; returns 1 if something was lost or differs."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    moments = random.Random(settings.seed)  # noqa: S311 - moments, no secrets
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        make_clips(place / "clips")
        undisturbed(Command(_train(PROGRAM)), place / "trained")
        chosen = commands(place / "clips", place / "trained")
        if settings.only:
            chosen = {name: chosen[name] for name in settings.only}
        wrong: list[str] = []
        for number, (name, command) in enumerate(chosen.items()):
            (room := place / str(number)).mkdir()
            wrong += study(name, command, room, -(-settings.kills // len(chosen)), moments)
    print("\n".join([f"{len(wrong)} failures", *wrong[:50]]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Settings, description=__doc__)))
