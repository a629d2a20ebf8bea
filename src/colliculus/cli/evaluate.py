"""`colliculus evaluate`: a trained run on test data, clean or corrupted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from colliculus.cli.options import PartOptions, SettingsT, Switch, parse_for_run
from colliculus.records import console
from colliculus.types import ColliculusError, SnrOf


@dataclass(frozen=True, kw_only=True)
class Options(PartOptions[SettingsT]):
    """Test a trained run.

    The data are the run's own; any of their settings can be overridden (--data.root, --data.protocol, ...):
    `colliculus evaluate RUN --help` lists them. The dataset is read as for training, so all its parts must be there.
    Noise as strong as the sound and no images: `colliculus evaluate RUN --snr-db audio 0 --missing visual`.
    Predictions for the run's own test part are kept in RUN/predictions.csv (with noise or missing modalities, beside
    it).
    """

    snr_db: dict[str, float] = field(default_factory=dict[str, float])
    """add Gaussian noise: modality and signal-to-noise ratio in dB, such as --snr-db audio 0 visual -10; it replaces
    the noise of the training, if any"""
    snr_of: SnrOf = "standardised"
    """input whose power this ratio refers to: standardised, as the network gets it, or raw, as it is before"""
    clean: Switch = False
    """add no noise, not even that of the training"""
    noise_seed: int = 0
    """seed of the noise"""
    missing: tuple[str, ...] = ()
    """withhold these modalities from the model"""
    precision: Literal["fp32", "bf16", "int8"] | None = None
    """fp32; bf16 (products and convolutions in bfloat16); int8 (weights of layers of spikes rounded to 8 bits); None:
    that of the training"""


def run(arguments: list[str]) -> int:
    """Evaluate and print."""
    options = parse_for_run(Options, "evaluate", arguments)

    from colliculus.evaluation.evaluate import evaluate

    if options.clean and options.snr_db:
        raise ColliculusError("--clean and --snr-db contradict each other: give one of them")
    found = evaluate(
        options.run,
        options.data,
        split=options.split,
        snr_db={} if options.clean else options.snr_db or None,
        snr_of=options.snr_of,
        missing=options.missing,
        noise_seed=options.noise_seed,
        device=options.device,
        precision=options.precision,
    )
    if options.json:
        plain = found.to_dict()
        del plain["predictions"]  # they are in the run folder
        console.show_json(plain | plain.pop("metrics"))
    else:
        console.show(found.table())
    return 0
