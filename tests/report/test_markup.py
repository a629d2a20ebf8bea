from __future__ import annotations

from xml.etree import ElementTree

import pytest

from colliculus.report.markup import Html, command, facts, interval, percent, picture, table, tag


def test_text_is_escaped_and_html_is_not():
    assert tag("p", "<b>", Html("<b></b>")) == "<p>&lt;b&gt;<b></b></p>"
    assert tag("a", attributes={"title": '"&<'}) == '<a title="&quot;&amp;&lt;"></a>'


def test_a_table_has_headings_and_a_name():
    root = ElementTree.fromstring(table("About <it>", ["class", "n"], [["a", "1"], ["b", Html("<td>2</td>")]]))
    assert root.find("figcaption").text == "About <it>"
    inner = root.find("div/table")
    assert inner.get("aria-label") == root.find("div").get("aria-label") == "About <it>"
    assert [(x.text, x.get("scope")) for x in inner.iter("th")] == [
        ("class", "col"),
        ("n", "col"),
        ("a", "row"),
        ("b", "row"),
    ]
    assert [x.text for x in inner.iter("td")] == ["1", "2"]
    assert root.find("div").get("tabindex") == "0"  # scrolls by keyboard


def test_a_picture_lies_within_the_page_and_is_described():
    image = ElementTree.fromstring(picture(b"\x89PNG", 'a "clip"'))
    assert image.get("src") == "data:image/png;base64,iVBORw=="
    assert image.get("alt") == 'a "clip"'


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a & b", "'\""])
def test_nothing_that_is_told_can_break_out(text):
    for made in (facts({text: text}), command(text), table(text, [text], [[text]])):
        assert "<script" not in made
        assert text in "".join(ElementTree.fromstring(made).itertext())


def test_shares_as_text():
    assert percent(0.05).replace("\N{NARROW NO-BREAK SPACE}", " ") == "5.0 %"
    assert interval((0.051, 1)) == "5.1 to 100.0"
