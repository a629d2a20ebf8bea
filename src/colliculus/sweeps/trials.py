"""Trials of a search: Optuna proposes values and judges running trainings; a journal beside the runs keeps both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from colliculus.evaluation.groups import NOT_OF_THE_METHOD
from colliculus.files.documents import Document, differences
from colliculus.sweeps.searched import SearchedTrial, State
from colliculus.sweeps.space import Range, Space
from colliculus.types import ColliculusError

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

JOURNAL_FILE = "search.journal"
_PLAN, _VALUES, FOLDER, _ERROR, _STALE = "plan", "values", "folder", "error", "stale"
"""Names of what the journal keeps about the search and its trials."""


class Trials:
    """The trials of a search, in a folder that this process has locked.

    A trial that was running when its search was killed is marked as failed, and its values are tried again first:
    they lead to the same run folder, whose training goes on. Proposals depend on the seed and on the number of the
    trial, so that a search that was stopped does not repeat its first proposals.

    Args:
        folder: folder of the run folders.
        space: settings to choose.
        seed: seed of the proposals.
        plan: everything that must not change when a search goes on.
        warmup_epochs: epochs before which no training is stopped.

    Raises:
        ColliculusError: optuna is not installed, or the folder holds another search.
    """

    def __init__(self, folder: Path, space: Space, seed: int, plan: Document, warmup_epochs: int) -> None:
        try:
            import optuna
        except ImportError as error:
            raise ColliculusError("a search needs its package: pip install 'colliculus[search]'") from error
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        journal = folder / JOURNAL_FILE
        Path(f"{journal}.lock").unlink(missing_ok=True)  # left by a kill; the folder is ours
        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(
            storage=JournalStorage(JournalFileBackend(str(journal))),
            study_name="search",
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_warmup_steps=warmup_epochs),
            load_if_exists=True,
        )
        optuna.logging.set_verbosity(before)
        self._seed, self._distributions = seed, {key: _distribution(chosen) for key, chosen in space.items()}
        self._space = space
        self._keep_plan(folder, plan)
        self._retry_stale()

    @property
    def all(self) -> list[FrozenTrial]:
        """Trials that were begun, without those that a killed search left running."""
        from optuna.trial import TrialState

        begun = self._study.get_trials(deepcopy=False)
        return [one for one in begun if one.state != TrialState.WAITING and _STALE not in one.user_attrs]

    def ended(self) -> list[SearchedTrial]:
        """Ended trials with different values, each with its result."""
        states: dict[str, State] = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}
        found: dict[str, SearchedTrial] = {}
        for one in self.all:
            if one.state.name not in states or _VALUES not in one.user_attrs:
                continue
            by_epoch = one.intermediate_values
            trial = SearchedTrial(
                number=one.number,
                state=states[one.state.name],
                values=one.user_attrs[_VALUES],
                accuracy=one.value if one.state.name == "COMPLETE" else by_epoch.get(max(by_epoch, default=0)),
                epochs=max(by_epoch, default=0),
                folder=one.user_attrs.get(FOLDER, ""),
                error=one.user_attrs.get(_ERROR),
            )
            found.setdefault(str(trial.values), trial)
        return list(found.values())

    def ask(self) -> tuple[Trial, dict[str, str]]:
        """A new trial, with the text of each of its values."""
        from optuna.samplers import TPESampler

        number = len(self._study.get_trials(deepcopy=False))
        self._study.sampler = TPESampler(seed=(self._seed * 1_000_003 + number) % 2**32, constant_liar=True)
        trial = self._study.ask(self._distributions)
        texts = {key: _text(chosen, trial.params[key]) for key, chosen in self._space.items()}
        trial.set_user_attr(_VALUES, texts)
        return trial, texts

    def equal(self, trial: Trial, texts: dict[str, str]) -> FrozenTrial | None:
        """An ended trial with the same values."""
        same = (one for one in self.all if one.state.is_finished() and one.user_attrs.get(_VALUES) == texts)
        return next((one for one in same if one.number != trial.number), None)

    def repeat(self, trial: Trial, earlier: FrozenTrial) -> None:
        """End a trial like an earlier one with the same values."""
        for epoch, accuracy in earlier.intermediate_values.items():
            trial.report(accuracy, epoch)
        if _ERROR in earlier.user_attrs:
            trial.set_user_attr(_ERROR, earlier.user_attrs[_ERROR])
        complete = earlier.state.name == "COMPLETE"
        self._study.tell(trial, earlier.value if complete else None, state=earlier.state)

    def finish(self, trial: Trial, accuracy: float) -> None:
        """End a trial whose training is finished."""
        self._study.tell(trial, accuracy)

    def prune(self, trial: Trial) -> None:
        """End a trial whose training was stopped."""
        from optuna.trial import TrialState

        self._study.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: Trial, error: str) -> None:
        """End a trial whose training failed."""
        from optuna.trial import TrialState

        trial.set_user_attr(_ERROR, error)
        self._study.tell(trial, state=TrialState.FAIL)

    def _keep_plan(self, folder: Path, plan: Document) -> None:
        before = self._study.user_attrs.get(_PLAN)
        if before is None:
            self._study.set_user_attr(_PLAN, plan)
            return
        for key, (old, new) in differences(before, plan).items():
            if key not in NOT_OF_THE_METHOD:
                raise ColliculusError(
                    f"{folder} belongs to another search, its {key} is {old} and not {new}: choose another --out"
                )

    def _retry_stale(self) -> None:
        from optuna.trial import Trial, TrialState

        for one in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if one.params:
                self._study.enqueue_trial(one.params)
            trial = Trial(self._study, one._trial_id)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
            trial.set_user_attr(_STALE, True)
            self._study.tell(trial, state=TrialState.FAIL)


def _text(chosen: Range | Any, value: Any) -> str:
    return chosen.text(value) if isinstance(chosen, Range) else value


def _distribution(chosen: Range | Any) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if not isinstance(chosen, Range):
        return CategoricalDistribution(list(chosen))
    kind = IntDistribution if isinstance(chosen.low, int) else FloatDistribution
    return kind(chosen.low, chosen.high, log=chosen.log)  # pyright: ignore[reportArgumentType]
