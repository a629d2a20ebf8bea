"""Searches whose trainings are a few lines of Python: the accuracy is highest at a learning rate of 0.001."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from math import log10
from statistics import median
from types import SimpleNamespace

import pytest
from waiting import wait_for

from colliculus.cli import main
from colliculus.runs.result import read_result
from colliculus.sweeps import jobs, search_run, work
from colliculus.sweeps.search import search
from colliculus.sweeps.searched import Search
from colliculus.sweeps.space import Range
from colliculus.sweeps.sweep import SweepInterrupted
from colliculus.sweeps.trials import JOURNAL_FILE
from colliculus.types import ColliculusError

optuna = pytest.importorskip("optuna", reason="optuna is not installed")

PROGRAM = """
import json, os, pathlib, sys, time
from math import log10

words = sys.argv[1:]
folder = pathlib.Path(words[words.index("--out") + 1])
rate = float(words[words.index("--train.learning-rate") + 1])
folder.mkdir(exist_ok=True)
with (folder.parent / "trained.txt").open("a") as file:
    file.write(f"{folder.name}\\n")
if rate > 0.5:
    sys.exit("colliculus: error: it diverges")
accuracy = 1 - abs(log10(rate) + 3) / 4
lines = ["epoch,validation_accuracy"]
for epoch in range(1, 4):
    lines.append(f"{epoch},{accuracy * epoch / 3}")
    (folder / "new").write_text("\\n".join(lines))
    (folder / "new").rename(folder / "metrics.csv")
    while (folder.parent / "hold").exists() and not (folder.parent / "go").exists():
        (folder.parent / "held").touch()
        time.sleep(0.01)
    time.sleep(float(os.environ["EPOCH_S"]))
result = json.loads(os.environ["RESULT"])
result["validation"]["accuracy"] = accuracy
(folder / "result.json").write_text(json.dumps(result))
"""

SEARCHING = f"""
import sys
from colliculus.sweeps import jobs
from colliculus.sweeps.search import search
from colliculus.sweeps.space import Range

jobs.PROGRAM = (sys.executable, "-c", {PROGRAM!r})
search("late-fusion-synthetic", settings={{"train.learning_rate": Range(0.001, 0.01)}}, trials=2, out=sys.argv[1])
"""
RATE = "train.learning_rate"
SPACE = {RATE: Range(1e-5, 1e-1, log=True)}


@pytest.fixture
def quick(whole, monkeypatch):
    """Trainings without a network; `whole` lends them a result to write."""
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", PROGRAM))
    for module in (work, search_run):
        monkeypatch.setattr(module, "POLL_S", 0.02)
    result = read_result(whole / "late-fusion-synthetic_seed0")
    monkeypatch.setenv("RESULT", json.dumps(result.to_dict()))
    monkeypatch.setenv("EPOCH_S", "0")
    monkeypatch.setattr("colliculus.data.synthetic.Synthetic.load", lambda _: SimpleNamespace(validation=[0]))


def asked(out, **changes):
    return search("late-fusion-synthetic", **{"settings": SPACE, "trials": 4, "out": out, **changes})


def accuracy_at(rate):
    return 1 - abs(log10(rate) + 3) / 4


def trained(out):
    return (out / "trained.txt").read_text().split()


@pytest.mark.usefixtures("quick")
def test_the_best_trial_has_the_highest_validation_accuracy(tmp_path):
    found = asked(tmp_path, trials=5, seed=3)
    rates = [float(one.values[RATE]) for one in found.trials]
    accuracies = [accuracy_at(rate) for rate in rates]
    assert [one.accuracy for one in found.trials] == pytest.approx(accuracies)
    assert found.best.accuracy == max(one.accuracy for one in found.trials)
    assert len(set(rates)) == 5
    assert all(1e-5 <= rate <= 1e-1 for rate in rates)
    assert all(one.folder.endswith("_seed3") and one.epochs == 3 for one in found.trials)
    assert found.flags == ("--train.learning-rate", found.best.values[RATE])
    command = found.command(seeds=6)
    assert command.startswith("colliculus sweep late-fusion-synthetic --seeds 6 --first-seed 4 --out ")
    assert command.endswith(f"-best -- --train.learning-rate {found.best.values[RATE]}")
    assert Search.read(found.save(tmp_path / "search.json")) == found


@pytest.mark.usefixtures("quick")
def test_a_whole_setting_takes_every_whole_number_of_its_range(tmp_path):
    found = asked(tmp_path, settings={RATE: [0.001], "method.time_steps": Range(2, 4)}, trials=12)
    assert {one.values["method.time_steps"] for one in found.trials} == {"2", "3", "4"}
    assert {one.state for one in found.trials} == {"finished"}


@pytest.mark.usefixtures("quick")
def test_the_same_call_trains_nothing_and_more_trials_go_on(tmp_path):
    first = asked(tmp_path, trials=2)
    assert asked(tmp_path, trials=2) == first
    assert len(trained(tmp_path)) == 2
    more = asked(tmp_path, trials=3)
    assert more.trials[:2] == first.trials
    assert len(trained(tmp_path)) == len(more.trials) == 3


@pytest.mark.usefixtures("quick")
def test_proposals_depend_on_the_seed_and_the_number_of_the_trial_only(tmp_path):
    asked(tmp_path / "a", trials=1)
    split, whole, other = (asked(tmp_path / name, trials=2, seed=name == "c") for name in "abc")
    assert [one.values for one in split.trials] == [one.values for one in whole.trials]
    assert [one.values for one in other.trials] != [one.values for one in whole.trials]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("jobs_at_once", [1, 3])
def test_equal_trials_are_trained_once(tmp_path, jobs_at_once):
    found = asked(tmp_path, settings={RATE: {"small": 1e-4, "large": 1e-2}}, trials=8, jobs=jobs_at_once)
    assert len(trained(tmp_path)) == len(set(trained(tmp_path))) == len(found.trials) == 2
    assert {one.values[RATE] for one in found.trials} == {"small", "large"}
    study = optuna.load_study(study_name="search", storage=storage(tmp_path))
    assert len(study.trials) == 8
    assert {one.state.name for one in study.trials} == {"COMPLETE"}
    assert [one.value for one in study.trials] == pytest.approx([0.75] * 8)


def storage(out):
    backend = optuna.storages.journal.JournalFileBackend(str(out / JOURNAL_FILE))
    return optuna.storages.JournalStorage(backend)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("warmup_epochs", [0, 5])
def test_a_training_below_the_median_of_five_is_stopped_after_the_warm_up(tmp_path, monkeypatch, warmup_epochs):
    monkeypatch.setenv("EPOCH_S", "0.3" if warmup_epochs == 0 else "0.1")
    found = asked(tmp_path, trials=9, overrides={"train.warmup_epochs": warmup_epochs})
    finished, states = [], []
    for one in found.trials:
        accuracy = accuracy_at(float(one.values[RATE]))
        behind = len(finished) >= 5 and accuracy < median(finished) and warmup_epochs == 0
        states.append("pruned" if behind else "finished")
        finished += [] if behind else [accuracy]
        assert one.epochs == 3 or behind
        assert one.accuracy == pytest.approx(accuracy * one.epochs / 3)
    assert [one.state for one in found.trials] == states
    assert ("pruned" in states) == (warmup_epochs == 0)


@pytest.mark.usefixtures("quick")
def test_a_failed_trial_is_named_and_the_others_go_on(tmp_path):
    found = asked(tmp_path, settings={RATE: [0.6, 1e-2]}, trials=6)
    assert {one.state for one in found.trials} == {"finished", "failed"}
    failed = next(one for one in found.trials if one.state == "failed")
    assert failed.error.startswith("it diverges; see ")
    assert found.failure == ""
    assert "1 finished, 1 failed" in str(found.table())
    assert "it diverges" in str(found.table())


@pytest.mark.usefixtures("quick")
def test_values_that_contradict_one_another_fail_without_a_training(tmp_path):
    space = {RATE: [0.001], "train.optimizer": ["sgd", "adamw"], "train.momentum": [0.9, 0.5]}
    found = asked(tmp_path, settings=space, trials=12, overrides={"train.optimizer": "sgd"})
    errors = {(one.values["train.optimizer"], one.values["train.momentum"]): one.error for one in found.trials}
    assert len(errors) == 4
    assert errors.pop(("adamw", "0.5")).startswith("`momentum` is 0.5, which has no effect")
    assert set(errors.values()) == {None}
    assert len(trained(tmp_path)) == 3


@pytest.mark.usefixtures("quick")
def test_a_search_in_which_nothing_finishes_says_why(tmp_path):
    found = asked(tmp_path, settings={RATE: [0.6]}, trials=2)
    assert found.failure.startswith("none of the 1 trials finished; the last failure: it diverges")
    with pytest.raises(ColliculusError, match="it diverges"):
        _ = found.best
    with pytest.raises(ColliculusError, match="there is nothing to draw"):
        found.figure()


@pytest.mark.usefixtures("quick")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_search_that_was_ended_goes_on_with_the_training_it_was_at(tmp_path, how):
    (tmp_path / "hold").touch()
    with subprocess.Popen([sys.executable, "-c", SEARCHING, str(tmp_path)], stderr=subprocess.DEVNULL) as process:
        wait_for(tmp_path / "held")
        process.send_signal(how)
        process.wait(100)
    assert not list(tmp_path.glob("*/result.json"))
    (tmp_path / "go").touch()
    found = asked(tmp_path, settings={RATE: Range(0.001, 0.01)}, trials=2)
    assert all(one.state == "finished" for one in found.trials)
    first, second, *_ = trained(tmp_path)
    assert first == second  # the training that was running goes on
    study = optuna.load_study(study_name="search", storage=storage(tmp_path))
    assert [one.state.name for one in study.trials] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert study.trials[0].params == study.trials[1].params


@pytest.mark.usefixtures("quick")
def test_an_interrupt_says_how_to_go_on_and_ends_the_training(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    (tmp_path / "hold").touch()
    monkeypatch.setattr("colliculus.sweeps.job_board.JobBoard.watch", interrupt)
    with pytest.raises(SweepInterrupted, match="the same command continues the search"):
        asked(tmp_path)
    assert not list(tmp_path.glob("*/result.json"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 0}, "trials is 0: give at least 1"),
        ({"jobs": 0}, "jobs is 0: give at least 1"),
        ({"settings": {}}, "there is nothing to search"),
        ({"settings": {RATE: []}}, "train.learning_rate has no values"),
        ({"settings": {"train.learning_rat": Range(0, 1)}}, "did you mean 'train.learning_rate'"),
        ({"settings": {"train.device": Range(0, 1)}}, "train.device cannot be searched from 0 to 1"),
        ({"settings": {"train.drop_incomplete": Range(0, 1)}}, "train.drop_incomplete cannot be searched from 0 to 1"),
        ({"settings": {RATE: Range(0, 1)}}, "train.learning_rate is 0"),
        ({"settings": {"method.dim": Range(8.5, 16)}}, "method.dim is 8.5: give int"),
        ({"settings": {"train.seed": Range(0, 9)}}, "train.seed is set by the sweep itself"),
        ({"overrides": {"train.seed": 3}}, "train.seed is set by the sweep itself"),
    ],
)
def test_a_search_that_cannot_be_made_is_refused(tmp_path, changes, message):
    with pytest.raises(ColliculusError, match=message):
        asked(tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_data_without_a_validation_part_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("colliculus.data.synthetic.Synthetic.load", lambda _: SimpleNamespace(validation=[]))
    with pytest.raises(ColliculusError, match="synthetic has no validation part, on which a search decides"):
        asked(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("quick")
def test_a_folder_of_another_search_is_refused(tmp_path):
    asked(tmp_path, trials=1)
    asked(tmp_path, trials=1, overrides={"train.device": "cpu"})  # the same search on another machine
    with pytest.raises(ColliculusError, match=r"another search, its set.train.learning_rate is 1e-05..0.1:log and not"):
        asked(tmp_path, settings={RATE: Range(1e-5, 1e-2, log=True)})
    with pytest.raises(ColliculusError, match="another search, its seed is 0 and not 1"):
        asked(tmp_path, seed=1)
    with pytest.raises(ColliculusError, match=r"another search, its train\.epochs is 10 and not 3"):
        asked(tmp_path, overrides={"train.epochs": 3})


@pytest.mark.usefixtures("quick")
def test_the_command_prints_the_best_and_how_to_train_it(capsys, tmp_path):
    command = ["sweep", "late-fusion-synthetic", "--search", "2", "--set", "train.learning-rate", "1e-4..1e-2:log"]
    assert main([*command, "--out", str(tmp_path), "--seeds", "4", "--", "--train.epochs", "3"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Best trials of late-fusion-synthetic trial validation train.learning_rate" in out
    assert f"--seeds 4 --first-seed 1 --out {tmp_path}-best -- --train.epochs 3 --train.learning-rate " in out
    assert main([*command, "--out", str(tmp_path), "--seeds", "4", "--json", "--", "--train.epochs", "3"]) == 0
    assert json.loads(capsys.readouterr().out)["command"] in out


@pytest.mark.usefixtures("quick")
def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ColliculusError, match=r"pip install 'colliculus\[search\]'"):
        asked(tmp_path)
