"""`colliculus share`: a trained run for others, on the disk or on the Hugging Face Hub."""

from __future__ import annotations

from dataclasses import dataclass

from colliculus.cli.options import RecordOptions, RunFolder, parse


@dataclass(frozen=True, kw_only=True)
class Options(RecordOptions):
    """Write a finished run for others.

    The folder holds run.yaml without paths of this computer, the weights as safetensors, result.json, the spike health
    and a card, README.md. Predictions, curves and the training state stay here. The hub needs
    pip install 'colliculus[share]' and its own login, hf auth login.

    Look at a folder before you upload:

    colliculus share runs/digits --to shared --data-licence CC-BY-SA-3.0

    colliculus share runs/digits --to hf://owner/digits --data-licence CC-BY-SA-3.0
    """

    run: RunFolder
    """folder of the run"""
    to: str
    """folder, absent or empty, or hf://owner/name"""
    data_licence: str = ""
    """licence of the data that the run was trained on, in words of your choice; it must be given, unless the data are
    generated"""
    licence: str | None = None
    """licence of the weights, by its name on the hub, such as apache-2.0"""


def run(arguments: list[str]) -> int:
    """Share and print the files."""
    options = parse(Options, "share", arguments)

    from colliculus.sharing.share import share

    options.show(share(options.run, options.to, data_licence=options.data_licence, licence=options.licence))
    return 0
