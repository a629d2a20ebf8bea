from __future__ import annotations

import subprocess
import warnings
from importlib import import_module
from shutil import which

import pytest
import tyro

from colliculus.cli import VERBS, main
from colliculus.cli.completion import option_names
from colliculus.cli.options import NoSettings
from colliculus.presets import PRESETS
from colliculus.runs.experiment import Experiment


def taken(kind, default=tyro.MISSING_NONPROP):
    """Names of the options that tyro itself reads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        parser = tyro.extras.get_parser(kind, default=default)
    return {name for action in parser._actions for name in action.option_strings} - {"-h", "--help"}


@pytest.mark.parametrize("verb", VERBS)
def test_the_options_of_a_verb_are_those_that_are_read(verb):
    kind = import_module(f"colliculus.cli.{verb.replace('-', '_')}").Options
    whole = kind[NoSettings] if getattr(kind, "__parameters__", ()) else kind
    assert set(option_names(kind)) == taken(whole)


@pytest.mark.parametrize("name", ["tectum-folder", "s-cmrl-synthetic", "taaf-ave"])
def test_the_settings_of_a_preset_are_those_that_are_read(name):
    experiment = PRESETS[name].experiment
    read = taken(Experiment[type(experiment.method), type(experiment.data)], experiment)
    assert "--lr" in read
    assert set(option_names(type(experiment), experiment)) == read


@pytest.mark.skipif(which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["pre"], {"predict", "prepare"}),
        (["train", "tectum-first-f"], {"tectum-first-folder"}),
        (["train", "tectum-folder", "--train.ep"], {"--train.epochs"}),
        (["train", "tectum-folder", "--ba"], {"--batch-size"}),
        (["train", "tectum-folder", "s"], set()),
        (["prepare", "fol"], {"folder"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
    ],
)
def test_bash_completes(capsys, tmp_path, typed, offered):
    script = tmp_path / "completion"
    assert main(["completion", "bash"]) == 0
    script.write_text(capsys.readouterr().out)
    words = " ".join(f"'{word}'" for word in ["colliculus", *typed])
    ask = f"source {script}; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; _colliculus; echo ${{COMPREPLY[@]}}"
    found = subprocess.run([which("bash"), "-c", ask], capture_output=True, text=True, check=True)
    assert set(found.stdout.split()) == offered
    assert not found.stderr


def test_the_other_shells_get_their_own_script(capsys):
    assert main(["completion", "zsh"]) == 0
    assert "bashcompinit" in capsys.readouterr().out
    assert main(["completion", "fish"]) == 0
    fish = capsys.readouterr().out.splitlines()
    assert "complete -c colliculus -n '__fish_seen_subcommand_from train' -l train.epochs" in fish
    assert any(line.endswith("-a train -d 'train a preset, on its data or on yours'") for line in fish)
