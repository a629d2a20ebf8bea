from __future__ import annotations

import os
import re
import socket
import subprocess
import sys

import pytest

from colliculus.cli import main
from colliculus.runtime import Runtime
from colliculus.types import ColliculusError

LOSES = """
import os
import torch
from colliculus.runtime import Runtime
from colliculus.types import ColliculusError

try:
    with Runtime.start(device="cpu") as runtime:
        assert runtime.sum(torch.ones(1)).item() == 2
        if runtime.rank == 1:
            os._exit(0)
        runtime.sum(torch.ones(1))
except ColliculusError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE is 'two': unset it"),
        ({"WORLD_SIZE": ""}, "WORLD_SIZE is ''"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0'"),
        ({"WORLD_SIZE": "9" * 5000}, "WORLD_SIZE is '999"),
        ({"RANK": "-1"}, "RANK is '-1'"),
        ({"LOCAL_RANK": "x\x1b[2J"}, r"LOCAL_RANK is 'x\\x1b"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE is 2 and RANK is not set"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "MASTER_ADDR is not set"),
        ({"WORLD_SIZE": "2", "RANK": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, "not below the WORLD_SIZE 2"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "a", "MASTER_PORT": "0"}, "MASTER_PORT is 0"),
        ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "a", "MASTER_PORT": "p"}, "MASTER_PORT is 'p'"),
    ],
)
def test_nonsense_in_the_variables_of_torchrun_is_one_sentence(monkeypatch, variables, told):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ColliculusError, match=told), Runtime.start(device="cpu"):
        pass


def test_a_rank_that_is_no_number_is_reported(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("RANK", "first")
    assert main(["train", "late-fusion-synthetic", "--out", str(tmp_path / "run")]) == 2
    assert "RANK is 'first'" in capsys.readouterr().err


def test_a_process_that_died_is_one_sentence():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", LOSES], env={**shared, "RANK": rank, "LOCAL_RANK": rank}, stdout=subprocess.PIPE
        )
        for rank in ("0", "1")
    ]
    said = [rank.communicate(timeout=100)[0].decode() for rank in ranks]
    told = r"another process of this training ended or cannot be reached \([^()]*by peer[^()]*\): read its message"
    assert re.match(told, said[0]), said[0]
    assert "--resume" in said[0]
    assert said[0].count("\n") == 1


def test_an_error_of_another_rank_than_the_first_names_it(monkeypatch):
    for name, value in {"WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    for rank, begin in (("3", "^rank 3: unknown device 'gpu'"), ("0", "^unknown device 'gpu'")):
        monkeypatch.setenv("RANK", rank)
        with pytest.raises(ColliculusError, match=begin), Runtime.start(device="gpu"):
            pass
