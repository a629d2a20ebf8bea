"""Tectum against its rivals, where an exchange between the modalities can win and where it cannot.

    colliculus prepare utd-mhad UTD-MHAD prepared/utd-mhad
    colliculus prepare utd-mhad UTD-MHAD prepared/utd-mhad-3 --modalities inertial skeleton depth
    python benchmarks/winner.py --into RESULTS.md [--only digits utd] [--publish-only]

trains what is not trained, goes on where it was stopped, and writes the tables. The comparison was written down, here
and in benchmarks/winner_plan.py, before it was run. Its rules:

- All methods on a data set have one recipe, that of `winner_plan.DIGITS` or `winner_plan.UTD`, and keep their last
  epoch. On UTD-MHAD the validation part is one of the odd people; what it decided is trained again on all odd people,
  and the even people are looked at once. On AV-Digits the validation part decides if a joint layer stays.
- The rivals come "with the same care", which gives them the graded neurons, the readout weights, the encoder, the own
  heads and the label smoothing of Tectum; and "as published", with what their presets have.
- Figures are means over the seeds with 95 % intervals (Student), tests are those of `colliculus compare`: over seeds
  and over clips, the larger p, after Holm for the tests of a table. A bar with a p needs that p below it. Seven tests
  of ten seeds cannot reach 0.01 after Holm (least p 0.0137), so that the bound digits have one seed more.
- "Noisy mean" is the mean over white noise of 0 dB on each modality and on all of them. Its test is over seeds alone.
- A bar that is missed is published as missed, and a rival that ties as a tie: `winner_plan.BARS`. "Not below the best"
  is undecided where a rival has a higher mean and so few seeds are finished that no test could show it to be better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tyro
import winner_plan as plan
import winner_tables as tables
from study import Study
from winner_frontier import frontier_table
from winner_noise import conditions, measure, noise_table
from winner_plan import PartName, Variants
from winner_tables import Runs

from colliculus.runs.result import read_result
from colliculus.sweeps.plan import Variant, plan_variants


@dataclass(frozen=True, kw_only=True)
class Settings(Study):
    """Train and test every variant of the chosen parts."""

    out: Path = Path("runs/winner")
    """Folder of the runs."""
    data_root: Path | None = None
    """Folder of AV-Digits; None: the cache folder, downloaded on first use."""
    utd_root: Path = Path("prepared/utd-mhad")
    """Prepared UTD-MHAD, skeleton and inertial."""
    utd3_root: Path = Path("prepared/utd-mhad-3")
    """Prepared UTD-MHAD with depth."""
    seeds: int = 10
    """Trainings of each variant; the bound digits have one more."""
    only: tuple[PartName, ...] = tuple(plan.PARTS)
    """Parts of the comparison."""
    publish_only: bool = False
    """Train nothing: measure what is finished and write its tables, each row with its number of seeds."""

    def study(self, data: str) -> Study:
        """The trainings on one data set."""
        roots = {"utd-mhad": self.utd_root, "utd-mhad-3": self.utd3_root}
        return replace(self, out=self.out / data, data_root=roots.get(plan.DATA[data][0], self.data_root))

    def planned(self, data: str, variants: Variants) -> dict[str, Variant]:
        """The variants on one data set by title."""
        name, recipe = plan.DATA[data]
        study = self.study(data)
        return {
            title: study.variant(title, f"{method}-{name}", recipe | changes)
            for title, (method, changes) in variants.items()
        }

    def finished(self, data: str, variants: Mapping[str, Variant], seeds: int) -> Runs:
        """Folders of the finished trainings by title."""
        found: dict[str, list[Path]] = {}
        for title, variant in variants.items():
            jobs = plan_variants([variant], seeds, self.study(data).out)
            if done := [job.folder for job in jobs if read_result(job.folder) is not None]:
                found[title] = done
        return found


def runs_of(settings: Settings, part: PartName) -> dict[str, Runs]:
    """The finished trainings of a part by data set; what is not trained is trained before, unless only published."""
    found: dict[str, Runs] = {}
    seeds = settings.seeds + plan.MORE_SEEDS.get(part, 0)
    for data, variants in plan.PARTS[part].items():
        planned = settings.planned(data, variants)
        if not settings.publish_only:
            settings.study(data).train(list(planned.values()), seeds)
        runs = settings.finished(data, planned, seeds)
        if plan.TECTUM in runs and len(runs) > 1:
            found[data] = runs
        else:
            print(f"{part}, {data}: {plan.TECTUM} and another variant must be finished for a table", flush=True)
    return found


def measured(settings: Settings, part: PartName, found: Mapping[str, Runs]) -> None:
    """Measure what the tables of a part need beside the result of the training."""
    for data, runs in found.items():
        folders = [folder for some in runs.values() for folder in some]
        if part in ("utd", "frontier"):
            settings.study(data).examine(folders, "energy", tables.ENERGY)
        if part == "utd-noise":
            measure(folders, conditions(plan.MODALITIES[plan.DATA[data][0]]), settings.jobs)


def publish(settings: Settings, part: PartName, found: Mapping[str, Runs]) -> None:
    """Write the tables of a part."""
    if part == "lag" and found:  # one table for all lags
        by_lag = {data: tables.compared(runs) for data, runs in found.items()}
        settings.publish("winner lag", tables.lag_table(by_lag, plan.BARS["lag"]))
        return
    for data, runs in found.items():
        match part:
            case "utd-noise":
                lines: Sequence[str] = noise_table(runs, plan.MODALITIES[plan.DATA[data][0]])
            case "frontier":
                lines = frontier_table(runs)
            case "ablation":
                lines = tables.accuracy_table(tables.compared(runs))
            case "utd":
                lines = tables.utd_table(runs, plan.BARS[data])
            case _:
                lines = tables.rivals_table(runs, plan.BARS[data])
        settings.publish(f"winner {part} {data}", lines)


def main(settings: Settings) -> None:
    """Train what is not trained, measure what is not measured, write the tables."""
    for part in settings.only:
        found = runs_of(settings, part)
        measured(settings, part, found)
        publish(settings, part, found)


if __name__ == "__main__":
    main(tyro.cli(Settings, description=__doc__))
