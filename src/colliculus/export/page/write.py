"""Writing the page: networks, runtime, style and scripts in one HTML file."""

from __future__ import annotations

import gzip
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from itertools import combinations
from pathlib import Path

from colliculus.evaluation.trained_run import TrainedRun
from colliculus.export.onnx.target import ToONNX
from colliculus.export.onnx.write import answer_of, onnx_bytes, refuse_missing_packages
from colliculus.export.page.reading import files_sentence, reading_of, seconds_of
from colliculus.export.page.runtime import VERSION, runtime_files
from colliculus.export.page.target import ToPage
from colliculus.export.subject import Subject
from colliculus.export.target import Artifact, Check
from colliculus.figures.palette import css
from colliculus.runs.result import read_result
from colliculus.types import ColliculusError, printable

MOST_MODALITIES = 3
"""Modalities of which every set gets a network of its own: 7 networks."""


def write_page(run: TrainedRun, options: ToPage, out: Path) -> Artifact:
    """Write the page, and compare each of its networks with PyTorch in onnxruntime.

    Args:
        run: the run.
        options: the options of the target.
        out: file to write.

    Raises:
        ColliculusError: as `ToPage.write`; or the run has more than three modalities.
    """
    refuse_missing_packages()
    runtime = runtime_files(options.runtime)
    networks, checks = dict[str, bytes](), list[Check]()
    for modalities in sets_of(run.model.modalities):
        subject = Subject.of(run, ToONNX(modalities=modalities, check=options.check))
        content = networks["+".join(modalities)] = onnx_bytes(subject)
        checks.append(subject.compared(answer_of(content), f"onnxruntime, {' and '.join(modalities)}:"))
    shapes = {m: _shape(run, m) for m in run.model.modalities}
    out.write_text(page(run, networks, runtime, shapes), encoding="utf-8")
    size = f"{out.stat().st_size / 1e6:.1f} MB"
    return Artifact(holds={"size": size, "networks": ", ".join(networks)}, checks=tuple(checks))


def sets_of(modalities: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Every set of modalities, the largest first.

    Raises:
        ColliculusError: there are more than three modalities.

    Example:
        >>> sets_of(("audio", "visual"))
        [('audio', 'visual'), ('audio',), ('visual',)]
    """
    if len(modalities) > MOST_MODALITIES:
        raise ColliculusError(
            f"the run has {len(modalities)} modalities, and a page holds a network for every set of at most "
            f"{MOST_MODALITIES}: export single sets with --to onnx --modalities"
        )
    return [found for count in range(len(modalities), 0, -1) for found in combinations(modalities, count)]


def page(
    run: TrainedRun, networks: Mapping[str, bytes], runtime: Mapping[str, bytes], shapes: Mapping[str, list[int]]
) -> str:
    """The whole file.

    Args:
        run: the run.
        networks: ONNX files by their modalities, joined by "+".
        runtime: files of onnxruntime-web by name.
        shapes: (C, H, W) or (T, C, H, W) of each modality.
    """
    reading = reading_of(run)
    facts = {
        "classes": run.run.spec.names,
        "modalities": list(reading),
        "sets": list(networks),
        "shapes": shapes,
        "reading": reading,
        "files": files_sentence(reading),
        "seconds": seconds_of(reading),
    }
    blobs = {f"model-{i}": content for i, content in enumerate(networks.values())}
    blobs |= {
        "runtime-mjs": runtime["ort-wasm-simd-threaded.mjs"],
        "runtime-wasm": runtime["ort-wasm-simd-threaded.wasm"],
    }
    parts = {
        "title": escape(printable(run.run.preset)),
        "style": css() + _asset("page.css"),
        "about": escape(_about(run)),
        "facts": json.dumps(facts).replace("<", "\\u003c"),  # a class may be called "</script>"
        "blobs": "\n".join(f'<script type="text/plain" id="{name}">{_packed(x)}</script>' for name, x in blobs.items()),
        "ort": _inline(runtime["ort.wasm.min.js"].decode()),
        "signal": _asset("rates.js") + _asset("signal.js"),
        "script": _asset("page.js"),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda name: parts[name[1]], _asset("page.html"))


def _about(run: TrainedRun) -> str:
    result = read_result(run.folder)
    tested = f", {100 * result.test.accuracy:.1f} % correct on its test data" if result else ""
    method = run.experiment.method.name
    return (
        f"Made with Colliculus: {method}, {run.time_steps} time steps{tested}. Runs on onnxruntime-web {VERSION} (MIT)."
    )


def _shape(run: TrainedRun, modality: str) -> list[int]:
    shape = list(run.run.spec.input_shape(modality, 1))
    del shape[-4]
    return shape


def _asset(name: str) -> str:
    return files("colliculus.export.page").joinpath(name).read_text(encoding="utf-8")


def _inline(script: str) -> str:
    """A script that does not end the element it stands in, nor looks for the map of its sources."""
    return re.sub(r"^//# sourceMappingURL=.*$", "", script.replace("</script", "<\\/script"), flags=re.MULTILINE)


def _packed(content: bytes) -> str:
    return b64encode(gzip.compress(content, mtime=0)).decode()
