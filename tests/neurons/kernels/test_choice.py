from __future__ import annotations

import pytest
import torch

from colliculus import ColliculusError
from colliculus.neurons import ATan, Dynamics, Sigmoid, lif
from colliculus.neurons.kernels import choice, native
from colliculus.neurons.kernels.choice import KERNELS, VARIABLE, kernel_for


@pytest.fixture
def free(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    return monkeypatch


def chosen(currents=None, leak=0.5, dynamics=Dynamics()):
    kernel = kernel_for(torch.zeros(2, 3) if currents is None else currents, leak, dynamics)
    return next(name for name, known in KERNELS.items() if known is kernel)


class Own(Sigmoid):
    pass


def test_the_fastest_that_is_there_is_taken(free) -> None:
    assert chosen() == ("eager" if native.library() is None else "native")
    free.setattr(native, "library", lambda: None)
    assert chosen() == "eager"


@pytest.mark.skipif(native.library() is None, reason="no C compiler when the package was installed")
@pytest.mark.parametrize(
    ("call", "kernel"),
    [
        ({}, "native"),
        ({"currents": torch.zeros(2, 3, dtype=torch.bfloat16)}, "native"),
        ({"currents": torch.zeros(2, 3, dtype=torch.float16)}, "eager"),
        ({"currents": torch.zeros(2, 3, device="meta")}, "eager"),
        ({"currents": torch.nn.Parameter(torch.zeros(2, 3))}, "native"),
        ({"leak": torch.tensor(0.5)}, "native"),
        ({"leak": torch.full((3,), 0.5)}, "eager"),
        ({"dynamics": Dynamics(surrogate=ATan(3.0))}, "native"),
        ({"dynamics": Dynamics(surrogate=Own())}, "eager"),
    ],
)
def test_what_the_library_cannot_do_pytorch_does(free, call, kernel) -> None:
    assert chosen(**call) == kernel


@pytest.mark.parametrize("name", ["plain", "eager"])
def test_a_name_forces(name, free) -> None:
    free.setenv(VARIABLE, name)
    assert chosen() == name


def test_an_unknown_name_is_told_the_others(free) -> None:
    free.setenv(VARIABLE, "fast")
    with pytest.raises(ColliculusError, match="choose one of plain, eager, native, triton"):
        lif(torch.zeros(2, 3))


def test_what_is_forced_and_missing_says_why(free) -> None:
    free.setenv(VARIABLE, "native")
    free.setattr(native, "library", lambda: None)
    with pytest.raises(ColliculusError, match="no C compiler"):
        lif(torch.zeros(2, 3))


def test_a_triton_that_fails_is_not_used(free) -> None:
    def broken() -> None:
        raise RuntimeError("no driver")

    free.setattr(choice, "find_spec", lambda _: True)
    free.setattr(choice, "_triton_passes", broken)
    free.setenv("TRITON_INTERPRET", "1")
    choice._triton_missing.cache_clear()
    try:
        assert KERNELS["triton"].missing() == "Triton fails here: RuntimeError"
        assert chosen() in {"native", "eager"}
    finally:
        choice._triton_missing.cache_clear()


def test_a_forced_kernel_leaves_to_pytorch_what_it_cannot(free) -> None:
    if native.library() is None:
        pytest.skip("no C compiler when the package was installed")
    free.setenv(VARIABLE, "native")
    assert chosen(dynamics=Dynamics(surrogate=Own())) == "eager"


def test_a_library_of_other_text_is_not_used(free) -> None:
    class Stranger:
        def colliculus_size_of_call(self) -> int:
            return 1

    free.setattr(native.Path, "exists", lambda _: True)
    free.setattr(native.ctypes, "CDLL", lambda _: Stranger())
    native.library.cache_clear()
    try:
        assert native.library() is None
    finally:
        native.library.cache_clear()


def test_transformed_tensors_take_the_loop() -> None:
    x = torch.randn(5, 3, 4, dtype=torch.float64)
    together = torch.func.vmap(lif)(x)
    assert torch.equal(together, torch.stack([lif(sample) for sample in x]))
    slope = torch.func.grad(lambda currents: lif(currents).sum())(x[0])
    single = x[0].clone().requires_grad_()
    lif(single).sum().backward()
    torch.testing.assert_close(slope, single.grad, rtol=1e-12, atol=1e-14)


def test_shapes_are_found_without_numbers() -> None:
    assert lif(torch.zeros(4, 2, 3, device="meta")).shape == (4, 2, 3)
