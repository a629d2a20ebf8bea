"""Evaluation in bf16 and int8: which layers are rounded, spikes like those of the rounded weights, and whole verbs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from active import assert_active
from exported_runs import PAIR, noise, run_of, small, synthetic_run

from colliculus import ColliculusError, NeuronSettings, evaluate, export, load, robustness
from colliculus.evaluation.anytime import outputs_by_step
from colliculus.evaluation.corruption.plan import RobustnessSettings
from colliculus.evaluation.inference import inference_mode, recorded, spiking_layers
from colliculus.evaluation.precision import in_precision, layers_of_spikes
from colliculus.evaluation.predictor import Predictor
from colliculus.export.onnx.target import ToONNX
from colliculus.layers import int8
from colliculus.layers.int8 import Int8
from colliculus.methods import METHODS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return synthetic_run(tmp_path_factory.mktemp("precise"))


def seen(model, inputs):
    """Spikes of every neuron, by name, and the output."""
    layers = spiking_layers(model)
    with inference_mode(model), recorded(layers, lambda name, x: (name, x.clone())) as found:
        output = model(inputs)
    return dict(found), output


def test_layers_of_data_and_of_means_keep_their_weights(tmp_path):
    model = run_of(tmp_path, small("late-fusion")).model
    names = layers_of_spikes(model)
    assert "encoders.audio.stages.0.conv" not in names
    assert not [name for name in names if name.startswith("head")]
    assert {"encoders.audio.stages.1.conv", "encoders.visual.position.conv"} <= {*names}
    assert {"fusion.mlp.audio.expand.linear", "fusion.mlp.audio.contract.linear"} <= {*names}


@pytest.mark.parametrize("name", METHODS)
def test_int8_gives_the_spikes_of_the_rounded_weights(name, tmp_path, monkeypatch):
    model = run_of(tmp_path, small(name)).model
    given, narrow = noise(PAIR, 3), in_precision(model, "int8")
    given = {m: given[m] for m in model.modalities}
    rounded = {n: part for n, part in narrow.named_modules() if isinstance(part, Int8)}
    assert rounded
    assert not [part for part in model.modules() if isinstance(part, Int8)]
    monkeypatch.setattr(int8, "_WORTH_IT", 0)  # the fast product, where there is one
    spikes, output = seen(narrow, given)
    for neuron in spikes.values():
        assert neuron.dtype == torch.float32
    assert_active(torch.cat([x.flatten() for x in spikes.values()]))
    monkeypatch.setattr(int8, "has_one_dnn", lambda: False)
    slow, expected = seen(narrow, given)
    assert all(torch.equal(slow[n], x) for n, x in spikes.items())
    assert torch.equal(output.logits, expected.logits)

    with torch.no_grad():  # plain layers whose weights are the rounded ones
        for n, part in rounded.items():
            plain = model.get_submodule(n)
            plain.weight.copy_(
                (part.whole.float().flatten(1) * part.scale[:, None] * part.per_unit).view_as(plain.weight)
            )
    plain, expected = seen(model, given)
    assert all(torch.equal(plain[n], x) for n, x in spikes.items())
    assert torch.allclose(output.logits, expected.logits, atol=1e-5)


def test_a_network_that_sends_numbers_is_refused(tmp_path):
    model = run_of(tmp_path, small("late-fusion", neuron=NeuronSettings(kind="relu"))).model
    with pytest.raises(ColliculusError, match="this network has none: use fp32"):
        in_precision(model, "int8")
    with pytest.raises(ColliculusError, match="unknown precision 'int9': did you mean 'int8'"):
        in_precision(model, "int9")


def test_bf16_shares_the_weights_and_widens_its_outputs(run):
    model = run.model
    narrow = in_precision(model, "bf16")
    batch = run.data.test.batch(torch.arange(4).numpy(), epoch=0).inputs
    convolution = {"conv": narrow.encoders["audio"].stages[1].conv}
    with inference_mode(narrow), recorded(convolution, lambda _, x: x.dtype) as types:
        output = narrow(batch)
    assert types == [torch.bfloat16]
    assert output.logits.dtype == output.step_logits.dtype == torch.float32
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        expected = model(batch).logits
    with inference_mode(model), recorded(convolution, lambda _, x: x.dtype) as types:
        wide = model(batch).logits
    assert types == [torch.float32]
    assert torch.equal(output.logits, expected)
    assert not torch.equal(output.logits, wide)
    assert torch.equal(outputs_by_step(narrow, batch, run.time_steps)[-1].logits, output.logits)


def test_a_run_is_measured_in_a_precision_and_its_own_files_stay(run, tmp_path):
    wide = evaluate(run)
    assert (wide.precision, (run.folder / "predictions.csv").is_file()) == ("fp32", True)
    kept = (run.folder / "predictions.csv").read_bytes()
    for precision in ("int8", "bf16"):
        found = evaluate(run.folder, precision=precision, device="cpu")
        assert found.precision == precision
        assert precision in str(found)
        assert (found.predictions.probabilities != wide.predictions.probabilities).any()
        direct = evaluate(in_precision(run.model, precision), run.data, device="cpu", batch_size=64)
        assert (direct.predictions.predicted == found.predictions.predicted).all()
        reopened = load(run, precision=precision)
        assert reopened.model.precision == precision
        assert evaluate(reopened).predictions.to_csv() == found.predictions.to_csv()
    assert (run.folder / "predictions.csv").read_bytes() == kept
    with pytest.raises(ColliculusError, match="open the run again for bf16"):
        evaluate(in_precision(run.model, "int8"), run.data, precision="bf16")


def test_robustness_in_another_precision_has_a_folder_of_its_own(run):
    settings = RobustnessSettings(blur=(1.0,))
    found = robustness(run, settings, only=("blur",), precision="int8")
    assert found.precision == "int8"
    assert found.clean == evaluate(run, precision="int8").metrics.accuracy
    assert (run.folder / "robustness-int8" / "result.json").is_file()
    assert not (run.folder / "robustness").exists()
    assert type(found).read(run.folder / "robustness-int8" / "result.json") == found


def test_a_file_with_weights_of_8_bits_is_smaller_and_answers_alike(run):
    wide = export(run, to=ToONNX(check=4))
    size = Path(wide.out).stat().st_size
    narrow = export(run, to=ToONNX(check=4, precision="int8"))
    assert wide.passed
    assert narrow.passed
    weights = sum(p.numel() for p in run.model.parameters())
    assert size - Path(narrow.out).stat().st_size > 2 * weights
    clips = run.experiment.data.export(run.folder.parent / "some", count=3)
    expected = Predictor(folder=run.folder, program="torch", precision="int8").predict(clips)
    found = Predictor(folder=run.folder, program="onnx", precision="int8").predict(clips)
    for ours, theirs in zip(found.predictions, expected.predictions, strict=True):
        assert ours.probabilities == pytest.approx(theirs.probabilities, abs=1e-5)
    with pytest.raises(ColliculusError, match="is not in fp32"):
        Predictor(folder=run.folder, program="onnx").predict(clips)
