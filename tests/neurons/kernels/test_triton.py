"""The Triton kernels in Triton's interpreter, which must be switched on before the import: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROGRAM = """
import itertools, sys
sys.path.insert(0, {here!r})
import torch
from conftest import Call, assert_agree
from colliculus.neurons import SURROGATES, Dynamics, GradedDynamics, graded, lif
from colliculus.neurons.kernels.choice import KERNELS
for number, (reset, detach, through) in enumerate(itertools.product(("hard", "soft"), (True, False), (True, False))):
    surrogate = list(SURROGATES.values())[number % 4]()
    dynamics = Dynamics(threshold=0.7, reset=reset, detach_reset=detach, temporal_gradient=through, surrogate=surrogate)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        for static, leak in ((False, 0.3), (True, torch.tensor(0.3, dtype=dtype))):
            call = Call(shape=(2, 301), steps=3, static=static, leak=leak, dynamics=dynamics, dtype=dtype)
            assert_agree(call, "triton", tolerance)
    x = torch.randn(3, 600).bfloat16()
    assert torch.equal(lif(x, 0.3, dynamics), lif(x.float(), 0.3, dynamics).bfloat16())
for detach, through in itertools.product((True, False), (True, False)):
    dynamics = GradedDynamics(levels=3, step=0.3, detach_reset=detach, temporal_gradient=through)
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        for static, steps in ((False, 3), (True, 3), (False, 1)):
            call = Call(shape=(2, 301), steps=steps, static=static, leak=0.4, dynamics=dynamics, dtype=dtype)
            assert_agree(call, "triton", tolerance)
for dynamics in (Dynamics(threshold=0.7), GradedDynamics(levels=3, step=0.3)):  # more steps than registers hold
    for static in (False, True):
        call = Call(shape=(2, 301), steps=20, static=static, leak=0.3, dynamics=dynamics, dtype=torch.float64)
        assert_agree(call, "triton", 1e-12)
kinds = Dynamics(threshold=0.7), Dynamics(reset="soft"), GradedDynamics(levels=3)
for dynamics, static in itertools.product(kinds, (False, True)):
    x = torch.randn(1 if static else 5, 2, 301)
    run = KERNELS["triton"].run_from
    whole, end = run(x, None, 0.3, dynamics, 5)
    first, middle = run(x if static else x[:2], None, 0.3, dynamics, 2)
    last, after = run(x if static else x[2:], middle, 0.3, dynamics, 3)
    expected, v = KERNELS["plain"].run_from(x, None, 0.3, dynamics, 5)
    assert whole.count_nonzero() and torch.equal(whole, expected) and torch.equal(end, v)
    assert torch.equal(torch.cat([first, last]), whole) and torch.equal(after, end)
x = torch.randn(3, 600).bfloat16()  # with a step that bfloat16 holds: the interpreter cuts off the others' last digits
assert torch.equal(graded(x, 0.3), graded(x.float(), 0.3).bfloat16())
"""

COMPILED = """
import re
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from colliculus.neurons.kernels import graded_triton, triton as leaky
STEPS, EACH = 8, 512 // (4 * 32)
def compiled(kernel, constants):
    types = {name: "constexpr" if name in constants else "i32" if name in ("n", "stride") else "*fp32"
             for name in kernel.arg_names}
    source = ASTSource(kernel, types, {(kernel.arg_names.index(name),): value for name, value in constants.items()})
    done = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4})
    return [len(re.findall(what, done.asm["ptx"])) for what in ("ld.global", "st.global", "[.]local")]
common = {"steps": STEPS, "static": False, "detach": True, "wide": tl.float32, "columns": 512}
lif = {"fixed": 0.5, "threshold": 1.0, "soft": False, "wants_leak": False, "surrogate": 0, "shape": 4.0}
levels = {"decay": 0.5, "step": 0.3, "per_step": 1 / 0.3, "levels": 3}
for module, options in ((leaky, lif), (graded_triton, levels)):
    loads, stores, local = compiled(module._short_backward_kernel, common | options)
    assert (loads, stores, local) == (2 * STEPS * EACH, STEPS * EACH, 0), (loads, stores, local)
"""
"""Each program has 128 threads and 512 columns, four for each thread."""


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
def test_the_backward_pass_keeps_its_membranes_in_registers() -> None:
    """Compiled for a card that need not be there: currents and gradients are read once, one number is written."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILED], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
def test_it_agrees_with_the_loop() -> None:
    environment = os.environ | {"TRITON_INTERPRET": "1", "COLLICULUS_KERNELS": "triton"}
    program = PROGRAM.format(here=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
