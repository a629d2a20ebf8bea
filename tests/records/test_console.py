from __future__ import annotations

import pytest

from colliculus.records import console


def test_a_line_to_copy_is_not_broken(capsys):
    command = f"  colliculus evaluate '{'long [red]' * 30}' --help"
    console.show(command)
    assert capsys.readouterr().out == f"{command}\n"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_does_not_know_is_not_printed(capsys, number):
    with pytest.raises(ValueError, match="JSON"):
        console.show_json({"accuracy": number})
    assert capsys.readouterr().out == ""


def test_a_long_path_does_not_break_in_a_remark(capsys):
    path = f"/data/{'long/' * 30}clip.wav"
    console.remark(f"{path} is damaged")
    assert path in capsys.readouterr().err
