"""CPU seconds from the shell to the answer: `colliculus predict` of one clip, of many, and a request to `serve`.

    python benchmarks/start.py

An S-CMRL network of random weights on the synthetic set. The ways take turns, each `rounds` times; CPU seconds are user
and system time of a command and of the processes that it started, or of the server; the median counts, with the least.
Files compiled by Python (.pyc) are there, as after an installation.
"""

from __future__ import annotations

import http
import http.client
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
import tyro
from study import Tables, markdown

import colliculus as cl
from colliculus.data.synthetic import Synthetic
from colliculus.runs.experiment import Experiment
from colliculus.runs.names import MODEL_FILE
from colliculus.runs.run import Run, write_run
from colliculus.runs.weights import save_weights

REQUESTS = 50  # between two looks at the kernel's clock, which counts in steps of 10 ms
PROGRAM = (sys.executable, "-m", "colliculus")


@dataclass(frozen=True, kw_only=True)
class Settings(Tables):
    """Size of the measurement."""

    rounds: int = 5
    """Times that each way is measured."""
    clips: int = 100
    """Clips of the row of many."""


def made(folder: Path, clips: int) -> list[Path]:
    """A run with an ONNX file beside it, and the sounds and images of its clips."""
    data = Synthetic(num_train=32, num_validation=6, num_test=clips)
    dataset, method = data.load(), cl.preset("s-cmrl-synthetic").method
    torch.manual_seed(0)
    model = method.model(dataset.spec)
    with torch.no_grad():
        for _ in range(20):  # statistics of the normalisations
            model(dataset.train.batch(np.arange(32), epoch=0).inputs)
    save_weights(model, folder / MODEL_FILE)
    write_run(folder, Run.of(Experiment(method=method, data=data, preset="s-cmrl-synthetic"), dataset))
    if not cl.export(folder, to="onnx").passed:
        sys.exit("onnxruntime answers otherwise than PyTorch")
    return data.export(folder.parent / "clips", count=clips)


def command_s(*words: str) -> float:
    """CPU seconds of a command."""
    return child_s([*PROGRAM, *words])


def child_s(command: Sequence[str]) -> float:
    """CPU seconds of a process and of those that it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def environment() -> dict[str, str]:
    """One thread, and compiled files as after an installation."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"OMP_NUM_THREADS": "1"}


class Server:
    """`colliculus serve` and the CPU time that it takes."""

    def __init__(self, folder: Path, program: str) -> None:
        words = [*PROGRAM, "serve", str(folder), "--port", "0", "--program", program]
        self._process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment())
        first_line = (self._process.stdout or sys.exit("the server prints nothing")).readline()
        self._port = int(first_line.split("/")[2].rpartition(":")[2])

    def request_s(self, sound: Path) -> float:
        """CPU seconds of the server and of its decoder for one clip."""
        before, content = self._cpu_s(), sound.read_bytes()
        for _ in range(REQUESTS):
            connection = http.client.HTTPConnection("127.0.0.1", self._port)
            connection.request("POST", f"/?name={sound.name}", content)
            answer = connection.getresponse()
            answer.read()
            if answer.status != http.HTTPStatus.OK:
                sys.exit("the server refuses the clip")
            connection.close()
        return (self._cpu_s() - before) / REQUESTS

    def _cpu_s(self) -> float:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return sum(_ticks(pid) for pid in (str(self._process.pid), *children)) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


def _ticks(pid: str) -> int:
    return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))


def table(ways: dict[str, Callable[[], float]], rounds: int) -> Sequence[dict[str, str]]:
    """Median and least CPU seconds of each way, in turns."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):  # the first compiles what was not compiled
        for name, way in ways.items():
            found[name].append(way())
    return [
        {"way": name, "CPU s, median": f"{median(times[1:]):.3f}", "least": f"{min(times[1:]):.3f}"}
        for name, times in found.items()
    ]


def main(settings: Settings) -> None:
    """Measure and write the table."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "run")
        folder.mkdir()
        files = made(folder, settings.clips)
        one = [str(file) for file in files if file.stem == files[0].stem]
        sound, every = next(file for file in files if file.suffix == ".wav"), [str(files[0].parent)]
        server = Server(folder, "torch")

        def predict(program: str, clips: Sequence[str], *more: str) -> Callable[[], float]:
            return lambda: command_s("predict", str(folder), *clips, "--json", "--program", program, *more)

        ways = {
            "importing PyTorch alone": lambda: child_s([sys.executable, "-c", "import torch"]),
            "predict, one clip, PyTorch": predict("torch", one),
            "predict, one clip, ONNX beside": predict("onnx", one),
            f"predict, {settings.clips} clips, PyTorch, one by one": predict("torch", every, "--batch-size", "1"),
            f"predict, {settings.clips} clips, PyTorch": predict("torch", every),
            f"predict, {settings.clips} clips, ONNX beside": predict("onnx", every),
            "serve, one sound, PyTorch": lambda: server.request_s(sound),
        }
        started = time.perf_counter()
        rows = table(ways, settings.rounds)
        server.close()
        load = os.getloadavg()[0]
        print(f"{time.perf_counter() - started:.0f} s, load {load:.1f} on {os.cpu_count()} cores")
    settings.publish("start", markdown(rows))


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
