"""The command line: one verb, one file.

Neither this module nor the top of a verb's module imports torch, so that `--help` is instant.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from shlex import quote

from colliculus.records.console import RankError, is_main_rank
from colliculus.types import ColliculusError, printable, unknown_name

VERBS = {
    "train": "train a preset, on its data or on yours",
    "evaluate": "test a trained run: clean, with noise, with a modality missing",
    "predict": "classify files with a trained run, and see why",
    "serve": "keep a trained run warm, and classify files that come by HTTP",
    "stream": "classify what comes in, window by window: files, a pipe, camera and microphone",
    "prepare": "decode raw files once, into a folder to train on",
    "view": "one HTML file about your data: classes, lengths, findings, and clips to look at and to hear",
    "audit": "find leaks, contradictions and damage in your data",
    "split": "divide a manifest into train, validation and test, or into folds, with groups kept together",
    "show": "list presets, methods, datasets and kernels, or one in full",
    "sweep": "train methods x seeds x settings, side by side, and compare them",
    "compare": "compare methods by their runs: intervals over seeds, paired tests, and a verdict",
    "reproduce": "train the rows of a paper's table and print its figures beside ours",
    "inspect": "see which layers of a trained run fire, and what each modality contributes over the epochs",
    "contribution": "the contribution of each modality of a trained run, and how early its decision is there",
    "explain": "example clips of a trained run: where it looked, what fired, the decision after each step",
    "report": "one HTML file about one or more runs, which needs nothing else",
    "robustness": "test a trained run under noise, blur, missing frames or modalities, shifts and attacks",
    "energy": "count the operations and the energy of a decision of a trained run, layer by layer",
    "import-reference": "make a run of a checkpoint of the released S-CMRL program",
    "export": "write a trained run in the form another program reads",
    "share": "write a trained run for others: a folder or a repository of the Hugging Face Hub, with a card",
    "fetch": "download a shared run from the Hugging Face Hub",
    "completion": "print a script with which a shell completes verbs, presets and options",
}

USAGE = """\
usage: colliculus VERB ...

Multimodal spiking neural networks: train, compare and examine them.

{verbs}

`colliculus VERB --help` explains a verb; `colliculus --version` prints the version.
To begin: colliculus train s-cmrl-synthetic --out runs/first
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. A user's mistake prints one sentence, never a traceback.

    Args:
        arguments: the verb and its arguments; None takes those of the process.

    Returns:
        Exit code: 0; 2 for a mistake that the user can fix; 130 after an interrupt; 1 when the reader of a pipe is gone
        or a part of the work could not be done.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(given)
        sys.stdout.flush()
    except ColliculusError as error:
        return _complain(f"{error}{_help_on(str(error), given)}", code=2, anywhere=isinstance(error, RankError))
    except KeyboardInterrupt as interruption:
        return _complain(str(interruption) or "interrupted", code=130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains as it closes the pipe
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        return _complain(f"{error.filename}: {error.strerror}: choose a folder you may read and write", code=2)
    return code


def _run(arguments: list[str]) -> int:
    verb, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if verb in VERBS:
        names = len([*takewhile(lambda word: not word.startswith("-"), rest)]) if verb in _OF_RUNS else 0
        if verb not in ("share", "fetch"):
            rest = [_local(word, named=place < names) for place, word in enumerate(rest)]
        return import_module(f"colliculus.cli.{verb.replace('-', '_')}").run(rest)
    if verb == "--version":
        from colliculus import __version__

        print(f"colliculus {__version__}")
    elif verb in ("", "-h", "--help"):
        print(USAGE.format(verbs="\n".join(f"  {name:18}{does}" for name, does in VERBS.items())), end="")
    else:
        raise unknown_name("verb", verb, VERBS)
    return 0 if verb else 2


_OF_RUNS = frozenset(VERBS) - {
    "train",
    "sweep",
    "show",
    "reproduce",
    "prepare",
    "share",
    "fetch",
    "audit",
    "split",
    "view",
}
_SETTING = re.compile(r"`[a-z_.]+`|\b(?:train|method|data)\.[a-z_]+")


def _help_on(sentence: str, arguments: Sequence[str]) -> str:
    """Name the help that explains the settings in a sentence; "" if the sentence names no setting.

    Example:
        >>> _help_on("train.epochs is 0: give a positive number", ["train", "late-fusion-synthetic"])
        ' (settings: colliculus train late-fusion-synthetic --help)'
    """
    if not _SETTING.search(sentence) or not arguments or "--help" in sentence:
        return ""
    named = [word for word in arguments[1:2] if not word.startswith("-")]
    return f" (settings: colliculus {' '.join([arguments[0], *map(quote, named)])} --help)"


def _local(word: str, *, named: bool) -> str:
    """The folder of a run in the place of its address on the hub or, where `named`, its name; others as they are."""
    option, equals, value = word.rpartition("=")
    if not (value.startswith("hf://") or (named and "-" in value and not Path(value).exists())):
        return word
    from colliculus.runs.local import local_run

    return f"{option}{equals}{local_run(value)}"


def _complain(sentence: str, code: int, *, anywhere: bool = False) -> int:
    if anywhere or is_main_rank():
        print(f"colliculus: {'error: ' if code == 2 else ''}{printable(sentence)}", file=sys.stderr)
    return code
