"""Mutated files through every reader: no traceback, no crash, no hang, no flood of memory.

    python benchmarks/fuzz.py --minutes 1 --seed 0
    python benchmarks/fuzz.py --commands 500

The corpus is small and made here. Each reader runs in a process of its own with at most 1 GB more than it needs to
start, and reads mutations until its share of the time is over. With --commands, that many mutated files go through the
command line instead (`command_fuzz.py`). A failure is printed with reader and seed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import struct
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import yaml
from command_fuzz import MEDIA, Commands
from PIL import Image
from safetensors.numpy import save_file

from colliculus.files.cache import Cache
from colliculus.files.documents import read_document
from colliculus.files.plain import parse_json, parse_yaml
from colliculus.files.tables import read_table
from colliculus.media.encode import write_gif, write_wav
from colliculus.media.event_formats import read_events
from colliculus.media.images import read_image
from colliculus.media.numpy_files import load_arrays, open_array
from colliculus.media.sound import read_sound
from colliculus.media.video import read_frames
from colliculus.media.window import Window
from colliculus.runs.result import read_result
from colliculus.runs.run import read_run_file
from colliculus.runs.weights import read_tensors
from colliculus.training.checkpoint import read_state
from colliculus.types import ColliculusError

SLOWEST_S, MOST_BYTES = 10, 2**30
EDGES = (b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"9" * 40, b"[" * 60, b"\n", b"%", b"#", b"&a *a")


@dataclass(frozen=True)
class Reader:
    """A reader and a valid file for it.

    Args:
        name: name of the file.
        content: bytes of the file.
        read: reads the file; raises ColliculusError if it refuses it.
    """

    name: str
    content: bytes
    read: Callable[[Path], object]


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes: bytes, bits, pieces cut out, doubled or moved, lengths at the edge, the end cut off."""
    made = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, max(len(made), 1)))
        length = int(rng.integers(1, 17))
        kind = rng.integers(0, 7)
        if kind == 0 and made:
            made[at] ^= 1 << int(rng.integers(0, 8))
        elif kind == 1:
            made[at : at + length] = rng.bytes(length)
        elif kind == 2:
            del made[at : at + length]
        elif kind == 3:
            made[at:at] = made[at : at + length] * int(rng.integers(1, 20))
        elif kind == 4:
            edge = EDGES[rng.integers(0, len(EDGES))]
            made[at : at + len(edge)] = edge
        elif kind == 5:
            del made[at:]
        else:
            other = int(rng.integers(0, max(len(made), 1)))
            made[at : at + length] = made[other : other + length]
    return bytes(made)


def write_clip(path: Path, video: str | None, sound: str) -> None:
    """Half a second of 5 frames (of codec `video`, if it is given) and of sound; frames are reordered."""
    rng, rate_hz = np.random.default_rng(0), 8000
    with av.open(str(path), "w") as container:
        track = container.add_stream(sound, rate=rate_hz, layout="mono")
        if video is not None:
            images = container.add_stream(video, rate=10, options={"bf": "2"})
            images.height, images.width, images.pix_fmt = 16, 24, "yuv420p"
            images.codec_context.thread_count = 1  # processes are forked afterwards
            for level in (30, 80, 130, 180, 230):
                frame = np.full((16, 24, 3), level, np.uint8)
                container.mux(images.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(images.encode())
        samples = rng.integers(-9999, 9999, (1, rate_hz // 2)).astype(np.int16)
        chunk = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        chunk.rate, chunk.pts, chunk.time_base = rate_hz, 0, Fraction(1, rate_hz)
        container.mux(track.encode(chunk))
        container.mux(track.encode())


def corpus(folder: Path) -> list[Reader]:
    """A valid file of every kind."""
    rng = np.random.default_rng(0)
    t, x, y, p = np.arange(20) * 100, *rng.integers(0, 30, (2, 20)), rng.integers(0, 2, 20)
    np.save(folder / "a.npy", rng.standard_normal((2, 3, 4)))
    np.savez_compressed(folder / "a.npz", t=t, x=x, y=y, p=p)
    write_wav(folder / "a.wav", rng.integers(-9999, 9999, 800).astype(np.int16), rate_hz=8000)
    write_gif(folder / "a.gif", rng.integers(0, 255, (3, 8, 8)).astype(np.uint8), rate_hz=5)
    write_clip(folder / "a.mp4", "mpeg4", "aac")
    write_clip(folder / "a.flac", None, "flac")
    for kind in ("png", "jpg", "bmp", "webp", "tif"):
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(folder / f"a.{kind}")
    save_file({"weight": rng.standard_normal((3, 2)).astype(np.float32)}, folder / "a.safetensors")
    run = yaml.safe_dump({"format": 3, "preset": "p", "experiment": {"method": {"name": "s-cmrl"}}, "spec": {}})
    rows = list(zip(t.tolist(), x.tolist(), y.tolist(), p.tolist(), strict=True))
    words = [8 << 28, *(c << 28 | (a % 64) << 22 | b << 11 | d for a, b, d, c in rows)]
    jaer = b"#!AER-DAT2.0\r\n" + b"".join(struct.pack(">II", d << 8 | b << 1 | c, a) for a, b, d, c in rows)
    packet = struct.pack("<HHIIIIII", 1, 1, 8, 4, 0, 20, 20, 20)
    caer = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n" + packet
    caer += b"".join(struct.pack("<II", 1 | c << 1 | d << 2 | b << 17, a) for a, b, d, c in rows)
    vectors = struct.pack("<7H", 0x8001, 0x6002, 0x0009, 0x3864, 0x4801, 0x5081, 0x2003) * 4

    def file(name: str, read: Callable[[Path], object], content: bytes | None = None) -> Reader:
        return Reader(name, (folder / name).read_bytes() if content is None else content, read)

    def record(path: Path) -> object:
        (path.parent / "result.json").write_bytes(path.read_bytes())
        return read_result(path.parent)

    def run_file(path: Path) -> object:
        (path.parent / "run.yaml").write_bytes(path.read_bytes())
        return read_run_file(path.parent)

    def state(path: Path) -> object:
        (path.parent / "last").mkdir(exist_ok=True)
        (path.parent / "last" / "state.pt").write_bytes(path.read_bytes())
        return read_state(path.parent)

    return [
        file("a.npy", open_array),
        file("b.npy", load_arrays, (folder / "a.npy").read_bytes()),
        file("a.npz", load_arrays),
        file("e.npz", read_events, (folder / "a.npz").read_bytes()),
        *(file(f"a.{kind}", read_image) for kind in ("png", "jpg", "bmp", "webp", "tif")),
        file("a.wav", lambda path: read_sound(path, Window(), 8000)),
        file("a.flac", lambda path: read_sound(path, Window(), 8000)),
        file("a.mp4", lambda path: read_frames(path, Window(), count=2, rate_hz=None)),
        file("b.mp4", lambda path: read_sound(path, Window(), 8000), (folder / "a.mp4").read_bytes()),
        file("a.gif", lambda path: read_frames(path, Window(), count=2, rate_hz=None)),
        file("a.safetensors", read_tensors),
        file("a.aedat", read_events, jaer),
        file("b.aedat", read_events, caer),
        file("a.raw", read_events, b"% evt 2.0\n% end\n" + struct.pack(f"<{len(words)}I", *words)),
        file("b.raw", read_events, b"% evt 3.0\n% end\n" + vectors),
        file(
            "a.dat", read_events, b"% Version 2\n\x0c\x08" + b"".join(struct.pack("<II", a, b) for a, b, _, _ in rows)
        ),
        file("a.bin", read_events, b"".join(bytes((b, d, c << 7, a >> 8, a & 255)) for a, b, d, c in rows)),
        file("e.csv", read_events, b"".join(b"%d,%d,%d,%d\n" % row for row in rows)),
        file("t.csv", read_table, b'label,audio,split\ncat,"a, b.wav",train\ndog,b.wav,test\n'),
        file("run", run_file, run.encode()),
        file("d.yaml", lambda path: read_document(path, newest=3, remedy="-"), run.encode()),
        file("y.yaml", lambda path: parse_yaml(path.read_text("utf-8", "replace")), run.encode()),
        file(
            "j.json", lambda path: parse_json(path.read_text("utf-8", "replace")), json.dumps({"a": [1, {}]}).encode()
        ),
        file("c.json", lambda path: Cache(path.parent, {"a": 1}).find("c"), b'{"settings": {"a": 1}, "piece": [1]}'),
        file("r", record, json.dumps({"preset": "p", "epochs": 3, "test": {"accuracy": 1.0}}).encode()),
        file("s", state, b"PK\x03\x04" + bytes(60)),
    ]


def attacked(number: int, seed: int, until: float, failures: multiprocessing.SimpleQueue[str]) -> None:
    """Read mutations of one file until the time is over; report the number that was read as the last entry."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        reader = corpus(Path(name))[number]
        path, done = Path(name) / reader.name, 0
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        while time.monotonic() < until:
            case = seed + done
            path.write_bytes(mutated(reader.content, np.random.default_rng([case, number])))
            start = time.monotonic()
            failures.put(f"begun {reader.name} {case}")
            try:
                reader.read(path)
            except ColliculusError:
                pass
            except Exception as error:  # noqa: BLE001 - any other is what is looked for
                failures.put(f"FAILED {reader.name}, seed {case}: {type(error).__name__}: {error}")
            if (took := time.monotonic() - start) > SLOWEST_S:
                failures.put(f"FAILED {reader.name}, seed {case}: {took:.0f} s")
            if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - used > MOST_BYTES:
                failures.put(f"FAILED {reader.name}, seed {case}: more than {MOST_BYTES} bytes")
                return
            done += 1
    failures.put(f"done {done}")


def attack(number: int, seed: int, seconds: float) -> tuple[int, list[str]]:
    """Mutations read by one reader, and its failures; a crash or a hang of its process is one."""
    context = multiprocessing.get_context("fork")
    said: multiprocessing.SimpleQueue[str] = context.SimpleQueue()
    process = context.Process(target=attacked, args=(number, seed, time.monotonic() + seconds, said))
    process.start()
    begun, failures, done, quiet = "", [], 0, time.monotonic()
    while process.is_alive() or not said.empty():
        if said.empty():
            if time.monotonic() - quiet > 2 * SLOWEST_S:
                process.kill()
                failures.append(f"FAILED {begun}: no answer for {2 * SLOWEST_S} s")
                break
            time.sleep(0.001)
            continue
        line, quiet = said.get(), time.monotonic()
        kind, _, rest = line.partition(" ")
        if kind == "begun":
            begun, done = rest, done + 1
        elif kind == "FAILED":
            failures.append(line)
    process.join()
    if process.exitcode and not failures:
        failures.append(f"FAILED {begun}: the process ended with {process.exitcode}")
    return done, failures


def main() -> int:
    """Attack every reader in turn; returns 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0, help="time for all readers together")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first mutation")
    parser.add_argument("--commands", type=int, default=0, help="mutated files through the command line, instead")
    options = parser.parse_args()
    if options.commands:
        return attack_commands(options.commands, options.seed)
    with tempfile.TemporaryDirectory() as folder:
        names = [reader.name for reader in corpus(Path(folder))]
    total, failed = 0, list[str]()
    for number, name in enumerate(names):
        done, failures = attack(number, options.seed, options.minutes * 60 / len(names))
        print(f"{name:16} {done:8} files, {len(failures)} failures", flush=True)
        total, failed = total + done, failed + failures
    print("\n".join([f"{total} files, {len(failed)} failures", *failed[:50]]))
    return 1 if failed else 0


def attack_commands(count: int, seed: int) -> int:
    """`count` mutated files through the command line; returns 1 if a command failed."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        (place / "corpus").mkdir()
        files = {reader.name: reader.content for reader in corpus(place / "corpus")}
        commands = Commands(place, {name: files[name] for name in MEDIA}, mutated)
        failed = [failure for case in range(seed, seed + count) for failure in commands.failures(case)]
    print("\n".join([f"{count} commands, {len(failed)} failures", *failed[:50]]))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
