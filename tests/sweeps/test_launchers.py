"""The same trainings by each launcher: equal to those that ran in this process, also after a loss."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from ray_nodes import two_nodes
from waiting import WAITING, left_by

from colliculus.cli import main
from colliculus.sweeps import jobs
from colliculus.sweeps.job_board import JobBoard
from colliculus.sweeps.launchers import Ray, Slurm
from colliculus.sweeps.launchers.slurm import FILES_FOLDER
from colliculus.sweeps.plan import plan_sweep
from colliculus.sweeps.sweep import SweepInterrupted, sweep, train_all
from colliculus.types import ColliculusError

METHODS = ["late-fusion-synthetic", "weighted-attention-synthetic"]
linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
HERE = Slurm(cluster="local")
BROKEN = "import sys; print('colliculus: error: it is broken'); sys.exit(2)"


def processes():
    """Command line and parent of every process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            if stat[0] != "Z":
                found[int(folder.name)] = ((folder / "cmdline").read_text().split("\0"), int(stat[1]))
    return found


def trainings(out):
    """Process ids of all trainings in `out`, whichever process started them, with those of their parents."""
    return {pid: parent for pid, (words, parent) in processes().items() if any(w.startswith(f"{out}/") for w in words)
            and "--resume" in words}  # fmt: skip


def kill_once(monkeypatch, victim):
    """Kill the process that `victim` finds when the first training waits after its first epoch, then let all go on."""
    watch = JobBoard.watch
    killed = []

    def kill(board, running, elsewhere, over):
        watch(board, running, elsewhere, over)
        out = next(iter([*running, *elsewhere, *over])).folder.parent
        if not killed and (out / "waits").exists() and (found := victim(out)):
            os.kill(found, signal.SIGKILL)
            killed.append(found)
            (out / "go").touch()

    monkeypatch.setattr(JobBoard, "watch", kill)
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", WAITING))
    return killed


def worker_of(out):
    return next(iter(trainings(out).values()), None)


@linux
class TestSlurm:
    """Jobs of submitit's executor for one machine."""

    @pytest.fixture(autouse=True)
    def _package(self):
        pytest.importorskip("submitit", reason="submitit is not installed")

    @pytest.mark.timeout(300)
    def test_a_job_whose_worker_was_killed_is_resumed_and_equals_one_that_was_not(
        self, whole, small, tmp_path, monkeypatch
    ):
        killed = kill_once(monkeypatch, worker_of)
        found = sweep(METHODS[:1], seeds=1, overrides=small, out=tmp_path, launcher=HERE)
        assert killed
        assert found.failure == ""
        assert left_by(tmp_path) == left_by(whole, METHODS[0])
        assert not trainings(tmp_path)
        assert len(list((tmp_path / FILES_FOLDER).glob("*_submitted.pkl"))) == 2

    @pytest.mark.timeout(300)
    def test_a_training_that_fails_is_reported_as_on_this_machine(self, small, tmp_path, monkeypatch):
        monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", BROKEN))
        (job,) = plan_sweep(METHODS[:1], seeds=1, overrides=small, out=tmp_path)
        assert train_all([job], 1, HERE) == {job: f"it is broken; see {job.log}"}

    @pytest.mark.timeout(300)
    def test_an_interrupt_ends_the_trainings(self, small, tmp_path, monkeypatch):
        interrupt_when_waiting(monkeypatch)
        with pytest.raises(SweepInterrupted, match="0 of 1 trainings are finished"):
            sweep(METHODS[:1], seeds=1, overrides=small, out=tmp_path, launcher=HERE)
        assert not trainings(tmp_path)

    def test_settings_have_the_names_of_submitit(self):
        settings = Slurm(partition="gpu", account="lab", time_limit_h=1.5, cpus=4, gpus=2, memory_gb=16)
        assert settings.parameters("a") == {
            "name": "a", "timeout_min": 90, "cpus_per_task": 4, "slurm_partition": "gpu", "slurm_account": "lab",
            "mem_gb": 16, "gpus_per_node": 2,
        }  # fmt: skip
        assert Slurm().parameters("a") == {"name": "a", "timeout_min": 1440, "cpus_per_task": 1}

    def test_the_script_for_slurm_has_all_settings(self, tmp_path, monkeypatch):
        """A stand-in for `sbatch` keeps the script it is given."""
        import submitit

        (sbatch := tmp_path / "sbatch").write_text(f"#!/bin/sh\ncp $1 {tmp_path}/script\necho Submitted batch job 7\n")
        sbatch.chmod(0o755)
        (srun := tmp_path / "srun").write_text("#!/bin/sh\n")
        srun.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        executor = submitit.AutoExecutor(tmp_path / "files", cluster="slurm")
        settings = Slurm(partition="gpu", account="lab", time_limit_h=1.5, cpus=4, gpus=2, memory_gb=16)
        executor.update_parameters(**settings.parameters("a training"))
        executor.submit(print)
        script = (tmp_path / "script").read_text()
        asked = (
            "--partition=gpu",
            "--account=lab",
            "--time=90",
            "--cpus-per-task=4",
            "--gpus-per-node=2",
            "--mem=16GB",
        )
        assert [line for line in asked if f"#SBATCH {line}\n" not in script] == []

    def test_a_machine_without_slurm_is_named(self, small, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(ColliculusError, match="sbatch is not on this machine"), Slurm().open():
            pass


def interrupt_when_waiting(monkeypatch):
    """Ctrl-C when the first training waits after its first epoch."""
    watch = JobBoard.watch

    def interrupt(board, running, elsewhere, over):
        watch(board, running, elsewhere, over)
        out = next(iter([*running, *elsewhere])).folder.parent
        if (out / "waits").exists():
            assert trainings(out)
            raise KeyboardInterrupt

    monkeypatch.setattr(JobBoard, "watch", interrupt)
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", WAITING))


@linux
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("default")  # Ray leaves sockets and processes to the garbage collector
class TestRay:
    """Tasks of a cluster."""

    @pytest.fixture(autouse=True)
    def _package(self):
        pytest.importorskip("ray", reason="ray is not installed")

    def test_a_worker_is_killed_and_all_trainings_end_equal_to_those_here(self, whole, small, tmp_path, monkeypatch):
        killed = kill_once(monkeypatch, worker_of)
        with two_nodes() as cluster:
            launcher = Ray(address=cluster.address)
            found = sweep(METHODS, seeds=1, overrides=small, out=tmp_path, jobs=2, launcher=launcher)
            assert killed
            assert found.failure == ""
            assert left_by(tmp_path) == left_by(whole)
            assert not trainings(tmp_path)

    def test_a_machine_is_lost_and_the_other_takes_over(self, whole, small, tmp_path, monkeypatch):
        watch, lost = JobBoard.watch, []
        monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", WAITING))
        with two_nodes() as cluster:

            def lose(board, running, elsewhere, over):
                watch(board, running, elsewhere, over)
                if not lost and len(trainings(tmp_path)) == 2 and (tmp_path / "waits").exists():
                    lost.extend(cluster.worker_nodes)
                    cluster.remove_node(lost[0], allow_graceful=False)
                    (tmp_path / "go").touch()

            monkeypatch.setattr(JobBoard, "watch", lose)
            launcher = Ray(address=cluster.address)
            found = sweep(METHODS, seeds=1, overrides=small, out=tmp_path, jobs=2, launcher=launcher)
            assert lost
            assert found.failure == ""
            assert left_by(tmp_path) == left_by(whole)
            assert not trainings(tmp_path)

    def test_failure_interrupt_and_a_machine_that_is_too_small(self, small, tmp_path, monkeypatch):
        with pytest.raises(ColliculusError, match="no machine has 1000 cores and 0 GPUs"), Ray(cpus=1000).open():
            pass
        (job,) = plan_sweep(METHODS[:1], seeds=1, overrides=small, out=tmp_path)
        with monkeypatch.context() as patched:
            patched.setattr(jobs, "PROGRAM", (sys.executable, "-c", BROKEN))
            assert train_all([job], 1, Ray()) == {job: f"it is broken; see {job.log}"}
        interrupt_when_waiting(monkeypatch)
        with pytest.raises(SweepInterrupted, match="0 of 1 trainings are finished"):
            train_all([job], 1, Ray())
        assert not trainings(tmp_path)
        assert not [words for words, _ in processes().values() if "raylet" in words[0]]


def test_a_cluster_that_does_not_answer_is_named(tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="ray is not installed")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    message = "the Ray cluster at auto cannot be joined: ConnectionError"
    with pytest.raises(ColliculusError, match=message), Ray(address="auto").open():
        pass


@pytest.mark.parametrize(("module", "launcher"), [("ray", Ray()), ("submitit", Slurm())])
def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch, module, launcher):
    monkeypatch.setitem(sys.modules, module, None)
    extra = type(launcher).__name__.lower()
    with pytest.raises(ColliculusError, match=rf"pip install 'colliculus\[{extra}\]'"), launcher.open():
        pass


@pytest.mark.parametrize(
    ("kind", "setting", "message"),
    [
        (Ray, {"cpus": 0}, "ray.cpus is 0"),
        (Ray, {"gpus": -1}, "ray.gpus is -1"),
        (Slurm, {"time_limit_h": 0}, "slurm.time_limit_h is 0"),
        (Slurm, {"cpus": 0}, "slurm.cpus is 0"),
        (Slurm, {"memory_gb": -1}, "slurm.memory_gb is -1"),
        (Slurm, {"gpus": -1}, "slurm.gpus is -1"),
    ],
)
def test_numbers_out_of_range_are_refused(kind, setting, message):
    with pytest.raises(ColliculusError, match=message):
        kind(**setting)


def test_settings_of_another_launcher_are_refused(capsys, tmp_path):
    command = ["sweep", METHODS[0], "--out", str(tmp_path), "--launcher", "slurm", "--ray.cpus", "2"]
    assert main(command) == 2
    assert "`ray.cpus` is 2.0, which has no effect with --launcher slurm: leave it at 1" in capsys.readouterr().err


def test_a_file_names_the_launcher_and_its_settings(capsys, tmp_path):
    (file := tmp_path / "sweep.yaml").write_text(
        "{presets: [late-fusion-synthetic], launcher: ray, ray.cpus: 1000, seeds: 1}"
    )
    assert main(["sweep", str(file), "--launcher", "local", "--out", str(tmp_path / "out")]) == 2
    assert "`ray.cpus` is 1000.0, which has no effect with --launcher local" in capsys.readouterr().err
