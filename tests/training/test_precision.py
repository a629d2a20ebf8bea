"""A training in bf16 is validated, tested and evaluated in bf16."""

from __future__ import annotations

from colliculus import evaluate
from colliculus.runs.kept_predictions import Condition, read_predictions
from colliculus.runs.predictions import Predictions
from colliculus.training.fit import fit


def test_a_training_in_bf16_is_tested_in_bf16(tiny, tmp_path):
    folder = tmp_path / "run"
    run = fit(tiny(precision="bf16"), out=folder, progress=False)
    assert run.model.precision == "bf16"
    kept = read_predictions(folder, run.run, Condition())
    assert kept is not None
    narrow, wide = evaluate(folder, device="cpu"), evaluate(folder, device="cpu", precision="fp32")
    assert (narrow.precision, wide.precision) == ("bf16", "fp32")
    assert (narrow.predictions.probabilities != wide.predictions.probabilities).any()
    assert (kept.probabilities == Predictions.from_csv(narrow.predictions.to_csv()).probabilities).all()
    assert run.result.test.accuracy == narrow.metrics.accuracy


def test_validation_is_in_bf16(tiny, tmp_path, monkeypatch):
    from colliculus.training import learner

    seen, classify = [], learner.classify

    def watched(model, *arguments, **options):
        seen.append(model.precision)
        return classify(model, *arguments, **options)

    monkeypatch.setattr(learner, "classify", watched)
    fit(tiny(precision="bf16", ema_decay=0.9, epochs=1), out=tmp_path / "run", progress=False)
    assert seen
    assert {*seen} == {"bf16"}
