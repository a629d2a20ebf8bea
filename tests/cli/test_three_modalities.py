"""A third modality, from the command line to the last word: trained, withheld in turn, and read from files."""

from __future__ import annotations

import pytest

TINY_RUN = ["--method.time-steps", "2", "--method.dim", "16", "--train.epochs", "1", "--train.batch-size", "64"]
CPU = ("--device", "cpu")
HEADS = {"s-cmrl": ["--method.heads", "4"], "taaf": [], "cmci": [], "sca": ["--method.heads", "4"]}
THIRD = {"av-digits": ("--data.delta", "delta"), "synthetic": ("--data.tactile", "tactile")}
NO_FILES_OF = {"tactile"}


PAIRS = [
    pytest.param(method, data, marks=[] if (i + j) % 2 == 0 else pytest.mark.slow)  # each method, on either in turn
    for i, method in enumerate(HEADS)
    for j, data in enumerate(THIRD)
]


@pytest.mark.parametrize(("method", "data"), PAIRS)
def test_three_modalities(answer, answer_json, tiny_data, tmp_path, method, data):
    flag, third = THIRD[data]
    modalities = ["audio", "visual", third]
    tiny, run = tiny_data(data), str(tmp_path / "run")
    flags = [*TINY_RUN, *HEADS[method], *tiny.overrides, "--train.device", "cpu"]
    answer("train", f"{method}-{data}", "--out", run, flag, *flags)

    whole = answer_json("evaluate", run, *CPU)
    assert whole["fingerprint"] == whole["trained_on"]
    for absent in modalities:
        found = answer_json("evaluate", run, *CPU, "--missing", absent)
        assert (found["missing"], found["total"]) == ([absent], whole["total"])

    sound, picture = (
        next(clip for clip in tiny.clips if clip.suffix in kinds) for kinds in ({".wav"}, {".png", ".gif"})
    )
    readable = [m for m in modalities if m not in NO_FILES_OF]
    for files, seen in (
        ((sound, picture), readable),
        ((sound,), [m for m in readable if m != "visual"]),
        ((picture,), ["visual"]),
    ):
        (prediction,) = answer_json("predict", run, *map(str, files), *CPU)["predictions"]
        assert prediction["missing"] == [m for m in modalities if m not in seen]
        assert list(prediction["evidence"]) == ([] if method == "cmci" else seen)  # CMCI mixes all, none has a share
        assert sum(prediction["probabilities"].values()) == pytest.approx(1, abs=1e-5)
