from __future__ import annotations

import io
import re
import subprocess
import sys
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image as Pillow

from colliculus.figures import (
    Bars,
    BarSeries,
    Heat,
    Lines,
    Scatter,
    Series,
    confusion,
    figure,
    grid,
    to_png,
    to_svg,
)
from colliculus.figures.palette import DARK, LIGHT, css, look
from colliculus.types import ColliculusError

CURVE = Series(name="audio <b>", x=[1, 2, 3], y=[10, None, 30], low=[5, 0, 20], high=[15, 0, 40])
PANELS = {
    "lines": Lines(series=[CURVE], xlabel="x", levels=[(20, "chance")], marks=[(2, "kept")], falling=True, whole=True),
    "bars": Bars(names=["a", "b"], series=[BarSeries(values=[1, -2], low=[0, -3], high=[2, -1], labels=["1", "2"])]),
    "stacked": Bars(
        names=["a"], series=[BarSeries(values=[n], name=str(n)) for n in (1, 2)], stacked=True, span=(0, 1)
    ),
    "heat": Heat(values=[[0.1, None], [0.9, -0.5]], rows=["a", "b"], columns=["1", "2"], paths=[CURVE], borders=[1]),
    "confusion": confusion([[3, 1], [0, 4]], ["a", "b"]),
    "scatter": Scatter(points=[(0, 0), (1, 1), (2, 0)], groups=[0, 2, 0], names=["a", "b", "c"]),
}


@pytest.fixture(params=PANELS)
def panel(request):
    return PANELS[request.param]


def texts(svg):
    return ["".join(x.itertext()).strip() for x in ElementTree.fromstring(svg).iter("text")]


def test_every_panel_makes_a_png_of_its_size(panel):
    with Pillow.open(io.BytesIO(to_png(figure([panel]), dpi=100))) as image:
        assert image.size[0] == pytest.approx(100 * panel.size[0], abs=1)
        assert image.size[1] >= 100 * panel.size[1] - 1
        assert len(image.convert("RGB").getcolors(100_000)) > 2  # something is drawn


def test_an_svg_takes_the_colours_of_the_page_and_nothing_from_outside(panel):
    svg = to_svg(figure([panel]), name="one", alt='a "<b>" c')
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == root.find("title").text == 'a "<b>" c'
    for word in ("#000000", "<style", "<?xml", "DOCTYPE", "http", "<script", "NaN", "nan"):
        assert word not in svg.replace("data:", "")
    assert not re.findall(r"#[0-9a-f]{6}\b", svg)
    assert set(re.findall(r"var\(--([\w-]+)\)", svg)) <= set(LIGHT)
    hrefs = [x.get("href") for x in root.iter() if x.get("href")]
    assert all(href.startswith(("#", "data:image/png;base64,")) for href in hrefs)
    ids = {x.get("id") for x in root.iter() if x.get("id")}
    assert {href[1:] for href in hrefs if href.startswith("#")} | set(re.findall(r"url\(#(\w+)\)", svg)) <= ids


def test_the_same_figure_gives_the_same_bytes_and_two_on_a_page_share_no_id(panel):
    one, again, two = (to_svg(figure([panel]), name=name, alt="x") for name in ("one", "one", "two"))
    assert one == again
    assert not set(re.findall(r'\bid="(\w+)"', one)) & set(re.findall(r'\bid="(\w+)"', two))
    assert to_png(figure([panel])) == to_png(figure([panel]))


def test_a_curve_keeps_its_gap_its_names_and_its_bounds():
    drawn = figure([Lines(series=[CURVE], low=0, high=100, xlabel="steps", ylabel="$%", levels=[(20.0, "chance")])])
    (axes,) = drawn.axes
    curve, level = axes.get_lines()
    np.testing.assert_array_equal(curve.get_ydata(), [10, np.nan, 30])
    assert list(level.get_ydata()) == [20, 20]
    assert axes.get_ylim() == (0, 102)
    found = texts(to_svg(drawn, name="x", alt="x"))
    assert {"audio <b>", "chance", "steps", "$%"} <= set(found)


def test_texts_stay_as_they_are():
    name = "#0072b2 0.12345 font-family: x"
    panel = Bars(names=[name], series=[BarSeries(values=[0.004])], xlabel="xlink:href")
    found = texts(to_svg(figure([panel]), name="x", alt="x"))
    assert {name, "xlink:href", "0.004"} <= set(found)


def test_a_band_reaches_from_low_to_high():
    drawn = figure([Lines(series=[Series(name="a", x=[0, 1], y=[5, 5], low=[0, 1], high=[10, 9])])])
    (band,) = drawn.axes[0].collections
    corners = band.get_paths()[0].vertices
    assert {tuple(c) for c in corners.tolist()} == {(0, 0), (1, 1), (1, 9), (0, 10)}


def test_series_differ_by_more_than_colour():
    looks = [look(i) for i in range(16)]
    assert len(set(looks)) == 16
    assert all(a[1] != b[1] and a[2] != b[2] for a, b in pairwise(looks))


def test_bars_end_where_their_values_are():
    one, two = BarSeries(values=[1, 2], name="one"), BarSeries(values=[3, 5], name="two")
    stacked = figure([Bars(names=["a", "b"], series=[one, two], stacked=True)]).axes[0].patches
    assert [(p.get_x(), p.get_width()) for p in stacked] == [(0, 1), (0, 2), (1, 3), (2, 5)]
    beside = figure([Bars(names=["a", "b"], series=[one, two])]).axes[0].patches
    assert [p.get_x() for p in beside] == [0] * 4
    assert beside[0].get_y() < beside[2].get_y() < 0.5  # within the first row, the first series on top


def test_a_cell_is_as_strong_as_its_value():
    (cells,) = figure([Heat(values=[[0.0, 1.0], [2.0, None]], centre=1.0)]).axes[0].collections
    below, middle, above = cells.get_facecolors()
    assert middle[3] == 0
    assert below[3] == above[3] > 0.5
    assert tuple(below[:3]) != tuple(above[:3])
    assert len(cells.get_paths()) == 3


def test_a_confusion_matrix_shows_counts_and_shares_of_the_true_class():
    matrix = confusion([[3, 1], [0, 4]], ["a", "b"])
    assert matrix.values == [[0.75, 0.25], [0, 1]]
    assert matrix.texts == [["3", "1"], ["", "4"]]


def test_a_heat_map_without_texts_says_what_its_strongest_colour_means():
    assert Heat(values=[[1.0, -4.0]]).legend == ["full colour: -4", "full colour: 4"]
    assert Heat(values=[[1.0, 4.0]], texts=[["1", "4"]]).legend == []


def test_a_shared_legend_names_everything_once():
    panels = [Lines(series=[CURVE, Series(name="visual", x=[1], y=[2], colour=1)]) for _ in range(4)]
    drawn = figure(*grid(panels), legend="shared", title="T")
    assert [len(part.axes) for part in drawn.subfigs] == [3, 3, 0]
    found = texts(to_svg(drawn, name="x", alt="x"))
    assert found.count("visual") == found.count("T") == 1


def test_both_palettes_have_every_colour_and_the_page_gets_them():
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT)  # each finds its variable
    assert css().count("--c7: ") == 3


def test_a_users_settings_change_nothing():
    import matplotlib

    before = to_png(figure([PANELS["bars"]]))
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert to_png(figure([PANELS["bars"]])) == before


def test_a_notebook_shows_it():
    assert figure([PANELS["bars"]])._repr_png_().startswith(b"\x89PNG")


def test_no_window_library_is_imported():
    program = (
        "import sys; from colliculus.figures import figure; print('matplotlib' in sys.modules, 'torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False"]


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ColliculusError, match=r"pip install 'colliculus\[report\]'"):
        figure([PANELS["bars"]])
