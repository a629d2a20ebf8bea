from __future__ import annotations

import sys

import pyarrow
import pytest
from pyarrow import parquet

from colliculus.corpus.manifest import PREPARED_COLUMNS, read_manifest, write_manifest
from colliculus.corpus.sample import Sample
from colliculus.types import ColliculusError

SUFFIXES = [".csv", ".parquet"]


def read(tmp_path, text, *, name="m.csv", root=None):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_manifest(path, root=root)


def test_every_column_of_a_row(tmp_path):
    text = (
        "name,audio,label,split,group,stratum,start,end,left_out,#age,visual\n"
        "one,s/a b.wav,Hund,train,ada,f,0.5,2,two labels,4 years,p/ä.png\n"
        "two,s/b.wav,cat,,,,,,,,\n"
    )
    assert read(tmp_path, text) == [
        Sample(
            name="one",
            label="Hund",
            files={"audio": "s/a b.wav", "visual": "p/ä.png"},
            split="train",
            group="ada",
            stratum="f",
            start_s=0.5,
            end_s=2.0,
            left_out="two labels",
        ),
        Sample(name="two", label="cat", files={"audio": "s/b.wav"}),
    ]


def test_an_ending_may_begin_with_a_digit_and_a_number_is_none(tmp_path):
    (sample,) = read(tmp_path, "label,visual\na,clips/holiday.3gp\n")
    assert sample.files == {"visual": "clips/holiday.3gp"}
    with pytest.raises(ColliculusError, match=r"'age' is '12\.5', which is not a file name with an ending"):
        read(tmp_path, "label,age\na,12.5\n")


def test_both_kinds_of_file_give_the_same_samples(tmp_path):
    rows = [
        {"label": 3, "audio": "a.wav", "start": 1, "end": 2.5, "group": None},
        {"audio": "b.wav", "label": 4, "group": 7, "visual": "b.png"},
    ]
    cells = {name: [row.get(name) for row in rows] for name in rows[0] | rows[1]}
    parquet.write_table(pyarrow.table(cells), tmp_path / "m.parquet")
    (tmp_path / "m.csv").write_text("label,audio,start,end,group,visual\n3,a.wav,1,2.5,,\n\n4,b.wav,,,7,b.png\n")
    expected = read_manifest(tmp_path / "m.csv")
    assert [(s.name, s.label, s.group, s.start_s) for s in expected] == [("a", "3", None, 1.0), ("b", "4", "7", None)]
    assert read_manifest(tmp_path / "m.parquet") == expected


def test_a_missing_number_of_pandas_is_no_group(tmp_path):
    parquet.write_table(
        pyarrow.table({"label": ["x"], "audio": ["a.wav"], "end": [float("nan")]}), tmp_path / "m.parquet"
    )
    assert read_manifest(tmp_path / "m.parquet")[0].end_s is None


@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_what_editors_of_tables_write(tmp_path, head, end):
    text = head + end.join(["label, audio ", '"cat, big","a,b.wav"', ""]).encode()
    assert read(tmp_path, text) == [Sample(name="a,b", label="cat, big", files={"audio": "a,b.wav"})]


def test_names_are_made_of_the_files_and_tell_samples_apart(tmp_path):
    text = (
        "label,audio,visual,start,end,split\n"
        "x,s/1.wav,,,,\n"  # alone
        "x,,s/2.png,,,\n"
        "x,s/3.wav,p/a.png,,,\n"  # one sound with two pictures
        "x,s/3.wav,p/b.png,,,\n"
        "x,v.mp4,v.mp4,0,1,train\n"  # one video cut into parts, under two labels, in two splits
        "x,v.mp4,v.mp4,1,2,train\n"
        "y,v.mp4,v.mp4,1,2,train\n"
        "y,v.mp4,v.mp4,1,2,test\n"
        "x,n.hdf5::1,,,,\n"
        "x,n.hdf5::2,,,,\n"
    )
    assert [sample.name for sample in read(tmp_path, text)] == [
        "s/1",
        "s/2",
        "s/3.wav + p/a.png x",
        "s/3.wav + p/b.png x",
        "v.mp4 0-1 s x train",
        "v.mp4 1-2 s x train",
        "v.mp4 1-2 s y train",
        "v.mp4 1-2 s y test",
        "n::1",
        "n::2",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("label,audio\nx,a.wav\nx,a.wav\n", r"m\.csv, line 3: 'a\.wav x' is also in line 2: remove one"),
        ("name,label,audio\nn,x,a.wav\n\nn,y,b.wav\n", r"line 4: 'n' is also in line 2: .*its own name"),
        ("label,audio,split\nx,a.wav,val\n", r"line 2: .*'val': use train, validation, test"),
        ("label,audio,end\nx,a.wav,soon\n", r"line 2: 'end' is 'soon': write a number of seconds"),
        ("label,audio,end\nx,a.wav,inf\n", r"line 2: 'end' is 'inf'"),
        ("label,audio,start,end\nx,a.wav,3,2\n", r"line 2: .*from 3\.0 to 2\.0 s: the start must come before"),
        ("label,audio\n,a.wav\n", r"line 2: .*give it a name, a label"),
        ("label,audio\nx,\nx,\n", r"line 2: .*at least one file"),
        ("label,audio\n x,a.wav\n", r"line 2: 'label' is ' x': remove the spaces"),
        ("label,audio,left_out\nx,a.wav,No\n", r"line 2: 'left_out' is 'No': write why"),
        ("label,audio\nx,a.wav,b.wav\n", r"line 2: there are 3 cells for 2 columns: separate cells by commas"),
        ("label,audio\nx\n", r"line 2: there are 1 cells for 2"),
        ('label,audio\nx,"a.wav\n', r"line 2: unexpected end of data; close quotes"),
        ("label;audio\nx;a.wav\n", r"no column 'label' among 'label;audio': .*separated by commas"),
        ("Label,audio\nx,a.wav\n", r"no column 'label' among 'Label', 'audio'"),
        ("label,audio,Split\nx,a.wav,test\n", r"has a column 'Split': write 'split'"),
        ("label,audio,audio\nx,a.wav,b.wav\n", r"two columns 'audio': rename one"),
        ("label,left camera\nx,a.png\n", r"a column 'left camera': use letters"),
        ("label,audio,\nx,a.wav,\n", r"a column ''.*ignore with #"),
        ("label\nx\n", r"no column of files: add one for each modality"),
        ("label,audio\n", r"m\.csv has no rows"),
        ("", r"m\.csv is empty"),
        ("version https://git-lfs.github.com/spec/v1", r"git lfs pull"),
        ("label,audio\nx\x1b[2J,a.wav\n", r"line 2: 'label' holds 'x\\x1b\[2J': remove unprintable characters"),
        ("label,audio\nh\u00e9,a.wav\n".encode("latin-1"), r'm\.csv is not in UTF-8: save it again as "CSV UTF-8"'),
        ("label,audio,age\nx,a.wav,42\n", r"line 2: 'age' is '42', .*begin its name with # so that it is ignored"),
        ("label,audio,age\nx,a.wav,3.5\n", r"line 2: 'age' is '3\.5'"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, text, complaint):
    with pytest.raises(ColliculusError, match=complaint):
        read(tmp_path, text)


def test_a_mistake_in_parquet_is_named_with_its_row(tmp_path):
    table = {"label": ["x", "x"], "audio": [["a.wav"], ["b.wav"]]}
    parquet.write_table(pyarrow.table(table), tmp_path / "m.parquet")
    with pytest.raises(ColliculusError, match="row 1: 'audio' holds a list: write text or a number"):
        read_manifest(tmp_path / "m.parquet")
    parquet.write_table(
        pyarrow.table(table | {"audio": ["a.wav", "b.wav"], "loud": [None, True]}), tmp_path / "m.parquet"
    )
    with pytest.raises(ColliculusError, match="row 2: 'loud' is 'True', which is not a file name"):
        read_manifest(tmp_path / "m.parquet")


@pytest.mark.parametrize("path", ["../a.wav", "s/../../a.wav", "/etc/a.wav", "C:/a.wav", "s\\a.wav", "s/.."])
def test_a_path_cannot_leave_the_root(tmp_path, path):
    (tmp_path / "s").mkdir()
    with pytest.raises(ColliculusError, match=r"line 2: 'audio' is .* which is not a path below"):
        read(tmp_path, f"label,audio\nx,{path}\n")


def test_no_link_leaves_the_root(tmp_path):
    root = tmp_path / "root"
    (root / "s").mkdir(parents=True)
    (root / "s" / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "secret.wav").write_bytes(b"RIFF")
    (root / "inside.wav").symlink_to("s/a.wav")
    (root / "here").symlink_to("s")
    (root / "loop.wav").symlink_to("loop.wav")
    assert len(read(root, "label,audio\nx,inside.wav\nx,here/a.wav\nx,loop.wav\n")) == 3
    (root / "out.wav").symlink_to("../secret.wav")
    (root / "up").symlink_to("..")
    for path in ("out.wav", "up/secret.wav"):
        with pytest.raises(ColliculusError, match=r"line 2: .* a link that leaves"):
            read(root, f"label,audio\nx,{path}\n")
        assert len(read(root, f"label,audio\nx,root/{path}\n", root=tmp_path)) == 1  # where the root is wider


def test_columns_of_a_prepared_folder_are_passed_over(tmp_path):
    head = ",".join(["label", "audio", *PREPARED_COLUMNS])
    assert read(tmp_path, f"{head}\nx,a.wav{',?' * len(PREPARED_COLUMNS)}\n")[0].modalities == ("audio",)


def test_without_pyarrow_parquet_says_what_it_takes(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "m.parquet").write_bytes(b"PAR1")
    with pytest.raises(ColliculusError, match=r"pip install 'colliculus\[parquet\]', or use \.csv"):
        read_manifest(tmp_path / "m.parquet")
    with pytest.raises(ColliculusError, match=r"pip install 'colliculus\[parquet\]'"):
        write_manifest(tmp_path / "n.parquet", [Sample(name="a", label="x", files={"audio": "a.wav"})])


def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path):
    good = Sample(name="a", label="x", files={"audio": "a.wav"})
    with pytest.raises(ColliculusError, match=r"m\.xlsx is not a table: use a file ending in \.csv or \.parquet"):
        write_manifest(tmp_path / "m.xlsx", [good])
    with pytest.raises(ColliculusError, match="line 3: 'a' is also in line 2"):
        write_manifest(tmp_path / "m.csv", [good, good])
    with pytest.raises(ColliculusError, match="holds an empty string"):
        write_manifest(tmp_path / "m.csv", [Sample(name="a", label="x", files={"audio": "a.wav"}, group="")])
    with pytest.raises(ColliculusError, match="unprintable"):
        write_manifest(tmp_path / "m.csv", [Sample(name="a\n", label="x", files={"audio": "a.wav"})])
    (tmp_path / "file").touch()
    with pytest.raises(ColliculusError, match=r"cannot be written \((File exists|Not a directory)"):
        write_manifest(tmp_path / "file" / "m.csv", [good])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
