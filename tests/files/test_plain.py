from __future__ import annotations

import datetime
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from colliculus.files.cache import Cache
from colliculus.files.documents import read_document, write_document
from colliculus.files.plain import parse_json, parse_yaml, read_text, short
from colliculus.types import ColliculusError, printable

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(PLAIN)
def test_whatever_is_written_is_read_back(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("plain") / "document.yaml"
    write_document(path, {"format": 1, "value": value})
    assert read_document(path, newest=1, remedy="write it again")["value"] == value
    assert parse_json(json.dumps(value)) == value


def test_a_list_that_occurs_twice_is_written_in_full(tmp_path):
    shared = [1, 2]
    write_document(tmp_path / "d", {"format": 1, "a": shared, "b": shared})
    assert "&" in yaml.safe_dump({"a": shared, "b": shared})
    assert read_document(tmp_path / "d", newest=1, remedy="-") == {"format": 1, "a": [1, 2], "b": [1, 2]}


def test_a_date_is_text():
    assert parse_yaml("a: 2024-13-45\nb: 2024-01-02") == {"a": "2024-13-45", "b": "2024-01-02"}
    assert yaml.safe_load("2024-01-02") == datetime.date(2024, 1, 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: &x [1]\nb: *x", "line 1 uses an anchor"),
        ("&a [*a]", "uses an anchor"),
        ("\n{1: 2}", "line 2 has the key 1, which is not text"),
        ("yes: 1", "the key True, which is not text"),
        ("? [a]\n: b", "is not text"),
        ("a: !!python/object/apply:os.system [ls]", "uses the tag tag:yaml.org,2002:python"),
        ("a: !!binary aGk=", "uses the tag"),
        ("a: 1\na: 2", "line 2 has the key 'a' a second time"),
        ("[" * 41 + "]" * 41, "nested deeper than 40 levels"),
        ("[" * 100_000, "nested deeper than 40 levels"),
        ("a: " + "9" * 5000, "a number cannot be read"),
        ("a: 'b", "unexpected end of stream"),
        ("a: 1\n---\nb: 2", "single document"),
        ("\x00", "special characters are not allowed"),
        ("a" * (4 * 2**20 + 1), "too large for YAML"),
    ],
)
def test_anything_but_plain_values_is_refused_in_a_short_sentence(text, told):
    with pytest.raises(ColliculusError, match=told) as found:
        parse_yaml(text)
    assert len(str(found.value)) < 250
    assert "\n" not in str(found.value)


def test_forty_levels_are_read():
    assert parse_yaml("[" * 40 + "]" * 40) is not None


@pytest.mark.parametrize(("text", "told"), [("[" * 100_000, "nested too deeply"), ("{", "not JSON"), ("", "not JSON")])
def test_text_that_is_not_json_is_refused(text, told):
    with pytest.raises(ColliculusError, match=told):
        parse_json(text)


def test_text_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    with pytest.raises(ColliculusError, match="latin is not in UTF-8"):
        read_text(tmp_path / "latin")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**26 + 1)
        file.write(b"a")
    with pytest.raises(ColliculusError, match="huge is too large"):
        read_text(tmp_path / "huge")
    with pytest.raises(ColliculusError, match="is not a file"):
        read_text(tmp_path)


def test_a_quotation_is_short():
    assert short({"a": 1}) == "{'a': 1}"
    assert len(short("a" * 10**6)) == 124


@pytest.mark.parametrize(
    "content", ["[1]", "null", '{"settings": 3, "piece": 1}', "[" * 100_000, "", "\ud800", '{"a": 1}']
)
def test_a_file_of_a_cache_that_is_no_part_counts_as_absent(tmp_path, content):
    (tmp_path / "part.json").write_bytes(content.encode("utf-8", "surrogatepass"))
    cache = Cache(tmp_path, {"clips": 4})
    assert cache.find("part") is None
    assert cache.changed("part") == []
    assert cache.get("part", int, lambda: 5) == 5
    assert cache.find("part") == 5


def test_a_part_of_another_type_is_made_again(tmp_path):
    cache = Cache(tmp_path, {"clips": 4})
    cache.keep("part", "five")
    assert cache.get("part", int, lambda: 5) == 5


def test_names_reach_a_terminal_without_their_control_characters():
    odd = "\x1b[2Jcat\u202egnp\u2066\x9b\r\ud800"
    assert printable(odd) == r"\x1b[2Jcat\u202egnp\u2066\x9b\r\ud800"
    assert printable("a\nb", keep="\n") == "a\nb"
    assert printable("čat 猫 é") == "čat 猫 é"
    assert str(ColliculusError(odd)) == printable(odd)
