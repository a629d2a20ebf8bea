from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
from PIL import Image

from colliculus.cli import main
from colliculus.corpus.findings import KINDS


@pytest.fixture
def data(tmp_path):
    """A clean manifest of six speakers with a clip of each class."""
    rows = ["label,audio,visual,group,split"]
    for i in range(12):
        speaker, label = divmod(i, 2)
        soundfile.write(tmp_path / f"{i}.wav", np.random.default_rng(i).uniform(-0.5, 0.5, 4000), 8000)
        Image.linear_gradient("L").resize((4, 4)).point(lambda level, i=i: level // 2 + 9 * i).save(
            tmp_path / f"{i}.png"
        )
        split = "test" if speaker > 3 else "train"
        rows.append(f"{'yn'[label]},{i}.wav,{i}.png,s{speaker},{split}")
    (tmp_path / "clips.csv").write_text("\n".join(rows))
    return tmp_path


def change(data, old, new):
    path = data / "clips.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_clean_data_give_exit_code_0(answer, data):
    out, err = answer("audit", str(data / "clips.csv"), "--jobs", "0")
    assert "12 of 2 classes" in out
    assert "No finding makes results untrustworthy." in out
    assert "Good to know" not in out
    assert err == ""


@pytest.mark.parametrize(
    ("old", "new", "kind", "quick"),
    [
        ("11.png,s5,test", "11.png,s0,test", "group-in-two-splits", True),
        ("n,11.wav", "n,1.wav", "content-in-two-splits", True),
        ("n,1.wav", "n,0.wav", "content-with-two-labels", True),
        ("5.png", "none.png", "unreadable", True),
        ("n,11.wav", "m,11.wav", "label-not-trained", True),
        (",test", ",train", "part-missing", True),
    ],
)
def test_each_grave_fault_gives_exit_code_1(data, capsys, old, new, kind, quick):
    change(data, old, new)
    path = str(data / "clips.csv")
    assert main(["audit", path, "--jobs", "0", "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert kind in {finding["kind"] for finding in record["findings"] if finding["untrustworthy"]}
    assert record["trustworthy"] is False
    assert main(["audit", path, "--quick"]) == int(quick)
    out = " ".join(capsys.readouterr().out.split())
    assert ("Makes results untrustworthy" in out) is quick
    assert "(a quick look: no file was opened)" in out


def test_copies_under_two_names_are_found_unless_no_file_is_opened(data, answer):
    (data / "11.wav").write_bytes((data / "1.wav").read_bytes())
    path = str(data / "clips.csv")
    assert (
        "identical content in more than one split 1, 11 (train 1, test 1)"
        in answer("audit", path, "--jobs", "0", code=1)[0]
    )
    answer("audit", path, "--quick", code=0)


def test_a_fault_is_reported_with_its_cases(answer, data):
    for i in (4, 5, 6, 7):
        (data / f"{i}.png").write_text("version https://git-lfs.github.com/spec/v1")
    out, _ = answer("audit", str(data / "clips.csv"), "--jobs", "0", code=1)
    assert "files that cannot be read" in out
    assert "4.png is a git-lfs pointer" in out
    assert "and 1 more" in out
    assert "1 kind(s) of finding make results untrustworthy." in out


def test_what_is_short_is_reported_and_does_no_harm(answer, data):
    out, _ = answer("audit", str(data / "clips.csv"), "--jobs", "0", "--shortest-s", "0.6")
    assert "Good to know" in out
    assert "0: 0.5 s" in out


def test_a_folder_of_classes_is_audited_in_another_process(data, capsys):
    for part, numbers in {"train": range(8), "test": range(8, 12)}.items():
        for i in numbers:
            folder = data / "tree" / part / "yn"[i % 2]
            folder.mkdir(parents=True, exist_ok=True)
            (data / f"{i}.wav").rename(folder / f"{i}.wav")
            (data / f"{i}.png").rename(folder / f"{i}.png")
    tree = data / "tree"
    assert main(["audit", str(tree), "--jobs", "1", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["classes"] == {"n": {"train": 4, "test": 2}, "y": {"train": 4, "test": 2}}
    assert [finding["kind"] for finding in record["findings"]] == ["no-groups"]
    (tree / "test" / "y" / "8.wav").write_bytes((tree / "train" / "n" / "1.wav").read_bytes())
    assert main(["audit", str(tree), "--jobs", "0", "--json"]) == 1
    kinds = {finding["kind"] for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert {"content-in-two-splits", "content-with-two-labels"} <= kinds


def test_of_a_prepared_folder_the_notes_are_read(data, answer, capsys):
    (data / "3.png").write_bytes(b"no picture")
    change(data, "n,11.wav", "n,1.wav")
    recipe = ("prepare", "manifest", str(data / "clips.csv"), str(data / "out"))
    answer(*recipe, "--jobs", "0")
    for path in data.glob("*.wav"):
        path.unlink()  # they are not needed any more
    assert main(["audit", str(data / "out"), "--json"]) == 1
    findings = {finding["kind"]: finding for finding in json.loads(capsys.readouterr().out)["findings"]}
    assert findings["unreadable"]["cases"][0].startswith("3: 3.png cannot be decoded")
    assert findings["content-in-two-splits"]["cases"] == [
        "1.wav + 1.png n train, 1.wav + 11.png n test (train 1, test 1)"
    ]
    (data / "out" / "prepare.yaml").unlink()
    assert "is not a prepared folder" in answer("audit", str(data / "out"), code=2)[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.csv"], "nowhere.csv does not exist"),
        (["clips.csv", "--jobs", "-1"], "`jobs` is -1"),
        (["clips.csv", "--root", "sub"], "sub is not a folder: pass the folder at which the paths"),
    ],
)
def test_bad_input_gives_exit_code_2(answer, data, monkeypatch, arguments, sentence):
    monkeypatch.chdir(data)
    out, err = answer("audit", *arguments, code=2)
    assert out == ""
    assert sentence in err


def test_a_mistake_in_the_manifest_gives_exit_code_2(answer, data):
    change(data, "s3,train", "s3,trian")
    assert "line 8: " in answer("audit", str(data / "clips.csv"), code=2)[1]


def test_the_help_tells_the_exit_codes(answer):
    out, _ = answer("audit", "--help")
    assert "Exit code: 0 no finding makes results untrustworthy; 1 at least one does; 2" in out.replace("│", "")


def test_a_narrow_terminal_shows_every_finding_in_words(answer, data, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    change(data, "11.png,s5,test", "11.png,s0,test")
    out, _ = answer("audit", str(data / "clips.csv"), "--quick", code=1)
    assert set(KINDS["group-in-two-splits"][1].split()) <= set(out.split())


def test_an_unfinished_preparation_is_reported(answer, tmp_path):
    (tmp_path / "out" / ".unfinished").mkdir(parents=True)
    _, err = answer("audit", str(tmp_path / "out"), code=2)
    assert "is not finished: run the same command again" in err
