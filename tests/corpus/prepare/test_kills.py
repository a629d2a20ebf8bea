"""Preparations that are killed at any call that writes, once or twice, end with the same bytes as undisturbed ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from colliculus.corpus.prepare.build import prepare

pytestmark = pytest.mark.timeout(400)  # a busy machine takes long to start a process

PROGRAM = """
import itertools, json, os, random, shutil, signal, sys
from pathlib import Path
from colliculus.corpus.prepare import build
from colliculus.corpus.recipes.folder import FolderRecipe
from colliculus.corpus.prepare.storage import Frames, Sound
from colliculus.media.spectrogram import Spectrogram

raw, out = Path(sys.argv[1]), Path(sys.argv[2])
sound = Sound(duration_s=0.2, spectrogram=Spectrogram(sample_rate_hz=8000, n_fft=64, hop=40, size=(8, 8)))
recipe = FolderRecipe(audio=sound, visual=Frames(size=(8, 8)))
calls = {"pwrite": os.pwrite, "write": os.write, "fsync": os.fsync, "replace": os.replace, "unlink": os.unlink,
         "mkdir": os.mkdir, "rmdir": os.rmdir, "ftruncate": os.ftruncate}

def prepare(folder, die_at):
    count = itertools.count()
    def counted(name, call):
        def wrapped(*args, **named):
            if next(count) == die_at:
                if name in ("pwrite", "write") and random.Random(die_at).random() < 0.7:
                    call(args[0], args[1][: len(args[1]) // 2], *args[2:])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **named)
        return wrapped
    for name, call in calls.items():
        setattr(os, name, counted(name, call))
    build.prepare(recipe, raw, folder, jobs=0)
    return next(count)

def in_child(folder, die_at):
    pid = os.fork()
    if not pid:
        code = 9
        try:
            prepare(folder, die_at)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def contents(folder):
    return {str(p.relative_to(folder)): p.read_bytes().hex() for p in sorted(folder.rglob("*")) if p.is_file()}

reader, writer = os.pipe()
if not os.fork():
    os.write(writer, str(prepare(out / "whole", -1)).encode())
    os._exit(0)
total = int(os.read(reader, 20))
whole = contents(out / "whole")
chooser = random.Random(int(sys.argv[3]))
points = sorted(chooser.sample(range(total), min(total, int(sys.argv[4]))) + [total - 1, total - 2])
told = []
for point in points:
    folder = out / str(point)
    first = in_child(folder, point)
    second = in_child(folder, chooser.randrange(total)) if chooser.random() < 0.5 else None
    last = in_child(folder, -1)
    told.append([point, first, second, last, contents(folder) == whole])
    shutil.rmtree(folder)
print(json.dumps({"total": total, "told": told}))
"""


@pytest.mark.parametrize("points", [5, pytest.param(24, marks=pytest.mark.slow)])
def test_a_kill_at_any_call_leaves_nothing_wrong(raw, tmp_path, points):
    (raw / "dog" / "bad.wav").write_bytes(b"no sound")
    (tmp_path / "runs").mkdir()
    command = [sys.executable, "-c", PROGRAM, str(raw), str(tmp_path / "runs"), "0", str(points)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["total"] > 50
    for point, first, second, last, same in result["told"]:
        assert first == -signal.SIGKILL, point
        assert second in (None, 0, -signal.SIGKILL), point
        assert (last, same) == (0, True), (point, last, same, done.stderr)


def test_a_kill_of_the_command_leaves_nothing_wrong(raw, small, tmp_path, digest_of):
    """The first process dies, its helpers with it, and a later one goes on."""
    spectrum = {"sample-rate-hz": "8000", "n-fft": "64", "hop": "40"}
    flags = [part for name, value in spectrum.items() for part in (f"--audio.spectrogram.{name}", value)]
    flags += ["--audio.spectrogram.size", "8", "8", "--audio.duration-s", "0.2", "--visual.size", "8", "8"]
    out, journal = tmp_path / "killed", tmp_path / "killed" / ".unfinished" / "journal.jsonl"
    command = [sys.executable, "-m", "colliculus", "prepare", "folder", str(raw), str(out), "--jobs", "2", *flags]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None and not (journal.exists() and journal.stat().st_size):
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
    killed = not (out / "prepare.yaml").exists()
    assert prepare(small, raw, out, jobs=0).kept >= killed
    prepare(small, raw, tmp_path / "whole", jobs=0)
    assert digest_of(out) == digest_of(tmp_path / "whole")


@pytest.mark.parametrize("moment", [pytest.param("as processes start", marks=pytest.mark.slow), "at work"])
def test_ctrl_c_says_how_to_go_on(raw, tmp_path, moment):
    work = tmp_path / "out" / ".unfinished"
    awaited = work / ("plan.yaml" if moment == "as processes start" else "journal.jsonl")
    command = [sys.executable, "-m", "colliculus", "prepare", "folder", str(raw), str(tmp_path / "out"), "--jobs", "1"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as process:
        while process.poll() is None and not (awaited.exists() and awaited.stat().st_size):
            time.sleep(0.001)
        time.sleep(0.2 if moment == "as processes start" else 0)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode in (0, 130)
    if process.returncode:
        assert err == "colliculus: interrupted: the same command continues where it stopped\n"
