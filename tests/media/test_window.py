from __future__ import annotations

import pytest

from colliculus.media.window import Window


@pytest.mark.parametrize(
    ("window", "found"),
    [
        (Window(), [0.25, 0.75]),
        (Window(None, None, 0.5), [0.125, 0.375]),
        (Window(None, None, 4.0), [1.0, 3.0]),
        (Window(0.5), [0.625, 0.875]),
        (Window(0.2, 0.6), [0.3, 0.5]),
        (Window(0.2, 0.6, 4.0), [0.6, 0.6]),
    ],
    ids=str,
)
def test_moments_of_a_window(window, found):
    assert window.moments(2, None, file_s=1.0) == pytest.approx(found)
