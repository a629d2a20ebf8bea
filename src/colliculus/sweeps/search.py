"""Search: settings of a preset are proposed, trained, compared on the validation part, and stopped where hopeless."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from colliculus.files.documents import Document, package_version
from colliculus.files.lock import locked
from colliculus.presets import PRESETS, preset
from colliculus.runs.document import experiment_to_plain
from colliculus.runs.experiment import Experiment, replaced
from colliculus.runs.flags import changed, flags
from colliculus.sweeps.job_board import JobBoard
from colliculus.sweeps.jobs import Job
from colliculus.sweeps.launchers import Launcher, Local
from colliculus.sweeps.plan import Values, Variant, plan_variants, refuse_seed, variants
from colliculus.sweeps.search_run import SearchRun, validated
from colliculus.sweeps.searched import Search
from colliculus.sweeps.space import Range, Space, checked_space, value_of
from colliculus.sweeps.sweep import SweepInterrupted
from colliculus.sweeps.trials import Trials
from colliculus.sweeps.work import side_by_side
from colliculus.training.interrupt import signals_as_interrupt
from colliculus.types import ColliculusError


def search(
    name: str,
    *,
    settings: Mapping[str, Range | Values],
    trials: int,
    overrides: Mapping[str, Any] | None = None,
    seed: int = 0,
    out: Path | str = "runs/search",
    jobs: int = 1,
    launcher: Launcher = Local(),
) -> Search:
    """Search the settings of a preset with the highest validation accuracy.

    Optuna's TPE sampler proposes values; each proposal is one training as in `sweep`, with a folder of its own in
    `out`. A training that falls below the median of the earlier ones in the same epoch is stopped (Optuna's median
    pruner, after the warm-up of the learning rate and five trials). The test part decides nothing. The same call
    finishes a search that was stopped; with more `trials` it goes on.

    Args:
        name: name of the preset.
        settings: by dotted name, a range of numbers or a list of values to choose from; a mapping instead of a list
            gives each value a name for the run folders.
        trials: number of trials. One that proposes the values of an earlier trial takes its result.
        overrides: settings of every trial by dotted name.
        seed: seed of every training and of the proposals.
        out: folder of the run folders and of the journal.
        jobs: number of simultaneous trainings.
        launcher: where they run.

    Raises:
        ColliculusError: a name is unknown, a value is wrong, the data are absent or have no validation part, `out`
            holds another search, or optuna is not installed.
        SweepInterrupted: Ctrl-C, SIGTERM or SIGHUP; every running training has kept its last epoch.

    Example:
        >>> import tempfile
        >>> small = {"data.num_classes": 2, "data.num_train": 8, "data.num_validation": 4, "data.num_test": 6,
        ...          "data.size": 16, "method.dim": 8, "train.epochs": 1, "train.device": "cpu"}
        >>> space = {"train.learning_rate": Range(1e-4, 1e-2, log=True), "method.time_steps": [2, 3]}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = search("late-fusion-synthetic", settings=space, trials=1, overrides=small, out=folder)
        >>> [(trial.state, sorted(trial.values)) for trial in found.trials]
        [('finished', ['method.time_steps', 'train.learning_rate'])]
    """
    for key, number in {"trials": trials, "jobs": jobs}.items():
        if number < 1:
            raise ColliculusError(f"{key} is {number}: give at least 1")
    refuse_seed([*settings, *(overrides or {})])
    base = replaced(preset(name), overrides or {})
    plan = _Plan(name, base, checked_space(base, settings), overrides or {}, seed, Path(out))
    try:
        with signals_as_interrupt():
            plan.check_data()
            plan.out.mkdir(parents=True, exist_ok=True)
            with locked(plan.out, "is being searched by another process"):
                study = Trials(plan.out, plan.space, seed, plan.document, plan.warmup_epochs)
                done = len(study.all)
                with side_by_side(launcher, jobs) as work, JobBoard(max(trials, done), done, validated) as board:
                    SearchRun(study, work, plan.job).to_end(trials, jobs, board)
    except KeyboardInterrupt as interrupt:
        raise SweepInterrupted("interrupted: the same command continues the search") from interrupt
    return plan.record(study)


@dataclass(frozen=True)
class _Plan:
    """Everything that is the same for all trials."""

    preset: str
    base: Experiment[Any, Any]
    space: Space
    overrides: Mapping[str, Any]
    seed: int
    out: Path

    @property
    def document(self) -> Document:
        """Plain values by which a search recognises itself."""
        space = {key: str(one) if isinstance(one, Range) else list(one) for key, one in self.space.items()}
        return {"preset": self.preset, "seed": self.seed, "set": space, **experiment_to_plain(self.base)}

    @property
    def warmup_epochs(self) -> int:
        """Epochs whose learning rate is still small."""
        return min(self.base.train.warmup_epochs, self.base.train.epochs // 2)

    def check_data(self) -> None:
        """Load the data once, before all trainings do.

        Raises:
            ColliculusError: they are absent, or have no validation part.
        """
        if not len(self.base.data.load().validation):
            raise ColliculusError(
                f"{self.base.data.name} has no validation part, on which a search decides: choose settings of the data"
                " that keep one"
            )

    def variant(self, texts: Mapping[str, str]) -> Variant:
        """The preset with these values.

        Raises:
            ColliculusError: the values contradict one another.
        """
        values = {key: {text: value_of(self.space[key], text)} for key, text in texts.items()}
        return variants([self.preset], values, self.overrides)[0]

    def job(self, texts: Mapping[str, str]) -> Job:
        """The training with these values.

        Raises:
            ColliculusError: the values contradict one another, or the folder holds another run.
        """
        return plan_variants([self.variant(texts)], [self.seed], self.out)[0]

    def record(self, study: Trials) -> Search:
        """The ended trials with different values."""
        trials = study.ended()
        search = Search(
            version=package_version(), preset=self.preset, seed=self.seed, out=str(self.out), trials=tuple(trials)
        )
        if not search.ranked:
            return search
        best = self.variant(search.best.values).experiment
        return replace(search, flags=tuple(flags(changed(best, PRESETS[self.preset].experiment))))
