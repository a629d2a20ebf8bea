from __future__ import annotations

import subprocess
import sys

import pytest

from colliculus import __version__, cli
from colliculus.records.console import RankError
from colliculus.types import ColliculusError

LIGHT = [["--help"], ["--version"], *([verb, "--help"] for verb in cli.VERBS)]
HEAVY = {"torch", "numpy", "av", "matplotlib"}


def python(program, *, head=False):
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        if head:
            process.stdout.close()
            return process.wait(), "", process.stderr.read()
        out, err = process.communicate()
        return process.returncode, out, err


def test_help_answers_without_torch():
    code, out, err = python(
        "import sys; from colliculus.cli import main\n"
        f"for arguments in {LIGHT!r}:\n"
        "    try: main(arguments)\n"
        "    except SystemExit as stop: assert not stop.code, arguments\n"
        f"    assert not {HEAVY!r} & set(sys.modules), arguments\n"
        "    print(chr(12))"
    )
    assert code == 0, err
    helped = out.split("\f")[:-1]
    assert len(helped) == len(LIGHT)
    assert all("colliculus" in one for one in helped)


def test_the_module_is_the_command():
    done = subprocess.run([sys.executable, "-m", "colliculus", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"colliculus {__version__}"


def test_help_names_every_verb(answer):
    out, _ = answer("--help")
    assert all(f" {verb} {does}" in out for verb, does in cli.VERBS.items())


def test_no_verb_is_a_mistake_that_shows_the_help(answer):
    assert "usage: colliculus VERB" in answer(code=2)[0]


def test_an_unknown_verb_offers_the_nearest(answer):
    assert answer("trian", code=2) == ("", "colliculus: error: unknown verb 'trian': did you mean 'train'?")


@pytest.mark.parametrize(
    ("raised", "code", "sentence"),
    [
        (ColliculusError("the data are wet: dry them"), 2, "colliculus: error: the data are wet: dry them"),
        (KeyboardInterrupt(), 130, "colliculus: interrupted"),
        (
            PermissionError(13, "Permission denied", "runs/x"),
            2,
            "colliculus: error: runs/x: Permission denied: choose a folder you may read and write",
        ),
    ],
    ids=["mistake", "ctrl-c", "file system"],
)
def test_no_traceback_reaches_a_user(answer, monkeypatch, raised, code, sentence):
    def fail(_arguments):
        raise raised

    monkeypatch.setattr("colliculus.cli.show.run", fail)
    assert answer("show", code=code) == ("", sentence)


def test_an_error_of_ours_keeps_its_traceback(monkeypatch):
    def fail(_arguments):
        raise OSError("no file is named")

    monkeypatch.setattr("colliculus.cli.show.run", fail)
    with pytest.raises(OSError, match="no file"):
        cli.main(["show"])


def test_a_closed_pipe_is_quiet():
    code, _, err = python("import sys; from colliculus.cli import main; sys.exit(main(['--help']))", head=True)
    assert (code, err) == (1, "")


@pytest.mark.parametrize(("arguments", "code"), [(["show", "methods"], 0), (["trian"], 2), (["show", "--tpoic"], 2)])
def test_of_several_processes_only_the_first_speaks(answer, monkeypatch, arguments, code):
    monkeypatch.setenv("RANK", "1")
    assert answer(*arguments, code=code) == ("", "")
    monkeypatch.setenv("RANK", "0")
    assert any(answer(*arguments, code=code))


def test_an_error_of_one_rank_is_printed_by_it(answer, monkeypatch):
    def fail(_arguments):
        raise RankError("rank 1: clips/a.wav is empty: copy it again")

    monkeypatch.setattr("colliculus.cli.show.run", fail)
    monkeypatch.setenv("RANK", "1")
    assert answer("show", code=2)[1] == "colliculus: error: rank 1: clips/a.wav is empty: copy it again"
