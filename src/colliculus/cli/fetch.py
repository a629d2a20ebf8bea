"""`colliculus fetch`: a shared run from the Hugging Face Hub."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional

from colliculus.cli.options import RecordOptions, parse


@dataclass(frozen=True, kw_only=True)
class Options(RecordOptions):
    """Download a shared run into a folder, and check that it loads. Only settings, safetensors and text are read.

    Every verb that takes a run also takes its address, and keeps the download in your cache folder:
    colliculus predict hf://owner/name FILE...
    """

    address: Annotated[str, Positional, tyro.conf.arg(metavar="hf://OWNER/NAME[@REVISION]")]
    """address of the run"""
    out: Path | None = None
    """folder to write; left out, NAME in the working folder"""


def run(arguments: list[str]) -> int:
    """Fetch and print the files."""
    options = parse(Options, "fetch", arguments)

    from colliculus.sharing.share import fetch

    options.show(fetch(options.address, options.out))
    return 0
