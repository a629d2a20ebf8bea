from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from colliculus.data.arrays import Arrays
from colliculus.runs.run import Run, write_run
from colliculus.training import checkpoint
from colliculus.training.checkpoint import STATE_FILE, open_folder, read_state, write_state
from colliculus.types import ColliculusError


@pytest.fixture
def run(tiny):
    experiment = tiny()
    return Run.of(experiment, experiment.data.load())


@pytest.fixture
def trained(train, tmp_path):
    """A folder whose run is finished but for its result."""
    train(tmp_path / "run")
    (tmp_path / "run" / "result.json").unlink()
    return tmp_path / "run"


def test_a_state_comes_back_as_it_was_written(trained, tmp_path):
    state = read_state(trained)
    write_state(tmp_path / "copy", state)
    copy = read_state(tmp_path / "copy")
    assert copy.history == state.history
    assert copy.run == state.run
    assert (copy.steps, copy.samples, copy.seconds) == (state.steps, state.samples, state.seconds)
    assert all(torch.equal(value, copy.model[name]) for name, value in state.model.items())


@pytest.mark.parametrize("resume", [False, True])
def test_an_absent_and_an_empty_folder_start_at_the_beginning(run, tmp_path, resume):
    assert open_folder(tmp_path / "absent", run, world_size=1, resume=resume) is None
    assert not (tmp_path / "absent").exists()
    (tmp_path / "run.yaml.tmp").write_text("litter of a kill")
    assert open_folder(tmp_path, run, world_size=1, resume=resume) is None


def test_a_folder_in_use_is_not_touched_without_resume(run, trained):
    with pytest.raises(ColliculusError, match="add --resume"):
        open_folder(trained, run, world_size=1, resume=False)
    assert len(open_folder(trained, run, world_size=1, resume=True).history) == 3


def test_a_folder_of_other_files_is_not_taken_for_a_run(run, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ColliculusError, match="other files than those of a run: choose another --out"):
        open_folder(tmp_path, run, world_size=1, resume=True)
    (tmp_path / "logs" / "tensorboard").mkdir(parents=True)
    with pytest.raises(ColliculusError, match="other files than those of a run: choose another --out"):
        open_folder(tmp_path / "logs", run, world_size=1, resume=False)
    with pytest.raises(ColliculusError, match="is a file"):
        open_folder(tmp_path / "thesis.tex", run, world_size=1, resume=True)


def test_a_run_that_never_kept_an_epoch_starts_over(run, tmp_path):
    write_run(tmp_path, run)
    (tmp_path / "spike_health.json").touch()
    other = changed(run, learning_rate=0.5)
    assert open_folder(tmp_path, other, world_size=1, resume=False) is None
    assert open_folder(tmp_path, other, world_size=1, resume=True) is None


def test_moved_data_are_the_same_data(run, tmp_path):
    def at(root: str) -> Run:
        return replace(run, experiment=replace(run.experiment, data=Arrays(root=Path(root))))

    write_run(tmp_path, at("here"))
    (tmp_path / "metrics.csv").touch()
    assert open_folder(tmp_path, at("there"), world_size=1, resume=True) is None


def changed(run: Run, **train: object) -> Run:
    return replace(run, experiment=replace(run.experiment, train=replace(run.experiment.train, **train)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda run: changed(run, epochs=9), "its train.epochs is 3 and not 9"),
        (lambda run: changed(run, ema_decay=0.9), "its train.ema_decay is None and not 0.9"),
        (lambda run: replace(run, preset="other"), "its preset is tiny and not other"),
        (lambda run: replace(run, fingerprint="0"), "its fingerprint is .* and not 0"),
        (
            lambda run: replace(run, experiment=replace(run.experiment, method=replace(run.experiment.method, dim=16))),
            "its method.dim is 8 and not 16",
        ),
    ],
)
def test_another_run_is_refused_and_the_difference_named(run, trained, change, told):
    with pytest.raises(ColliculusError, match=told):
        open_folder(trained, change(run), world_size=1, resume=True)


def test_another_device_may_go_on(run, trained):
    assert open_folder(trained, changed(run, device="cuda"), world_size=1, resume=True) is not None


def test_another_number_of_processes_is_refused(run, trained):
    with pytest.raises(ColliculusError, match=r"trained by 1 process\(es\) and 2 were started.*resume with 1"):
        open_folder(trained, run, world_size=2, resume=True)


def test_the_state_of_another_run_is_refused(train, run, trained, tmp_path):
    train(tmp_path / "other", seed=5)
    shutil.copy(tmp_path / "other" / STATE_FILE, trained / STATE_FILE)
    with pytest.raises(ColliculusError, match=r"state\.pt belongs to another run, its train\.seed is 5 and not 0"):
        open_folder(trained, run, world_size=1, resume=True)


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.99])
def test_a_truncated_state_is_told(trained, kept):
    path = trained / STATE_FILE
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(ColliculusError, match="damaged and cannot be resumed"):
        read_state(trained)


class Command:
    """What a hostile state file would hold."""

    def __reduce__(self):
        return (print, ("this must never run",))


@pytest.mark.parametrize("content", [{"model": Command()}, {"model": 1}, [1]])
def test_what_is_no_state_is_told_and_nothing_in_it_runs(trained, content, capsys):
    torch.save(content, trained / STATE_FILE)
    with pytest.raises(ColliculusError, match="damaged"):
        read_state(trained)
    (trained / STATE_FILE).write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(ColliculusError, match="damaged"):
        read_state(trained)
    assert capsys.readouterr().out == ""


def test_a_run_with_the_former_name_of_its_protocol_is_the_same_run(tmp_path):
    def document(protocol):
        return {"protocol": f"{protocol} by group, fold 0 of 5", "experiment": {"data": {"protocol": protocol}}}

    checkpoint._check_same(tmp_path, document("honest"), document("group-disjoint"))
    with pytest.raises(ColliculusError, match="belongs to another run, its protocol is paper"):
        checkpoint._check_same(tmp_path, document("paper"), document("group-disjoint"))
