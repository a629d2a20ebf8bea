from __future__ import annotations

import json
import shlex
import sys

import pytest
import yaml

from colliculus.cli import main
from colliculus.sweeps import jobs
from colliculus.sweeps.job_board import JobBoard

TINY = {
    "method.dim": "16", "method.time-steps": "2", "data.num-classes": "2", "data.num-train": "8",
    "data.num-validation": "4", "data.num-test": "6", "data.size": "16", "data.steps": "2", "train.epochs": "1",
    "train.device": "cpu",
}  # fmt: skip
SMALL = [part for name, value in TINY.items() for part in (f"--{name}", value)]


def lines(capsys, *arguments, small=()):
    """The commands of a dry run, each as the arguments of `colliculus`."""
    assert main(["sweep", *arguments, "--dry-run", "--", *small]) == 0
    return [shlex.split(line)[1:] for line in capsys.readouterr().out.splitlines()]


def test_one_command_for_each_preset_setting_and_seed(capsys, tmp_path):
    presets = ("s-cmrl-synthetic", "late-fusion-synthetic")
    asked = ("--seeds", "2", "--first-seed", "3", "--set", "method.alpha", "0.50,1", "--out", str(tmp_path))
    found = lines(capsys, *presets, *asked, small=["--train.epochs", "3"])
    assert [line[:5] for line in found] == [
        ["train", name.partition("_")[0], "--out", str(tmp_path / f"{name}_seed{seed}"), "--resume"]
        for seed in (3, 4)
        for name in ("s-cmrl-synthetic_method.alpha=0.50", "s-cmrl-synthetic_method.alpha=1", "late-fusion-synthetic")
    ]
    seed = ["--train.epochs", "3", "--train.seed", "3"]
    assert [line[5:] for line in found[:3]] == [["--method.alpha", alpha, *seed] for alpha in ("0.5", "1.0")] + [seed]


def test_a_setting_may_be_given_in_several_places(capsys, tmp_path):
    chosen = ("--set", "method.alpha", "0.75", "--set", "method.alpha", "0.5,0.75", "--out", str(tmp_path))
    found = lines(capsys, "s-cmrl-synthetic", "--seeds", "1", *chosen)
    assert [line[-3] for line in found] == ["0.75", "0.5"]


def test_values_of_several_words_and_switches(capsys, tmp_path):
    chosen = ("--set", "train.snr-db", "audio 0 visual -10,audio 3", "--set", "method.alignment", "true,False")
    found = lines(capsys, "s-cmrl-synthetic", "--seeds", "1", *chosen, "--out", str(tmp_path))
    assert [line[5:-2] for line in found] == [
        [*switch, "--train.snr-db", *noise]
        for noise in (["audio", "0.0", "visual", "-10.0"], ["audio", "3.0"])
        for switch in ([], ["--method.no-alignment"])
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
    assert lines(capsys, str(file), *out) == lines(capsys, *document["presets"], *asked, small=SMALL)


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
    settings = ["--method.neuron.temporal-gradient", "--train.learning-rate", "0.5"]
    noises = [["audio", "0.0", "visual", "-10.0"], ["audio", "3.0"], ["audio", "4.0"]]
    assert [sorted(line[6:-2]) for line in found] == [
        sorted([*settings, "--train.snr-db", *noise, *alignment])
        for noise in noises
        for alignment in ([], ["--method.no-alignment"])
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
    ("text", "message"),
    [
        ("[a", "is not a YAML file"),
        ("- a", "expected names with values"),
        ("presets: a", "presets must be a list of names"),
        ("{presets: [[a]]}", "presets holds ['a'] within a list"),
        ("{presets: [late-fusion-synthetic], set: {method.dim: 8}}", "set: method.dim must be a list of values, not 8"),
        ("{presets: [late-fusion-synthetic], set: {method.dim: ['8,16']}}", "set: method.dim holds '8,16'"),
        ("{presets: [late-fusion-synthetic], set: 3}", "set: expected names with values"),
        ("{presets: [late-fusion-synthetic], train: }", "train: expected names with values"),
        ("{presets: [late-fusion-synthetic], train: {method: {dim: 8}}}", "train: method is not a setting"),
        ("{presets: [late-fusion-synthetic], train: {train.snr_db: {visual: [1]}}}", "train: train.snr_db holds [1]"),
        ('{presets: [late-fusion-synthetic], train: {data.root: "it\'s"}}', "a quotation that does not end"),
        ("{presets: [late-fusion-synthetic], sedes: 3}", "unknown option 'sedes': did you mean 'seeds'?"),
        ("{presets: [late-fusion-synthetic], json: perhaps}", "json must be true or false, not 'perhaps'"),
        ("{presets: [late-fusion-synthetic], seeds: many}", "--seeds"),
    ],
)
def test_a_wrong_file_is_reported(answer, tmp_path, text, message):
    (tmp_path / "sweep.yml").write_text(text)
    err = answer("sweep", str(tmp_path / "sweep.yml"), "--dry-run", code=2)[1]
    assert message in err
    assert "sweep.yml" in err.replace(" ", "")  # a long path is broken over lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name presets"),
        (["s-cmrl-sinthetic"], "did you mean 's-cmrl-synthetic'?"),
        (["s-cmrl-synthetic", "--set", "method.alfa", "1"], "did you mean 'method.alpha'?"),
        (["s-cmrl-synthetic", "--set", "method.alpha", "0.5,much"], "--method.alpha"),
        (["s-cmrl-synthetic", "--", "--train.epohcs", "3"], "--train.epochs"),
        (["s-cmrl-synthetic", "--", "--train.seed", "3"], "set by the sweep itself"),
        (["s-cmrl-synthetic", "--", "--out=x"], "--out"),
        (["s-cmrl-synthetic", "--seeds", "0"], "at least 1"),
        (["s-cmrl-synthetic", "--jobs", "0"], "at least 1"),
        (["s-cmrl-synthetic", "--baseline", "s-crml-synthetic"], "did you mean 's-cmrl-synthetic'?"),
        (["s-cmrl-synthetic", "--set", "method.dim", "8,16", "--baseline", "s-cmrl-synthetic"], "occurs in 2 settings"),
        (["s-cmrl-synthetic", "--over", "data.foldd", "--json"], "unknown setting 'data.foldd'"),
        (["s-cmrl-synthetic", "--over", "data.foldd", "--dry-run"], "unknown setting 'data.foldd'"),
    ],
    ids=str,
)
def test_a_mistake_is_reported_before_anything_is_trained(answer, tmp_path, arguments, message):
    out = ["--out", str(tmp_path / "out")]
    place = arguments.index("--") if "--" in arguments else len(arguments)
    _, err = answer("sweep", *arguments[:place], *out, *arguments[place:], code=2)
    assert message in err
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two finished trainings, each run in this process by its line of a dry run."""
    out = tmp_path_factory.mktemp("trained")
    for method in ("late-fusion-synthetic", "weighted-attention-synthetic"):
        assert main(["train", method, "--out", str(out / f"{method}_seed0"), *SMALL]) == 0
    return out


def test_a_finished_sweep_prints_its_comparison(answer, trained):
    command = ["sweep", "late-fusion-synthetic", "weighted-attention-synthetic", "--seeds", "1", "--out", str(trained)]
    found = json.loads(answer(*command, "--json", "--", *SMALL)[0])
    assert [training["name"] for training in found["trainings"]] == sorted(path.name for path in trained.iterdir())
    assert found["comparison"]["verdicts"][0] in answer(*command, "--", *SMALL)[0]
    assert "method.dim is 16 and not 24" in answer(*command, "--", *SMALL, "--method.dim", "24", code=2)[1]


def test_an_interrupt_says_how_to_continue(answer, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(JobBoard, "watch", interrupt)
    err = answer("sweep", "late-fusion-synthetic", "--seeds", "2", "--out", str(tmp_path), "--", *SMALL, code=130)[1]
    assert "0 of 2 trainings are finished, the same command continues with the others" in err


def test_a_failed_training_is_an_error_and_the_others_are_printed(answer, tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", "import sys; sys.exit('out of memory')"))
    out, err = answer("sweep", "late-fusion-synthetic", "--seeds", "1", "--out", str(tmp_path), "--", *SMALL, code=2)
    assert "1 of 1 trainings failed: late-fusion-synthetic_seed0 (out of memory; see " in err
    assert "late-fusion-synthetic_seed0 failed every training failed" in out


def test_trainings_that_cannot_be_compared_are_not_a_success(answer, capsys, tmp_path):
    asked = ["audio-synthetic", "--set", "train.snr-db", "audio 0,audio 9", "--seeds", "1", "--out", str(tmp_path)]
    for line in lines(capsys, *asked, small=SMALL):
        assert main(line) == 0
    capsys.readouterr()
    assert "the trainings are finished but cannot be compared" in answer("sweep", *asked, "--", *SMALL, code=1)[0]


def test_absent_data_are_reported_once_before_anything_is_trained(answer, tmp_path):
    asked = ["late-fusion-folder", "audio-folder", "--out", str(tmp_path / "out")]
    _, err = answer("sweep", *asked, "--", "--data.root", str(tmp_path / "nowhere"), code=2)
    assert "nowhere" in err
    assert not (tmp_path / "out").exists()
