"""`colliculus contribution`: contribution of each modality of a trained run, measured by withholding the others."""

from __future__ import annotations

from dataclasses import dataclass

from colliculus.cli.options import PartOptions, SettingsT, parse_for_run


@dataclass(frozen=True, kw_only=True)
class Options(PartOptions[SettingsT]):
    """Measure the contribution of each modality by giving the model every subset of them.

    Shapley values divide the performance beyond chance among the modalities: of the accuracy over all clips, and of
    the probability of the true class of every clip. Also shown: accuracy alone and together, the gain over the best
    modality alone, and the accuracy of the same network run for its first 1, 2, ... T steps only, for each modality
    alone and all together; where streams are aligned in time, later steps count as zero.

    Does the exchange between the modalities matter? It is zeroed, and shuffled across clips; its residual is compared
    with the tokens that it is added to, and the gradient of each loss term shows what trains it. EMAP shows how close
    the network is to a sum of one function of each modality.

    Written into RUN/contribution: contribution.json, and clips.csv with a row per clip. The noise of the training is
    kept. After an interruption, finished passes over the data are not repeated.
    """

    clips: int = 128
    """clips that EMAP pairs in every way (with M modalities clips^(2/M) of them); 0 leaves EMAP out"""


def run(arguments: list[str]) -> int:
    """Measure, write and print."""
    options = parse_for_run(Options, "contribution", arguments)

    from colliculus.evaluation.contribution import contribution

    found = contribution(
        options.run, data=options.data, split=options.split, clips=options.clips, device=options.device
    )
    options.show(found, f"Written into {(options.run / found.FILE).parent}", run=str(options.run))
    return 0
