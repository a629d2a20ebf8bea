"""Record of how a trained run decides: explained clips, scores of the time steps, and features in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from colliculus.evaluation.explanation.clip import ExplainedClip
from colliculus.evaluation.time_weights import TimeWeights
from colliculus.figures import Lines, Panel, Scatter, Series, figure
from colliculus.files.documents import as_document
from colliculus.records import Table
from colliculus.records.console import percent
from colliculus.runs.identity import RunRecord

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True)
class Features:
    """The joint feature of some clips in the plane.

    Args:
        index: rows of the clips in their split.
        label: their classes as numbers.
        pca: two principal components of each clip.
        pca_share: share of the variance in each of the two.
        tsne: position of each clip by t-SNE; empty where there are fewer than four clips.
    """

    index: tuple[int, ...]
    label: tuple[int, ...]
    pca: tuple[tuple[float, float], ...]
    pca_share: tuple[float, float]
    tsne: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Explanation(RunRecord):
    """How a run decides.

    Args:
        time_steps: T of the model.
        clips: the explained clips.
        time_weights: temporal attention scores of each stream, where the model has any.
        features: the joint feature of some clips.
    """

    time_steps: int
    clips: tuple[ExplainedClip, ...]
    time_weights: dict[str, TimeWeights]
    features: Features
    FILE: ClassVar[str] = "explain/explain.json"

    @classmethod
    def from_dict(cls, plain: object) -> Self:
        """The inverse of `to_dict`; records of version 0.1 are read as well."""
        document = as_document(plain)
        if isinstance(clips := document.get("clips"), list | tuple):
            document["clips"] = [_renamed(clip) for clip in clips]
        return super().from_dict(document)

    def table(self) -> Table:
        """A row for each explained clip."""
        rows: list[Sequence[str]] = []
        for clip in self.clips:
            steps = " ".join(f"{100 * share:.0f}" for share in clip.step_probabilities)
            wrong = "" if clip.label == clip.predicted else "  (wrong)"
            rows.append((str(clip.index), clip.label, clip.predicted + wrong, percent(clip.probability), steps))
        headings = ("clip", "class", "predicted", "prob.", "% after 1, 2, ... steps")
        return Table.of("Explained clips", headings, rows)

    def figure(self) -> Figure:
        """The probability of each clip's predicted class by time step, and the features in the plane."""
        steps = [
            Series(name=f"clip {clip.index}: {clip.predicted}", x=range(1, len(shares) + 1), y=shares)
            for clip in self.clips
            if (shares := [100 * share for share in clip.step_probabilities])
        ]
        panels: list[Panel] = [
            Lines(series=steps, title="probability, %", xlabel="time steps", low=0, high=100, whole=True),
            self._plane(f"PCA ({percent(sum(self.features.pca_share))} of the variance)", self.features.pca),
        ]
        if self.features.tsne:
            panels.append(self._plane("t-SNE", self.features.tsne))
        return figure(panels, title=f"{self.preset}: explained decisions")

    def _plane(self, title: str, points: Sequence[Sequence[float]]) -> Scatter:
        return Scatter(points=points, groups=self.features.label, names=self.classes, title=title)


def _renamed(clip: Any) -> Any:
    """A clip of version 0.1, which calls its images pictures."""
    return {"images" if key == "pictures" else key: x for key, x in clip.items()} if isinstance(clip, dict) else clip
