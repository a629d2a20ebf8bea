from __future__ import annotations

import pytest
import torch
from torch import nn

from colliculus.runtime import Runtime, check_norm, choose_device
from colliculus.types import ColliculusError


@pytest.fixture
def runtime():
    return Runtime(device=torch.device("cpu"))


def pretend_gpus(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: number > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: number)


def test_auto_takes_cuda_where_present_else_the_cpu(monkeypatch):
    pretend_gpus(monkeypatch, 0)
    assert choose_device("auto") == torch.device("cpu")
    pretend_gpus(monkeypatch, 2)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda", 0)
    assert choose_device("auto", local_rank=1, world_size=2) == torch.device("cuda", 1)
    assert choose_device("cuda:1") == torch.device("cuda", 1)
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "", "cpu:0", "cuda:", "cuda:x", "CUDA", "auto:0"])
def test_an_unknown_device_is_named(monkeypatch, name):
    pretend_gpus(monkeypatch, 1)
    with pytest.raises(ColliculusError, match=f"unknown device '{name}'"):
        choose_device(name)


@pytest.mark.parametrize(
    ("gpus", "name", "world_size", "told"),
    [
        (0, "cuda", 1, "sees no CUDA GPU"),
        (0, "cuda:0", 1, "sees no CUDA GPU"),
        (1, "cuda:1", 1, "GPU number 1 was asked for and 1 are present"),
        (2, "cuda:0", 2, "one GPU and 2 processes"),
    ],
)
def test_a_device_that_is_not_there_is_told(monkeypatch, gpus, name, world_size, told):
    pretend_gpus(monkeypatch, gpus)
    with pytest.raises(ColliculusError, match=told):
        choose_device(name, world_size=world_size)


def test_one_process_is_its_own_world():
    with Runtime.start(device="cpu") as runtime:
        assert (runtime.rank, runtime.world_size, runtime.is_main) == (0, 1, True)
        assert runtime.device_name == "cpu"
        assert runtime.sum(torch.tensor([1, 2])).tolist() == [1, 2]
        assert runtime.main_first(lambda: "made once") == "made once"
        assert runtime.sample_weight(3) == 1.0
        runtime.barrier()


def test_a_sum_is_a_copy_outside_the_graph(runtime):
    value = torch.ones(2, requires_grad=True)
    total = runtime.sum(value)
    total.add_(1)
    assert value.tolist() == [1, 1]
    assert not total.requires_grad


def test_random_numbers_are_a_function_of_seed_epoch_and_rank(runtime):
    def draw(seed: int, epoch: int, rank: int = 0) -> float:
        Runtime(device=torch.device("cpu"), rank=rank).seed(seed, epoch)
        return torch.rand(1).item()

    keys = [(seed, epoch, rank) for seed in (0, 1) for epoch in (0, 1) for rank in (0, 1)]
    drawn = [draw(*key) for key in keys]
    assert len(set(drawn)) == len(keys)
    assert [draw(*key) for key in keys] == drawn


def test_bfloat16_is_for_the_forward_pass_alone(runtime):
    layer = nn.Linear(2, 2)
    with Runtime(device=torch.device("cpu"), precision="bf16").autocast():
        assert layer(torch.ones(1, 2)).dtype == torch.bfloat16
    with runtime.autocast():
        assert layer(torch.ones(1, 2)).dtype == torch.float32


def step(runtime: Runtime, gradient: list[float], clip_norm: float | None) -> tuple[float, list[float]]:
    model = nn.Linear(2, 1, bias=False)
    nn.init.zeros_(model.weight)
    model.weight.grad = torch.tensor([gradient])
    norm = runtime.clip_and_step(model, torch.optim.SGD(model.parameters(), lr=1.0), clip_norm)
    check_norm(norm)
    return norm.item(), model.weight.detach().flatten().tolist()


def test_gradients_are_scaled_to_the_norm_asked_for_and_no_less(runtime):
    assert step(runtime, [3.0, 4.0], None) == (5.0, [-3.0, -4.0])
    assert step(runtime, [3.0, 4.0], 10.0) == (5.0, [-3.0, -4.0])
    norm, weights = step(runtime, [3.0, 4.0], 1.0)
    assert norm == 5.0
    assert weights == pytest.approx([-0.6, -0.8], rel=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_gradients_that_are_not_finite_are_told(runtime, bad):
    with pytest.raises(ColliculusError, match="diverged"):
        step(runtime, [bad, 1.0], None)


@pytest.mark.parametrize("deterministic", [True, False])
def test_cudnn_keeps_to_algorithms_that_repeat_unless_told_otherwise(deterministic):
    with Runtime.start(device="cpu", deterministic=deterministic):
        assert torch.backends.cudnn.deterministic is deterministic
        assert torch.backends.cudnn.benchmark is not deterministic
    with Runtime.start(device="cpu"):
        assert torch.backends.cudnn.deterministic
