"""Migration of `run.yaml` from earlier formats and versions to the present one."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from copy import deepcopy

from colliculus.data.former_folder import FormerFolder
from colliculus.files.documents import Document
from colliculus.methods import LateFusion
from colliculus.runs.document import experiment_from_plain, experiment_to_plain
from colliculus.types import ColliculusError

FORMAT = 4
"""Number of the format of a run folder; a later format gets a higher one."""

_NAMES = {"scmrl": "s-cmrl", "cmci-reference": "cmci"}
"""Methods that format 1 knows by another name."""

_FORMER_BALANCE: dict[str, Document] = {
    "ogm_ge": {"last_epoch": None},
    "agm": {"clip_norm": None},
    "pmr": {"weights": "paper", "momentum": 0.5},
}
"""Settings of the balances up to format 3, where nothing else was recorded."""


def migrated(document: Document) -> Document:
    """A document of any format up to `FORMAT` in the present one; damaged parts stay as they are.

    Settings that are missing get their defaults, so that a run can be resumed.

    Example:
        >>> method = {"name": "scmrl", "reference": True, "arithmetic": {"threshold": 0.3}}
        >>> migrated({"format": 1, "experiment": {"method": method}})
        {'format': 4, 'experiment': {'method': {'name': 's-cmrl', 'arithmetic': 'reference'}}}
    """
    if document.get("format") == 1:
        document = _second(document)
    if document.get("format") == 2:
        document = _third(document)
    if document.get("format") == 3:
        document = _fourth(document)
    return _completed(_with_video_frames(document))


def _second(document: Document) -> Document:
    """From format 1 to 2."""
    document = {**deepcopy(document), "format": 2}
    experiment = _part(document, "experiment")
    if method := _part(experiment, "method"):
        _rename(method)
        _drop_unread(method)
    data = _part(experiment, "data")
    if data.get("name") == "folder" and "test_fraction" in data:  # version 0.1 read and split clips otherwise
        data["name"] = FormerFolder.name
    train = _part(experiment, "train")
    if train.get("optimizer") == "adamw":
        _drop(train, ["momentum"])
    if train.get("warmup_epochs") == 0:
        _drop(train, ["warmup_learning_rate"])
    return document


def _third(document: Document) -> Document:
    """From format 2 to 3: kinds of neurons, and a second edition of Tectum."""
    document = {**deepcopy(document), "format": 3}
    method = _part(_part(document, "experiment"), "method")
    neuron = _part(method, "neuron")
    if neuron.pop("learned_tau", False) is True:
        neuron["kind"] = "plif"
    if method.get("name") == "tectum":
        method["name"] = "tectum-first"
        if isinstance(preset := document.get("preset"), str) and preset.startswith("tectum-"):
            document["preset"] = f"tectum-first-{preset.removeprefix('tectum-')}"
    return document


def _fourth(document: Document) -> Document:
    """From format 3 to 4: balances as their authors ran them, with other defaults and one other name."""
    document = {**deepcopy(document), "format": 4}
    balance = _part(_part(_part(document, "experiment"), "method"), "balance")
    _drop_other_balances(balance)
    own = _own_balance(balance)
    if own in _FORMER_BALANCE:
        balance[own] = {**_FORMER_BALANCE[own], **_part(balance, own)}
    scores = _part(balance, "scores")
    if scores.get("kind") == "loss":  # it weighed the losses by the inverse of the scores
        scores["kind"] = "inverse"
    return document


def _with_video_frames(document: Document) -> Document:
    """Clips whose run does not name `video_frames` were read with one frame of each video."""
    clips = _part(_part(_part(document, "experiment"), "data"), "clips")
    if not clips or "video_frames" in clips or _part(clips, "visual").get("steps") is not None:
        return document
    document = deepcopy(document)
    document["experiment"]["data"]["clips"]["video_frames"] = 0
    return document


def _completed(document: Document) -> Document:
    """Give the settings that a later version added their defaults, which change nothing."""
    if not (experiment := _part(document, "experiment")):
        return document
    with suppress(ColliculusError):  # the reader of a damaged experiment reports it
        known = experiment_to_plain(experiment_from_plain(experiment, LateFusion()))
        experiment = {**known, "method": experiment["method"]}
    with suppress(ColliculusError):  # a method of one's own may be unknown here
        experiment = experiment_to_plain(experiment_from_plain(experiment))
    return {**document, "experiment": experiment}


def _rename(method: Document) -> None:
    """From format 1 to 2: names of methods, and one setting `arithmetic` in all of them."""
    if "arithmetic" in method:
        method["cross_modal"] = method.pop("arithmetic")
    if "reference" in method:
        method["arithmetic"] = "reference" if method.pop("reference") else "ours"
    if method.get("name") == "cmci-reference":
        method["arithmetic"] = "reference"
    method["name"] = _NAMES.get(str(method.get("name")), method.get("name"))


def _drop_unread(method: Document) -> None:
    """Version 0.1 recorded settings that others switched off. They had no effect, and are refused today."""
    if method.get("arithmetic") == "reference":
        _drop(method, ["cross_modal", "attention_threshold"])
    if method.get("alignment") is False:
        _drop(method, ["temperature"])
    if method.get("regulariser") == "none":
        _drop(method, ["regulariser_weight"])
    if (branches := method.get("cross_attention")) != "spatiotemporal" and branches:
        _drop(_part(method, "cross_modal"), ["combination", *(["swap"] if branches == "spatial" else [])])
    if _part(method, "neuron").get("temporal_gradient") is False:
        _drop(_part(method, "neuron"), ["detach_reset"])
    balance = _part(method, "balance")
    _drop_other_balances(balance)
    if _part(balance, "scores").get("kind") == "loss":
        _drop(_part(balance, "scores"), ["beta"])


def _own_balance(balance: Document) -> str:
    """Name of the settings that the kind of balance reads."""
    return str(balance.get("kind")).replace("-", "_")


def _drop_other_balances(balance: Document) -> None:
    """Drop the settings of balances of other kinds, which had no effect."""
    _drop(balance, [name for name in balance if name not in ("kind", _own_balance(balance))])


def _part(document: Document, name: str) -> Document:
    """A mapping inside a document; an empty one if it is missing or damaged."""
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _drop(document: Document, names: Iterable[str]) -> None:
    for name in names:
        document.pop(name, None)
