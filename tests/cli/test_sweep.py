from __future__ import annotations

import json
import shlex
import signal
import subprocess
import sys
import time

import pytest
import yaml

from colliculus.cli import main

TINY = {
    "method.dim": "16", "method.time-steps": "2", "data.num-classes": "2", "data.num-train": "8",
    "data.num-validation": "4", "data.num-test": "6", "data.size": "16", "data.steps": "2", "train.epochs": "3",
    "train.device": "cpu",
}  # fmt: skip
EPOCHS = "30"
"""Of a training that something happens to meanwhile."""

SMALL = [part for name, value in TINY.items() for part in (f"--{name}", value)]


def lines(capsys, *arguments, small=SMALL):
    """The commands of a dry run, each as the arguments of `colliculus`."""
    assert main(["sweep", *arguments, "--dry-run", "--", *small]) == 0
    return [shlex.split(line)[1:] for line in capsys.readouterr().out.splitlines()]


def test_one_command_for_each_preset_setting_and_seed(capsys, tmp_path):
    presets = ("s-cmrl-synthetic", "late-fusion-synthetic")
    found = lines(
        capsys,
        *presets,
        "--seeds",
        "2",
        "--first-seed",
        "3",
        "--set",
        "method.alpha",
        "0.25,0.5",
        "--out",
        str(tmp_path),
    )
    folders = [
        f"{name}_seed{seed}"
        for seed in (3, 4)
        for name in ("s-cmrl-synthetic_method.alpha=0.25", "s-cmrl-synthetic_method.alpha=0.5", "late-fusion-synthetic")
    ]
    assert [line[:5] for line in found] == [
        ["train", folder.partition("_")[0], "--out", str(tmp_path / folder), "--resume"] for folder in folders
    ]
    assert found[1][5:] == [*SMALL, "--method.alpha", "0.5", "--train.seed", "3"]
    assert found[2][5:] == [*SMALL, "--train.seed", "3"]  # late fusion has no alpha


def test_a_setting_may_be_given_in_several_places(capsys, tmp_path):
    chosen = ("--set", "method.alpha", "0.25", "--set", "method.alpha", "0.5,0.25", "--out", str(tmp_path))
    found = lines(capsys, "s-cmrl-synthetic", "--seeds", "1", *chosen)
    assert [line[-3] for line in found] == ["0.25", "0.5"]


def test_values_of_several_words_and_switches(capsys, tmp_path):
    chosen = ("--set", "train.snr-db", "audio 0 visual -10,audio 3", "--set", "method.alignment", "true,False")
    found = lines(capsys, "s-cmrl-synthetic", "--seeds", "1", *chosen, "--out", str(tmp_path))
    assert [line[5 + len(SMALL) : -2] for line in found] == [
        ["--train.snr-db", *noise, switch]
        for noise in (["audio", "0", "visual", "-10"], ["audio", "3"])
        for switch in ("--method.alignment", "--method.no-alignment")
    ]
    assert len({line[3] for line in found}) == 4
    assert not any(" " in line[3] for line in found)


def test_a_file_says_the_same_as_a_command(capsys, tmp_path):
    file, out = tmp_path / "alpha.yaml", ("--out", str(tmp_path))
    document = {
        "presets": ["s-cmrl-synthetic", "late-fusion-synthetic"], "seeds": 2, "train": TINY,
        "set": {"method.alpha": [0.25, 0.5]},
    }  # fmt: skip
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    asked = ("--seeds", "2", "--set", "method.alpha", "0.25,0.5", *out)
    assert lines(capsys, str(file), *out, small=[]) == lines(capsys, *document["presets"], *asked)


def test_a_file_may_say_what_yaml_says(capsys, tmp_path):
    text = """
presets: [s-cmrl-synthetic]
seeds: 1
dry_run: true
json: false
baseline: null
over: [data.seed, train.batch-size]
out: a folder/of mine
set:
  train.snr_db: [{audio: 0, visual: -10}, [audio, 3], audio 4]
  method.alignment: [true, false]
train:
  train.drop_incomplete: false
  method.neuron.temporal-gradient: true
  train.ema_decay: null
  train.learning-rate: 0.5
"""
    (tmp_path / "sweep.yaml").write_text(text)
    assert main(["sweep", str(tmp_path / "sweep.yaml")]) == 0
    found = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    switches = ["--train.no-drop_incomplete", "--method.neuron.temporal-gradient", "--train.ema_decay", "None"]
    switches += ["--train.learning-rate", "0.5"]
    noises = [["audio", "0", "visual", "-10"], ["audio", "3"], ["audio", "4"]]
    assert [line[6:-2] for line in found] == [
        [*switches, "--train.snr_db", *noise, alignment]
        for noise in noises
        for alignment in ("--method.alignment", "--method.no-alignment")
    ]
    assert (
        found[0][4] == "a folder/of mine/s-cmrl-synthetic_train.snr_db=audio-0-visual--10_method.alignment=true_seed0"
    )


@pytest.mark.parametrize("key", ["seeds: 0", "baseline: audio", "seeds: many", "train: {method.dmi: 8}"])
def test_a_mistake_that_the_command_line_finds_names_the_file_too(answer, tmp_path, key):
    (tmp_path / "sweep.yml").write_text(f"{{presets: [late-fusion-synthetic], dry_run: true, {key}}}")
    err = answer("sweep", str(tmp_path / "sweep.yml"), code=2)[1]
    assert "sweep.yml" in err.replace(" ", "")  # a long path is broken over lines


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[a", "no YAML"),
        ("- a", "names with values"),
        ("presets: a", "presets is a list of names"),
        ("{presets: [[a]]}", "presets holds ['a'] within a list"),
        ("{presets: [late-fusion-synthetic], set: {method.dim: 8}}", "set: method.dim takes a list of values, not 8"),
        ("{presets: [late-fusion-synthetic], set: {method.dim: ['8,16']}}", "set: method.dim holds '8,16'"),
        ("{presets: [late-fusion-synthetic], set: 3}", "set: names with values"),
        ("{presets: [late-fusion-synthetic], train: }", "train: names with values"),
        ("{presets: [late-fusion-synthetic], train: {method: {dim: 8}}}", "train: method is no setting"),
        ("{presets: [late-fusion-synthetic], train: {train.snr_db: {visual: [1]}}}", "train: train.snr_db holds [1]"),
        ('{presets: [late-fusion-synthetic], train: {data.root: "it\'s"}}', "a quotation in it has no end"),
        ("{presets: [late-fusion-synthetic], sedes: 3}", "unknown option 'sedes': did you mean 'seeds'?"),
        ("{presets: [late-fusion-synthetic], json: perhaps}", "json is true or false, and not 'perhaps'"),
        ("{presets: [late-fusion-synthetic], seeds: many}", "--seeds"),
    ],
)
def test_a_wrong_file_is_told(answer, tmp_path, text, told):
    (tmp_path / "sweep.yml").write_text(text)
    err = answer("sweep", str(tmp_path / "sweep.yml"), "--dry-run", code=2)[1]
    assert told in err
    assert "sweep.yml" in err.replace(" ", "")  # a long path is broken over lines


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name presets"),
        (["s-cmrl-sinthetic"], "did you mean 's-cmrl-synthetic'?"),
        (["s-cmrl-synthetic", "--set", "method.alfa", "1"], "did you mean 'method.alpha'?"),
        (["s-cmrl-synthetic", "--set", "method.alpha", "0.5,much"], "--method.alpha"),
        (["s-cmrl-synthetic", "--", "--train.epohcs", "3"], "--train.epochs"),
        (["s-cmrl-synthetic", "--", "--train.seed", "3"], "given by the sweep itself"),
        (["s-cmrl-synthetic", "--", "--out=x"], "given by the sweep itself"),
        (["s-cmrl-synthetic", "--seeds", "0"], "at least 1"),
        (["s-cmrl-synthetic", "--jobs", "0"], "at least 1"),
        (["s-cmrl-synthetic", "--baseline", "s-crml-synthetic"], "did you mean 's-cmrl-synthetic'?"),
        (["s-cmrl-synthetic", "--set", "method.dim", "8,16", "--baseline", "s-cmrl-synthetic"], "stands in 2 settings"),
        (["s-cmrl-synthetic", "--over", "data.foldd", "--json"], "unknown setting 'data.foldd'"),
        (["s-cmrl-synthetic", "--over", "data.foldd", "--dry-run"], "unknown setting 'data.foldd'"),
    ],
    ids=str,
)
def test_a_mistake_is_told_before_anything_is_trained(answer, tmp_path, arguments, told):
    out = ["--out", str(tmp_path / "out")]
    place = arguments.index("--") if "--" in arguments else len(arguments)
    _, err = answer("sweep", *arguments[:place], *out, *arguments[place:], code=2)
    assert told in err
    assert not (tmp_path / "out").exists()


def test_settings_that_give_one_folder_name_are_told(answer, tmp_path):
    asked = ["--set", "data.root", "a/b,a:b", "--out", str(tmp_path)]
    assert "share the folder" in answer("sweep", "late-fusion-folder", *asked, code=2)[1]


def test_a_baseline_may_have_the_name_that_compare_gives_it(capsys, tmp_path):
    asked = ("s-cmrl-synthetic", "--set", "method.dim", "8,16", "--seeds", "1", "--out", str(tmp_path))
    assert len(lines(capsys, *asked, "--baseline", "s-cmrl-synthetic method.dim=16", small=[])) == 2
    one_method = ("--over", "method.dim", "--baseline", "s-cmrl-synthetic")
    assert len(lines(capsys, *asked, *one_method, small=[])) == 2


def command(out, *flags, jobs=2):
    sweep = ["sweep", "late-fusion-synthetic", "weighted-attention-synthetic", "--seeds", "1", "--jobs", str(jobs)]
    return [*sweep, "--out", str(out), "--json", "--", *SMALL, *flags]


def begin(out):
    """A sweep in a process of its own; one training after the other, so that one is left when the first has begun."""
    asked = [sys.executable, "-m", "colliculus", *command(out, jobs=1)]
    return subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(happened, seconds=100):
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The same trainings, each by itself and never stopped."""
    out = tmp_path_factory.mktemp("whole")
    for method in ("late-fusion", "weighted-attention"):
        folder = out / f"{method}-synthetic_seed0"
        assert main(["train", f"{method}-synthetic", "--out", str(folder), *SMALL, "--train.seed", "0"]) == 0
    return out


def left_by(out):
    """What the runs of a sweep came to, with the speed left out."""
    results = {path.parent.name: json.loads(path.read_text()) for path in sorted(out.glob("*/result.json"))}
    for result in results.values():
        del result["samples_per_second"]
    return results, {path.parent.name: path.read_bytes() for path in sorted(out.glob("*/model.safetensors"))}


@pytest.mark.timeout(400)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_sweep_goes_on_and_ends_as_if_it_had_not_been_stopped(answer, whole, tmp_path, how):
    process = begin(tmp_path)
    wait_for(lambda: list(tmp_path.glob("*/metrics.csv")))
    process.send_signal(how)
    _, err = process.communicate(timeout=100)
    if how != signal.SIGKILL:
        assert process.returncode == 130
        assert "the same command goes on" in err
    found = json.loads(answer(*command(tmp_path))[0])
    assert [method["name"] for method in found["methods"]] == ["late-fusion-synthetic", "weighted-attention-synthetic"]
    assert left_by(tmp_path) == left_by(whole)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert json.loads(answer(*command(tmp_path))[0]) == found
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before  # nothing was trained again


def test_a_folder_with_other_settings_is_not_taken_for_done(answer, whole):
    assert "method.dim is 16 and not 24" in answer(*command(whole, "--method.dim", "24"), code=2)[1]


@pytest.mark.timeout(200)
def test_a_training_that_fails_is_named_and_keeps_no_other_from_running(answer, tmp_path):
    (tmp_path / "late-fusion-synthetic_seed0").mkdir()
    (tmp_path / "late-fusion-synthetic_seed0" / "thesis.doc").touch()
    out, err = answer(*command(tmp_path), code=2)
    assert "1 of 2 trainings failed: late-fusion-synthetic_seed0 (" in err
    assert "holds files that are no run" in err
    assert [method["name"] for method in json.loads(out)["methods"]] == ["weighted-attention-synthetic"]


@pytest.mark.timeout(200)
def test_trainings_that_cannot_be_compared_are_no_success(answer, tmp_path):
    noise = ["--set", "train.snr-db", "audio 0,audio 9", "--seeds", "1", "--json", "--jobs", "2"]
    asked = ["sweep", "audio-synthetic", *noise, "--out", str(tmp_path)]
    small = [*SMALL, "--train.epochs", "1"]
    out, err = answer(*asked, "--", *small, code=1)
    assert not out
    assert "the trainings are done and not compared" in err
    assert len(list(tmp_path.glob("*/result.json"))) == 2


@pytest.mark.timeout(400)
@pytest.mark.parametrize("how", [None, signal.SIGKILL])
def test_a_job_that_is_run_by_hand_is_waited_for_and_taken_up_when_it_dies(answer, tmp_path, how):
    """As from a line of --dry-run; its end is held back until the sweep has met it."""
    asked = ["sweep", "audio-synthetic", "--seeds", "1", "--out", str(tmp_path), "--json"]
    folder = tmp_path / "audio-synthetic_seed0"
    train = ["train", "audio-synthetic", "--out", str(folder), *SMALL, "--train.seed", "0", "--train.epochs"]
    with subprocess.Popen([sys.executable, "-m", "colliculus", *train, EPOCHS], stderr=subprocess.PIPE) as by_hand:
        wait_for((folder / "metrics.csv").exists)
        told = answer(*train, EPOCHS, "--resume", code=2)[1]
        assert "is being trained by another process" in told
        by_hand.send_signal(signal.SIGSTOP)
        sweep = [sys.executable, "-m", "colliculus", *asked, "--", *SMALL, "--train.epochs", EPOCHS]
        with subprocess.Popen(sweep, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            wait_for((tmp_path / "audio-synthetic_seed0.log").exists)
            by_hand.send_signal(how or signal.SIGCONT)
            out, err = process.communicate(timeout=200)
        assert by_hand.wait() == (-signal.SIGKILL if how else 0)
    assert process.returncode == 0, err
    assert "audio-synthetic_seed0: is being trained by another process" in err
    assert json.loads(out)["methods"][0]["name"] == "audio-synthetic"
    assert bool((tmp_path / "audio-synthetic_seed0.log").read_text()) == bool(how)


def test_missing_data_are_told_once_before_anything_is_trained(answer, tmp_path):
    asked = ["late-fusion-folder", "audio-folder", "--out", str(tmp_path / "out")]
    _, err = answer("sweep", *asked, "--", "--data.root", str(tmp_path / "nowhere"), code=2)
    assert "nowhere" in err
    assert not (tmp_path / "out").exists()
