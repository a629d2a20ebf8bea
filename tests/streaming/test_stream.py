"""A stream answers as the model does offline, to the last bit, whatever the model."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from active import assert_active, awake
from early_networks import CASES, SPEC, T, clips, given, made

from colliculus import TAAF, ColliculusError, DataSpec, LateFusion
from colliculus.evaluation.anytime import outputs_by_step
from colliculus.neurons.kernels import native
from colliculus.streaming.state import StreamState
from colliculus.streaming.stream import Stream

KERNELS = ["plain", "eager", *(["native"] if native.library() else [])]


def feed(stream, inputs, state=None, steps=T):
    """The outputs of a stream that gets its clips (B) frame by frame, as many as are due; and the states."""
    batch = next(iter(inputs.values())).shape[-4]
    state = stream.start(batch) if state is None else state
    places, outputs, states = dict.fromkeys(inputs, 0), [], []
    for step in range(steps):
        frames = {}
        for m, x in inputs.items():
            if m not in stream.model.spec.steps:
                frames |= {m: x} if step % stream.window == 0 else {}
                continue
            count = stream.due(m, state)
            if count:
                frames[m] = x[places[m] : places[m] + count]
            places[m] += count
        output, state = stream.step(frames, state)
        outputs.append(output)
        states.append(state)
    return outputs, states


def fields(output):
    found = {name: x for name, x in vars(output).items() if isinstance(x, torch.Tensor)}
    for name, values in vars(output).items():
        if isinstance(values, dict):
            found |= {f"{name}.{m}": x for m, x in values.items()}
    return found


def assert_same(found, expected):
    assert fields(found).keys() == fields(expected).keys()
    for name, x in fields(expected).items():
        assert torch.equal(fields(found)[name], x), name


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("case", CASES)
def test_the_answer_after_each_step_is_the_model_s_own(case, kernel, monkeypatch) -> None:
    monkeypatch.setenv("COLLICULUS_KERNELS", kernel)
    _, model = made(case)
    inputs = given(model, clips())
    offline = outputs_by_step(model, inputs, T)
    assert_active(offline[-1].logits, *(model.encoders[m](x) for m, x in model.coded(inputs).items()))
    outputs, _ = feed(Stream(model, T), inputs)
    assert not torch.equal(offline[0].logits, offline[-1].logits), "the steps must differ"
    for found, expected in zip(outputs, offline, strict=True):
        assert_same(found, expected)


@pytest.mark.parametrize("case", ["s-cmrl", "taaf", "misnet", "tectum", "poisson", "gate"])
@pytest.mark.parametrize("absent", [("audio",), ("visual",), ("audio", "touch")])
def test_a_modality_may_be_absent_from_a_whole_window(case, absent) -> None:
    _, model = made(case)
    inputs = {m: x for m, x in given(model, clips()).items() if m not in absent}
    outputs, _ = feed(Stream(model, T), inputs)
    for found, expected in zip(outputs, outputs_by_step(model, inputs, T), strict=True):
        assert_same(found, expected)


@pytest.mark.parametrize("case", ["s-cmrl", "tectum-first", "misnet", "cmqka", "late-fusion"])
def test_a_batch_is_its_clips(case) -> None:
    _, model = made(case)
    inputs = given(model, clips())
    together, _ = feed(Stream(model, T), inputs)
    for b in range(3):
        alone, _ = feed(Stream(model, T), {m: x[..., b : b + 1, :, :, :] for m, x in inputs.items()})
        for found, expected in zip(alone, together, strict=True):
            torch.testing.assert_close(found.logits, expected.logits[b : b + 1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", ["s-cmrl", "taaf", "misnet", "tectum, context", "poisson"])
def test_a_state_goes_through_a_file_in_the_middle_of_a_window(case, tmp_path) -> None:
    _, model = made(case)
    inputs = given(model, clips())
    stream = Stream(model, T)
    outputs, states = feed(stream, inputs)
    states[1].save(tmp_path / "state.safetensors")
    state = StreamState.load(tmp_path / "state.safetensors")
    assert (state.batch, state.step, state.windows[0].step) == (6, 2, 2)
    for step in (2, 3):
        frames = {
            m: x[sum(stream.frames.due(m, t) for t in range(step)) :][: stream.due(m, state)]
            for m, x in inputs.items()
            if m in SPEC.steps
        }
        output, state = stream.step(frames, state)
        assert_same(output, outputs[step])


@pytest.mark.parametrize("own", [1, 2, 3, 7])
@pytest.mark.parametrize("frames", [None, 2, 5])
def test_a_modality_may_have_fewer_or_more_steps_and_frames_than_the_model(own, frames) -> None:
    """In some steps nothing of it is new, and its membranes wait."""
    steps = {} if frames is None else {"visual": frames}
    spec = replace(PLAIN, steps=steps)
    torch.manual_seed(0)
    model = TAAF(dim=16, encoder="shallow", modality_steps={"visual": own}, alignment="interpolate").model(spec)
    generator = torch.Generator().manual_seed(1)
    lengths = {"audio": T, "visual": frames or own}
    inputs = {m: 3 * torch.randn(lengths[m], 6, c, 16, 16, generator=generator) for m, c in spec.channels.items()}
    awake(model, inputs)
    torch.nn.init.normal_(model.head.joint.weight)
    stream, places = Stream(model, T), dict.fromkeys(inputs, 0)
    state, offline = stream.start(6), outputs_by_step(model, inputs, T)
    assert_active(*(tokens for tokens in (model.encoders[m](x) for m, x in model.coded(inputs).items())))
    for expected in offline:
        due = {m: stream.due(m, state) for m in inputs}
        given_now = {m: x[places[m] : places[m] + due[m]] for m, x in inputs.items() if due[m]}
        places = {m: places[m] + due[m] for m in inputs}
        found, state = stream.step(given_now, state)
        assert_same(found, expected)
    assert places == lengths, "a window takes its clip whole"


def test_what_is_no_state_is_refused(tmp_path) -> None:
    with pytest.raises(ColliculusError, match="does not exist"):
        StreamState.load(tmp_path / "absent")
    (tmp_path / "x").write_bytes(b"x")
    with pytest.raises(ColliculusError, match="damaged"):
        StreamState.load(tmp_path / "x")
    with pytest.raises(ColliculusError, match="not the state of a stream"):
        StreamState.of({"weight": torch.ones(2)})


PLAIN = DataSpec(channels={"audio": 1, "visual": 2}, sizes=dict.fromkeys(("audio", "visual"), (16, 16)), num_classes=3)


def awake_model(spec=PLAIN, **settings):
    torch.manual_seed(0)
    method = LateFusion(dim=16, encoder="shallow", **settings)
    inputs = {m: torch.randn(4, 6, spec.channels[m], 16, 16) * 2 for m in spec.modalities}
    model = awake(method.model(spec), inputs)
    torch.nn.init.normal_(model.head.linear.weight)
    return model


def long(steps, batch=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {m: torch.randn(steps, batch, c, 16, 16, generator=generator) * 2 for m, c in PLAIN.channels.items()}


def run(stream, inputs):
    length = len(next(iter(inputs.values())))
    state, outputs, states = stream.start(2), [], []
    for step in range(length):
        output, state = stream.step({m: x[step] for m, x in inputs.items()}, state)
        outputs.append(output)
        states.append(state)
    return outputs, states


@pytest.mark.parametrize("window", [None, 3])
def test_windows_follow_each_other(window) -> None:
    model, inputs = awake_model(), long(8)
    outputs, _ = run(Stream(model, T, window=window), inputs)
    length = window or T
    for step, output in enumerate(outputs):
        start = step - step % length
        clip = {m: torch.cat([x, x[-1:].expand(3, *x.shape[1:])])[start : start + T] for m, x in inputs.items()}
        assert_same(output, outputs_by_step(model, clip, T)[step % length])


@pytest.mark.parametrize("stride", [1, 2])
def test_overlapping_windows_are_separate_streams(stride) -> None:
    model, inputs = awake_model(), long(9)
    outputs, states = run(Stream(model, T, stride=stride), inputs)
    for step, output in enumerate(outputs):
        start = max(0, -(-(step - T + 1) // stride) * stride)  # the oldest window that is not at its end
        alone, _ = run(Stream(model, T), {m: x[start:] for m, x in inputs.items()})
        assert_same(output, alone[step - start])
    assert len(states[-1].windows) <= T // stride


def test_a_modality_that_comes_late_is_refused_and_counts_from_the_next_window() -> None:
    model, inputs = awake_model(), long(8)
    stream = Stream(model, T)
    _, state = stream.step({"visual": inputs["visual"][0]}, stream.start(2))
    with pytest.raises(ColliculusError, match="audio came after the window began: it counts from the next one"):
        stream.step({m: x[1] for m, x in inputs.items()}, state)
    sliding, state = Stream(model, T, stride=1), stream.start(2)
    outputs = []
    for step in range(6):
        frames = {m: x[step] for m, x in inputs.items() if m == "visual" or step >= 2}
        output, state = sliding.step(frames, state)
        outputs.append(output)
    assert [[*output.evidence] for output in outputs] == [["visual"]] * 5 + [["audio", "visual"]]
    clip = {m: torch.cat([x[2:6]]) for m, x in inputs.items()}
    assert_same(outputs[5], outputs_by_step(model, clip, T)[3])


def test_a_modality_that_stands_still_is_given_once_and_may_move_later() -> None:
    model, inputs = awake_model(), long(4)
    stream = Stream(model, T)
    state, outputs = stream.start(2), []
    for step in range(T):
        frames = {"visual": inputs["visual"][step]} | ({"audio": inputs["audio"][step]} if step in (0, 3) else {})
        output, state = stream.step(frames, state)
        outputs.append(output)
    audio = inputs["audio"][[0, 0, 0, 3]]
    for found, expected in zip(outputs, outputs_by_step(model, {**inputs, "audio": audio}, T), strict=True):
        assert_same(found, expected)


def test_a_declared_modality_must_bring_what_is_due() -> None:
    model = awake_model(replace(PLAIN, steps={"visual": 4}))
    stream, x = Stream(model, T), long(4)["visual"]
    _, state = stream.step({"visual": x[0]}, stream.start(2))
    with pytest.raises(ColliculusError, match="visual brings 0 frames to step 2 of 4 of a window, and 1 are due"):
        stream.step({}, state)
    with pytest.raises(ColliculusError, match="visual brings 2 frames to step 2 of 4"):
        stream.step({"visual": x[1:3]}, state)


def test_a_model_that_sees_all_frames_at_once_has_one_answer_after_the_last() -> None:
    spec = replace(PLAIN, steps={"visual": 4})
    model = awake_model(spec, context=0, time_steps=1)
    stream, x = Stream(model, 1), long(4)["visual"]
    assert stream.due("visual", stream.start(2)) == 4
    output, _ = stream.step({"visual": x}, stream.start(2))
    assert_same(output, outputs_by_step(model, {"visual": x}, 1)[0])
    with pytest.raises(ColliculusError, match="visual brings 1 frames to step 1 of 1 of a window, and 4 are due"):
        stream.step({"visual": x[0]}, stream.start(2))
    with pytest.raises(ColliculusError, match="takes a window of 1 steps as a whole: leave out `carry`"):
        Stream(model, 1, carry=True)


@pytest.mark.parametrize("settings", [{}, {"stride": 1}, {"carry": True}])
def test_ten_thousand_steps_need_no_more_memory_than_a_few(settings) -> None:
    spec = DataSpec(channels={"audio": 1}, sizes={"audio": (4, 4)}, num_classes=3)
    model = LateFusion(dim=2, encoder="shallow").model(spec).eval()
    stream = Stream(model, T, **settings)
    state, sizes = stream.start(), []
    frame = torch.ones(1, 1, 4, 4)
    for step in range(10_000 if not settings else 1_000):
        _, state = stream.step({"audio": frame}, state)
        if step % T == 1 and step > T:
            sizes.append((len(state.tensors()), state.num_bytes))
    assert len(set(sizes)) == 1


def test_it_leaves_the_model_as_it_was() -> None:
    model = awake_model().train()
    before = {name: x.clone() for name, x in model.state_dict().items()}
    run(Stream(model, T), long(4))
    assert model.training
    assert all(torch.equal(x, before[name]) for name, x in model.state_dict().items())
