from __future__ import annotations

from pathlib import Path

from colliculus.report.folder import short_names


def test_names_are_as_short_as_they_can_be():
    assert short_names([Path("runs/s-cmrl/0"), Path("runs/s-cmrl/1")]) == ["0", "1"]
    assert short_names([Path("a/x/0"), Path("a/y/0"), Path("a/y/1")]) == ["x/0", "y/0", "y/1"]
