from __future__ import annotations

import pytest

from colliculus.cli.overrides import read_overrides
from colliculus.presets import PRESETS, preset
from colliculus.runs.experiment import replaced
from colliculus.sweeps.plan import plan_sweep
from colliculus.types import ColliculusError


def test_one_job_for_each_preset_setting_and_seed(small, tmp_path):
    presets = ("s-cmrl-synthetic", "late-fusion-synthetic")
    jobs = plan_sweep(presets, seeds=range(3, 5), settings={"method.alpha": [0.25, 0.5]}, overrides=small, out=tmp_path)
    names = ("s-cmrl-synthetic_method.alpha=0.25", "s-cmrl-synthetic_method.alpha=0.5", "late-fusion-synthetic")
    assert [job.folder for job in jobs] == [tmp_path / f"{name}_seed{seed}" for seed in (3, 4) for name in names]
    assert jobs[1].preset == "s-cmrl-synthetic"
    assert jobs[1].experiment == replaced(preset("s-cmrl-synthetic"), {**small, "method.alpha": 0.5, "train.seed": 3})
    assert jobs[2].experiment == replaced(preset("late-fusion-synthetic"), {**small, "train.seed": 3})  # has no alpha


def test_presets_keep_their_settings(tmp_path):
    for job in plan_sweep(list(PRESETS)[::16], seeds=[7], out=tmp_path):
        assert job.experiment == replaced(preset(job.preset), {"train.seed": 7})
        assert job.arguments == ["train", job.preset, "--out", str(job.folder), "--resume", "--train.seed", "7"]


def test_values_may_be_mappings_switches_and_named(tmp_path):
    settings = {
        "train.snr-db": [{"audio": 0, "visual": -10}],
        "method.alignment": [True, False],
        "train.learning_rate": {"slow": 1e-4, "fast": 1e-2},
    }
    jobs = plan_sweep(["s-cmrl-synthetic"], seeds=1, settings=settings, out=tmp_path)
    assert [job.folder.name for job in jobs] == [
        f"s-cmrl-synthetic_train.snr-db=audio-0-visual--10_method.alignment={switch}_train.learning_rate={rate}_seed0"
        for switch in ("true", "false")
        for rate in ("slow", "fast")
    ]
    experiment = jobs[-1].experiment
    assert (experiment.train.snr_db, experiment.method.alignment) == ({"audio": 0.0, "visual": -10.0}, False)
    assert experiment.train.learning_rate == 1e-2


@pytest.mark.parametrize(
    "changes",
    [
        {"method.alignment": False, "method.balance.kind": "ogm-ge", "train.clip_norm": None, "train.ema_decay": 0.9},
        {"train.snr_db": {"audio": -3.5}, "data.tactile": True, "train.learning_rate": 1e-5},
    ],
    ids=str,
)
def test_the_command_of_a_job_trains_its_experiment(tmp_path, changes):
    (job,) = plan_sweep(["s-cmrl-synthetic"], seeds=[3], overrides=changes, out=tmp_path)
    read = replaced(preset(job.preset), read_overrides([job.preset], job.arguments[5:]))
    assert read == job.experiment


@pytest.mark.parametrize(
    ("presets", "asked", "message"),
    [
        ([], {}, "nothing to train"),
        (["s-cmrl-sinthetic"], {}, "did you mean 's-cmrl-synthetic'"),
        (["s-cmrl-synthetic"], {"settings": {"method.alfa": [1]}}, "did you mean 'method.alpha'"),
        (["s-cmrl-synthetic"], {"settings": {"method.alpha": ["much"]}}, "method.alpha is 'much'"),
        (["s-cmrl-synthetic"], {"overrides": {"train.epohcs": 3}}, "did you mean 'train.epochs'"),
        (["s-cmrl-synthetic"], {"overrides": {"train.seed": 3}}, "set by the sweep itself"),
        (["s-cmrl-synthetic"], {"settings": {"train.seed": [3]}}, "set by the sweep itself"),
        (["s-cmrl-synthetic"], {"seeds": 0}, "at least 1"),
        (["s-cmrl-synthetic"], {"seeds": [-1]}, "train.seed is -1"),
        (["s-cmrl-synthetic"], {"baseline": "s-crml-synthetic"}, "did you mean 's-cmrl-synthetic'"),
        (
            ["s-cmrl-synthetic"],
            {"settings": {"method.dim": [8, 16]}, "baseline": "s-cmrl-synthetic"},
            "occurs in 2 settings",
        ),
        (["s-cmrl-synthetic"], {"over": ["data.foldd"]}, "unknown setting 'data.foldd'"),
        (["late-fusion-folder"], {"settings": {"data.root": ["a/b", "a:b"]}}, "share the folder"),
        (["late-fusion-synthetic"], {"seeds": [1, 1]}, "share the folder"),
    ],
    ids=str,
)
def test_a_mistake_is_found_before_anything_is_trained(tmp_path, presets, asked, message):
    with pytest.raises(ColliculusError, match=message):
        plan_sweep(presets, out=tmp_path / "out", **asked)
    assert not (tmp_path / "out").exists()


def test_a_baseline_may_have_the_name_that_compare_gives_it(tmp_path):
    settings = {"method.dim": [8, 16]}
    for asked in (
        {"baseline": "s-cmrl-synthetic method.dim=16"},
        {"over": ["method.dim"], "baseline": "s-cmrl-synthetic"},
    ):
        assert len(plan_sweep(["s-cmrl-synthetic"], seeds=1, settings=settings, out=tmp_path, **asked)) == 2


def test_a_folder_with_other_settings_is_not_taken_as_finished(whole, small):
    with pytest.raises(ColliculusError, match=r"method\.dim is 16 and not 24"):
        plan_sweep(["late-fusion-synthetic"], seeds=1, overrides={**small, "method.dim": 24}, out=whole)
