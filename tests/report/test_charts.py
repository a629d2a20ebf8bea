from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from colliculus.report.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axes,
    Series,
    bar,
    heat,
    lines,
    scatter,
    signed_bar,
    ticks,
)

AXES = Axes(title="t", across="x", up="y", low=0, high=10)


def drawing(made):
    return ElementTree.fromstring(made).find("svg")


def kinds(svg, kind):
    return [x for x in svg.iter() if kind in x.get("class", "").split()]


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-30, 20), (1, 100), (0.001, 0.0042), (5, 5), (0, 3e6)])
def test_ticks_are_round_few_and_within(low, high):
    found = ticks(low, high)
    assert 1 <= len(found) <= 8
    assert all(low <= x <= high for x in found)
    assert found == sorted(set(found))


def test_points_lie_where_they_belong():
    svg = drawing(lines(AXES, [Series("a", [(0, 0), (1, 5), (2, 10)])], "caption"))
    (path,) = kinds(svg, "line")
    xy = [float(n) for n in re.findall(r"[\d.]+", path.get("d"))]
    middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    assert xy == pytest.approx([LEFT, HEIGHT - BOTTOM, *middle, WIDTH - RIGHT, TOP], abs=0.06)
    assert len(kinds(svg, "mark")) == 3


def test_a_gap_stays_a_gap():
    svg = drawing(lines(AXES, [Series("a", [(0, 1), (1, None), (2, 3), (3, 4)])], "caption"))
    (path,) = kinds(svg, "line")
    assert path.get("d").count("M") == 2
    assert path.get("d").count("L") == 1


def test_curves_differ_by_more_than_colour_and_stand_in_the_legend():
    made = ElementTree.fromstring(lines(AXES, [Series(n, [(0, 1), (1, 2)]) for n in "ab"], "caption"))
    assert ["".join(x.itertext()).strip() for x in made.iter("li")] == ["a", "b"]
    curves = kinds(made.find("svg"), "line")
    assert curves[0].get("stroke-dasharray") != curves[1].get("stroke-dasharray")
    assert made.find("svg").get("role") == "img"
    assert made.find("svg/title").text == "t"


def test_one_point_and_equal_values_can_be_drawn():
    for points in ([(1, 5)], [(1, 5), (2, 5)]):
        made = lines(Axes(title="t", across="x", up="y"), [Series("a", points)], "caption")
        assert "nan" not in made
        assert len(kinds(drawing(made), "mark")) == len(points)
    assert "nan" not in scatter("t", [(1, 1), (1, 1)], [0, 1], ["a", "b"])


def test_a_band_reaches_from_low_to_high():
    svg = drawing(lines(AXES, [Series("a", [(0, 5), (1, 5)], [(0, 0, 10), (1, 0, 10)])], "caption"))
    (band,) = kinds(svg, "band")
    ys = {float(pair.split(",")[1]) for pair in band.get("points").split()}
    assert ys == {float(TOP), float(HEIGHT - BOTTOM)}


def test_points_in_the_plane_show_their_groups():
    made = ElementTree.fromstring(scatter("t", [(0, 0), (1, 1), (2, 0)], [0, 2, 0], ["a", "b", "c"]))
    assert ["".join(x.itertext()).strip() for x in made.iter("li")] == ["a", "c"]
    assert len(kinds(made.find("svg"), "c0")) == 2


def test_cells_say_their_number():
    cell = ElementTree.fromstring(bar(0.25, (0.1, 0.5), "25"))
    assert cell.find("div/span").text == "25"
    assert cell.find("div/svg/rect").get("width") == "25.0"
    against = ElementTree.fromstring(signed_bar(-1, 2, "-1")).find("div/svg/rect")
    assert (against.get("x"), against.get("width"), against.get("class")) == ("25.0", "25.0", "bar against")
    assert 'style="--share:0.500"' in heat(0.5, "x")
