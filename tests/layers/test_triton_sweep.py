"""The sweep in Triton, in its interpreter and without a card, against its parts, one after the other.

The interpreter must be switched on before the import, so all runs in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")

PROGRAM = """
import itertools, os, sys
sys.path[:0] = [{here!r}, {tests!r}]
import torch
from torch import nn
from test_norm_spike import POOL, fresh_norm, outcome, values
from colliculus.layers import norm_spike, one_sweep
from colliculus.layers.one_sweep import sweep_of
from colliculus.neurons import LIF, SURROGATES, Dynamics, carried
from colliculus.neurons.kernels import sweep_native, sweep_triton

def by(kernel):
    os.environ["COLLICULUS_KERNELS"] = kernel

def agree(x, norm, neuron, tolerance=2e-5, **how):
    by("triton")
    assert sweep_of(x, norm, neuron, how["pool"], steps=how["steps"]).kernel is sweep_triton.KERNEL
    ours = outcome(x, norm, neuron, **how)
    by("plain")
    parts = outcome(x, norm, neuron, **how)
    assert torch.equal(ours[0], parts[0])
    assert ours[1].stride() == parts[1].stride() or 1 in x.shape
    for mine, theirs in zip(ours[1:], parts[1:]):
        torch.testing.assert_close(mine, theirs, rtol=2e-4, atol=tolerance * max(1.0, theirs.abs().max().item()))
    return ours[0].sum().item()

{body}
"""

AGREES = """
shapes = [(2, 3, 5, 4), (3, 1, 7, 1), (1, 33, 1, 9), (1, 2, 1, 1), (1, 5, 2, 130)]
fired = 0
for number, (shape, last, pooled, static) in enumerate(itertools.product(shapes, *[(True, False)] * 3)):
    batch, channels, height, width = shape
    steps, training = (1, 2, 3)[number % 3], number % 5 > 0
    if shape == (1, 2, 1, 1):  # two values of a channel become 1 and -1, and their gradient has no digit right
        steps, training = 3, False
    x = values(batch if static else steps * batch, channels, height, width, seed=number)
    x = x if last else x.contiguous()
    dynamics = Dynamics(
        threshold=0.8, reset=("hard", "soft")[number % 2], detach_reset=number % 3 > 0,
        temporal_gradient=number % 7 > 0, surrogate=list(SURROGATES.values())[number % 4](),
    )
    norm, neuron = fresh_norm(channels, training=training), LIF(tau=1.7, dynamics=dynamics)
    fired += agree(x, norm, neuron, steps=steps, static=static, pool=POOL if pooled else None)
assert fired > 1000
"""

AS_IN_C = """
if sweep_native.library() is not None:
    for pooled, static in itertools.product((True, False), (True, False)):
        x, norm, neuron = values(2 if static else 8, 24, 9, 6), fresh_norm(24), LIF(tau=1.7)
        found = []
        for kernel in ("triton", "native"):
            by(kernel)
            found.append(outcome(x, norm, neuron, steps=4, static=static, pool=POOL if pooled else None))
        assert found[0][0].any() and torch.equal(found[0][0], found[1][0])
        for mine, theirs in zip(*found):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
"""

GOES_ON = """
for pooled, static, last, reset in itertools.product((True, False), (True, False), (True, False), ("hard", "soft")):
    x = values(3 if static else 12, 5, 7, 6)
    x = x if last else x.contiguous()
    norm, pool = fresh_norm(5, training=False), POOL if pooled else None
    neuron = LIF(tau=1.7, dynamics=Dynamics(threshold=0.8, reset=reset))

    def run(given, membranes, steps):
        with carried(neuron, membranes) as after:
            return norm_spike(given, norm, neuron, steps=steps, static=static, pool=pool), after[""]

    by("triton")
    whole, end = run(x, {{}}, 4)
    first, middle = run(x if static else x[:3], {{}}, 1)
    later, after = run(x if static else x[3:], {{"": middle}}, 3)
    assert whole.any() and torch.equal(torch.cat([first, later]), whole) and torch.equal(after, end)
    by("plain")
    expected, v = run(x, {{}}, 4)
    assert torch.equal(whole, expected)
    torch.testing.assert_close(end, v, rtol=1e-4, atol=1e-4)
"""

NARROW = """
for dtype, pooled in itertools.product((torch.bfloat16, torch.float16), (True, False)):
    x, norm, neuron = values(6, 8, 9, 7).to(dtype), fresh_norm(8), LIF()
    by("triton")
    how = dict(steps=3, static=False, pool=POOL if pooled else None)
    narrow, wide = outcome(x, norm, neuron, **how), outcome(x.float(), norm, neuron, **how)
    assert narrow[0].dtype == narrow[1].dtype == dtype
    assert narrow[0].any() and torch.equal(narrow[0].float(), wide[0])
    torch.testing.assert_close(narrow[1].float(), wide[1], rtol=0.02, atol=0.02 * wide[1].abs().max().item())
    torch.testing.assert_close(narrow[5], wide[5])
"""

REFUSED = """
by("triton")
x, norm, neuron = values(4, 8, 6, 6), fresh_norm(8), LIF()
assert sweep_of(x, norm, neuron, POOL, steps=2).kernel is sweep_triton.KERNEL
assert sweep_of(x.double(), norm, neuron, POOL, steps=2) is None
assert sweep_of(x[:, :, ::2], norm, neuron, POOL, steps=2) is None  # neither layout
assert sweep_of(values(17, 8, 2, 2), norm, neuron, POOL, steps=17) is None  # more steps than registers hold
assert sweep_of(x, norm, neuron, nn.MaxPool2d(2), steps=2) is None
assert agree(values(17, 8, 4, 4).bfloat16().float(), norm, neuron, steps=1, static=False, pool=None)
"""

DETERMINED = """
by("triton")
x = torch.randn(4096, 2, 3, 3, generator=torch.Generator().manual_seed(0)) * 100 + 1000  # sums whose order shows
kernel = sweep_triton.KERNEL
first = kernel.moments(x)
assert all(torch.equal(kernel.moments(x), first) for _ in range(2))
mean, var = one_sweep.moments(x, kernel)
torch.testing.assert_close(mean, x.double().mean((0, 2, 3)), rtol=1e-7, atol=0)
torch.testing.assert_close(var, x.double().var((0, 2, 3), correction=0), rtol=1e-6, atol=0)
"""


@pytest.mark.parametrize("body", [AGREES, AS_IN_C, GOES_ON, NARROW, REFUSED, DETERMINED])
def test_in_the_interpreter(body: str) -> None:
    here = Path(__file__).parent
    program = PROGRAM.format(here=str(here), tests=str(here.parent), body=body.replace("{{", "{").replace("}}", "}"))
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


COMPILED = """
import re
import triton
import triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from colliculus.neurons.kernels import block_triton as kernels
NEURON = {"steps": 4, "leak": 0.5, "threshold": 1.0, "soft": False}
BACK = {"static": False, "detach": True, "through": True, "surrogate": 0, "shape": 4.0}
def compiled(kernel, pixels, channels, **constants):
    constants |= {"pixels": pixels, "channels": channels}
    floats = {"values", "scale", "shift", "mean", "spikes", "membrane", "after", "grads", "out", "sums", "pivot",
              "of_grad", "of_value", "constant"}
    kind = lambda name: "*fp32" if name in floats else "*u8" if name == "places" else "i32"
    types = {name: "constexpr" if name in constants else kind(name) for name in kernel.arg_names}
    source = ASTSource(kernel, types, {(kernel.arg_names.index(name),): value for name, value in constants.items()})
    done = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4})
    assert not re.findall(r"[.]local|\\b(?:atom|red)[.]", done.asm["ptx"])
    return [len(re.findall(what, done.asm["ptx"])) for what in ("ld.global", "st.global")]
for pixels, channels in ((512, 1), (16, 32)):
    each = 4  # numbers of a tile for each of 128 threads
    loads, stores = compiled(kernels.backward_kernel, pixels, channels, pooled=False, **NEURON, **BACK)
    assert stores <= 4 * each + 2, stores
    compiled(kernels.backward_kernel, pixels, channels, pooled=True, **NEURON, **BACK)
    compiled(kernels.forward_kernel, pixels, channels, carries=True, **NEURON)
    windows = {"carries": True, "learns": True} | NEURON
    compiled(kernels.pooled_forward_kernel, 64 // channels, channels, **windows)
    compiled(kernels.moments_kernel, pixels, channels, tiles=8)
    compiled(kernels.through_norm_kernel, pixels, channels)
"""


def test_the_kernels_compile_without_atomics_and_without_memory_for_membranes() -> None:
    """Compiled for a card that need not be there: nothing is kept in local memory, no sum is atomic."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILED], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
