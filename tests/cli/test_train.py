from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from colliculus.runs.run import read_run
from colliculus.sweeps.command import train_command
from colliculus.training.learner import Learner


def test_overrides_reach_the_run_and_the_result_is_told(answer, tiny_flags, tmp_path):
    folder = tmp_path / "run"
    out, _ = answer("train", "s-cmrl-synthetic", "--out", str(folder), *tiny_flags, "--method.alpha", "0.5")
    written = yaml.safe_load((folder / "run.yaml").read_text())
    assert written["preset"] == "s-cmrl-synthetic"
    assert written["experiment"]["method"]["alpha"] == 0.5
    assert written["experiment"]["method"]["dim"] == 16
    result = json.loads((folder / "result.json").read_text())
    assert f"{result['test']['correct']} of 6)" in out
    assert f"{result['parameters']:,}" in out
    assert f"The run is in {folder}" in out


def test_a_balance_is_chosen_and_set_on_the_command_line(answer, tiny_flags, tmp_path):
    folder = tmp_path / "run"
    balance = ["--method.balance.kind", "ogm-ge", "--method.balance.ogm-ge.alpha", "0.3"]
    answer("train", "s-cmrl-synthetic", "--out", str(folder), *tiny_flags, *balance)
    stored = read_run(folder).experiment.method.balance
    assert (stored.kind, stored.ogm_ge.alpha) == ("ogm-ge", 0.3)
    header = (folder / "metrics.csv").read_text().splitlines()[0].split(",")
    assert {"modulation_coefficient_audio", "modulation_coefficient_visual", "validation_accuracy_audio"} <= {*header}
    assert "Result" in answer("train", "s-cmrl-synthetic", "--out", str(tmp_path / "again"), *tiny_flags)[0]


def test_a_recipe_trains_as_the_authors_did_and_other_flags_change_it(answer, tiny_flags, tmp_path):
    folder = tmp_path / "run"
    out, _ = answer("train", "s-cmrl-synthetic", "--recipe", "ogm-ge", "--out", str(folder), *tiny_flags)
    found = read_run(folder).experiment
    assert (found.method.balance.kind, found.method.balance.ogm_ge.last_epoch) == ("ogm-ge", 51)
    assert (found.train.optimizer, found.train.schedule, found.method.label_smoothing) == ("sgd", "step", 0.0)
    assert found.preset == "s-cmrl-synthetic"
    assert "is finished" in answer("train", "s-cmrl-synthetic", "--out", str(folder), "--resume")[0]
    adamw = ["--recipe=ogm-ge", "--train.optimizer", "adamw", "--out", str(tmp_path / "adamw"), *tiny_flags]
    warning = "warning: `ogm_ge.enhancement` of the balance adds noise as large as the gradients"
    assert warning not in out
    assert warning in answer("train", "s-cmrl-synthetic", *adamw)[0]


@pytest.mark.parametrize(
    ("preset", "recipe", "told"),
    [
        ("s-cmrl-synthetic", "ogm-g", "did you mean 'ogm-ge'"),
        ("audio-synthetic", "pmr", "choose a method that joins modalities"),
    ],
)
def test_a_recipe_that_cannot_be_is_told(answer, tmp_path, preset, recipe, told):
    assert told in answer("train", preset, "--recipe", recipe, "--out", str(tmp_path / "run"), code=2)[1]


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--method.balance.kind", "ogm"], "ogm-ge"),
        (["--method.balance.kind", "iemf"], "unimodal_loss"),
        (["--method.balance.ogm-ge.alpha", "-1"], "alpha"),
    ],
    ids=str,
)
def test_a_balance_that_cannot_be_is_told_before_anything_is_written(answer, tmp_path, flags, told):
    assert told in answer("train", "s-cmrl-synthetic", "--out", str(tmp_path / "run"), *flags, code=2)[1]
    assert not (tmp_path / "run").exists()


def test_a_stopped_run_goes_on_with_its_own_settings(answer, tiny_flags, tmp_path, monkeypatch):
    def stop(*_arguments):
        monkeypatch.undo()
        raise KeyboardInterrupt

    command = ["train", "s-cmrl-synthetic", "--out", str(tmp_path / "run")]
    monkeypatch.setattr(Learner, "train_epoch", stop)
    _, err = answer(*command, *tiny_flags, code=130)
    assert "--resume" in err
    assert "Result" in answer(*command, "--resume")[0]


def test_the_whole_command_may_be_given_again(answer, tiny_flags, tmp_path, monkeypatch):
    def stop(*_arguments):
        monkeypatch.undo()
        raise KeyboardInterrupt

    noise = ["--train.snr-db", "audio", "0", "visual", "-10"]
    command = ["train", "s-cmrl-synthetic", "--out", str(tmp_path / "run"), "--resume", *tiny_flags, *noise]
    monkeypatch.setattr(Learner, "train_epoch", stop)
    assert "--resume" in answer(*command, code=130)[1]
    assert "Result" in answer(*command)[0]
    assert "is finished" in answer(*command)[0]
    assert read_run(tmp_path / "run").experiment.train.snr_db == {"audio": 0, "visual": -10}


def test_a_resumed_run_does_not_take_other_settings(answer, run):
    _, err = answer("train", "s-cmrl-synthetic", "--out", run, "--resume", "--method.alpha", "9", code=2)
    assert "alpha" in err


def test_a_run_of_another_preset_is_not_taken_for_this_one(answer, tiny_flags, run, tmp_path):
    _, err = answer("train", "late-fusion-synthetic", "--out", run, "--resume", code=2)
    assert "its preset is s-cmrl-synthetic and not late-fusion-synthetic" in err
    shutil.copy(Path(run, "run.yaml"), tmp_path)  # a run that never finished an epoch: the named preset starts over
    heads = tiny_flags.index("--method.heads")  # which late fusion has not
    flags = tiny_flags[:heads] + tiny_flags[heads + 2 :]
    answer("train", "late-fusion-synthetic", "--out", str(tmp_path), "--resume", *flags)
    assert read_run(tmp_path).experiment.method.name == "late-fusion"


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        (["s-cmrl-sinthetic"], "did you mean 's-cmrl-synthetic'?"),
        (["s-cmrl-synthetic", "--method.dmi", "16"], "--method.dim INT"),
        (["s-cmrl-synthetic", "--method.encoder", "depe"], "'deep'"),
        (["s-cmrl-synthetic", "--train.epochs", "many"], "--train.epochs"),
        (["--train.epochs", "3", "s-cmrl-synthetic"], "colliculus train PRESET --out RUN"),
        (["--resume", "s-cmrl-synthetic"], "colliculus train PRESET --out RUN"),
    ],
    ids=str,
)
def test_a_typo_names_the_right_one(answer, tmp_path, arguments, right):
    _, err = answer("train", *arguments, "--out", str(tmp_path / "run"), code=2)
    assert right in err
    assert not (tmp_path / "run").exists()


def test_a_preset_has_a_help_of_its_own(answer):
    out, _ = answer("train", "visual-av-digits", "--help")
    assert "--method.modality" in out
    assert "--data.protocol {standard,speaker-out}" in out
    assert "--train.ema-decay" in out


def test_a_folder_in_use_is_refused(answer, run):
    assert "--resume" in answer("train", "s-cmrl-synthetic", "--out", run, code=2)[1]
    assert Path(run, "result.json").exists()


def test_a_training_starts_from_a_run_and_its_resume_needs_no_word_of_it(answer, run, tiny_flags, tmp_path):
    folder, classes = tmp_path / "on", ["--data.num-classes", "3", "--data.num-train", "9"]
    out, _ = answer("train", "s-cmrl-synthetic", "--out", str(folder), "--from", run, *tiny_flags, *classes)
    assert "the training starts from the weights of s-cmrl-synthetic (sha256 " in out
    assert "the classes differ, so these are new: head.linear.weight, head.linear.bias" in out
    assert "started from weights of s-cmrl-synthetic" in out
    assert f"--out {folder} --from {run} --method.dim 16" in train_command(read_run(folder), folder)
    assert "is finished" in answer("train", "s-cmrl-synthetic", "--out", str(folder), "--resume")[0]
    wide = ["--out", str(tmp_path / "wide"), "--from", run, *tiny_flags, "--method.dim", "32"]
    assert "do not fit, their" in answer("train", "s-cmrl-synthetic", *wide, code=2)[1]
    other = ["--out", str(tmp_path / "other"), "--from", run, "--method.dim", "16"]
    assert "do not fit, the model has no fusion." in answer("train", "late-fusion-synthetic", *other, code=2)[1]


def test_an_unknown_setting_names_the_help_that_lists_the_settings(answer, tmp_path):
    told = answer("train", "s-cmrl-synthetic", "--out", str(tmp_path / "run"), "--train.nothing", "1", code=2)[1]
    assert "run colliculus train s-cmrl-synthetic --help" in told


def test_classes_are_balanced_on_the_command_line(answer, tiny_flags, tmp_path):
    flags = ["--train.class-weights", "balanced", "--train.select", "macro-f1"]
    out, _ = answer("train", "s-cmrl-synthetic", "--out", str(tmp_path / "run"), *tiny_flags, *flags)
    assert "kept by highest validation macro-F1, of equal epochs the last" in out
    found = read_run(tmp_path / "run").experiment.train
    assert (found.class_weights, found.sampling, found.select) == ("balanced", "each", "macro-f1")
    both = ["--out", str(tmp_path / "both"), *tiny_flags, *flags, "--train.sampling", "balanced"]
    assert "both balanced" in answer("train", "s-cmrl-synthetic", *both, code=2)[1]


def test_a_run_gives_its_settings_to_the_next_and_short_forms_change_them(answer, tiny_flags, tmp_path):
    first, second, short = tmp_path / "first", tmp_path / "second", ["--lr", "0.003", "--epochs", "2", "--seed", "9"]
    answer("train", "s-cmrl-synthetic", "--out", str(first), *tiny_flags)
    config = ["--config", str(first / "run.yaml"), *short, "--batch-size", "4", "--device", "cpu", "--refit"]
    answer("train", "s-cmrl-synthetic", "--out", str(second), *config)
    before, after = read_run(first).experiment, read_run(second).experiment
    assert (after.method, after.data) == (before.method, before.data)
    assert (after.train.learning_rate, after.train.epochs) == (0.003, 2)
    assert (after.train.seed, after.train.batch_size, after.train.refit) == (9, 4, True)


def test_a_message_about_a_setting_names_the_help_that_explains_it(answer, tiny_flags, tmp_path):
    _, err = answer("train", "s-cmrl-synthetic", "--out", str(tmp_path), *tiny_flags, "--method.heads", "5", code=2)
    assert "`heads` is 5, and a width of 16 cannot be split into that many equal parts" in err
    assert err.endswith("(settings: colliculus train s-cmrl-synthetic --help)")
