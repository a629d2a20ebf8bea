from __future__ import annotations

from colliculus.records.console import remark, show
from colliculus.records.table import Column, Table

ODD, SAFE = "\x1b[2Jcat\u202e", r"\x1b[2Jcat\u202e"


def test_text_from_names_is_printed_without_control_characters(capsys):
    table = Table((Column(ODD),), ((f"{ODD}\nsecond line",),), ODD, (ODD,))
    show(table, ODD)
    remark(ODD)
    printed = capsys.readouterr()
    for text in (printed.out, printed.err, str(table), table.html()):
        assert SAFE in text
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert printed.out.count(SAFE) == 5
    assert "second line" in printed.out
