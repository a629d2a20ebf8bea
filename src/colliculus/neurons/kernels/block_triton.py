"""Normalisation, neuron and max-pooling in one sweep, in Triton for CUDA; idea and arithmetic are those of block.c.

A program follows a tile of pixels and channels through all T steps, with the membranes in registers. For the backward
pass it stores what came from the convolution and, with a pooling, a byte for each window and step: the place that gets
its gradient. Sums over a channel are made tile by tile, and the tiles are added in one order, so that every run gives
the same digits. So far these kernels have run in Triton's interpreter only, on no card.
"""

from __future__ import annotations

import triton
import triton.language as tl

from colliculus.neurons.kernels.triton import after_reset, bump_of, through_time


@triton.jit
def _places(n, pixels: tl.constexpr):
    at = tl.program_id(0).to(tl.int64) * pixels + tl.arange(0, pixels)
    return at, at < n


@triton.jit
def _channels(count, channels: tl.constexpr):
    at = tl.program_id(1) * channels + tl.arange(0, channels)
    return at, at < count


@triton.jit
def _row(row, c, real):
    """One number for each channel of a tile, (1, channels)."""
    return tl.load(row + c, real, other=0).to(tl.float32)[None, :]


@triton.jit
def forward_kernel(
    values, scale, shift, spikes, membrane, n, count, area, size, of_pixel, of_channel, stride, step,
    steps: tl.constexpr, leak: tl.constexpr, threshold: tl.constexpr, soft: tl.constexpr, carries: tl.constexpr,
    pixels: tl.constexpr, channels: tl.constexpr,
):  # fmt: skip
    """Spikes of every pixel."""
    p, inside = _places(n, pixels)
    c, real = _channels(count, channels)
    at = ((p // area) * size + (p % area) * of_pixel)[:, None] + (c * of_channel)[None, :]
    there = inside[:, None] & real[None, :]
    a, b = _row(scale, c, real), _row(shift, c, real)
    v = tl.load(membrane + at, there, other=0) if carries else tl.zeros((pixels, channels), tl.float32)
    for t in range(steps):
        current = tl.load(values + t * stride + at, there, other=0).to(tl.float32) * a + b
        v = v + (current - v) * leak
        tl.store(spikes + t * step + at, (v >= threshold).to(tl.float32).to(spikes.dtype.element_ty), there)
        v = after_reset(v, threshold, soft)
    if carries:
        tl.store(membrane + at, v, there)


@triton.jit
def pooled_forward_kernel(
    values, scale, shift, spikes, places, membrane, after, n, count, height, width, rows, columns, of_pixel, of_channel,
    stride, to_pixel, to_channel, step,
    steps: tl.constexpr, leak: tl.constexpr, threshold: tl.constexpr, soft: tl.constexpr, carries: tl.constexpr,
    learns: tl.constexpr, pixels: tl.constexpr, channels: tl.constexpr,
):  # fmt: skip
    """Windows of 3 by 3, two apart, padded by one: each program integrates all places of its windows."""
    p, inside = _places(n, pixels)
    c, real = _channels(count, channels)
    image, q = p // (rows * columns), p % (rows * columns)
    k = tl.arange(0, 16)[:, None]
    i, j = 2 * (q // columns)[None, :] + k // 3 - 1, 2 * (q % columns)[None, :] + k % 3 - 1
    held = (k < 9) & (i >= 0) & (i < height) & (j >= 0) & (j < width) & inside[None, :]
    at = (image * height * width * count)[None, :] + (i * width + j) * of_pixel
    at = at[:, :, None] + (c * of_channel)[None, None, :]
    there = held[:, :, None] & real[None, None, :]
    number = tl.broadcast_to(k[:, :, None], (16, pixels, channels))
    edge = tl.min(tl.where(there, number, 16), axis=0)
    to = (image * rows * columns * count + q * to_pixel)[:, None] + (c * to_channel)[None, :]
    out = inside[:, None] & real[None, :]
    a, b = _row(scale, c, real)[None, :, :], _row(shift, c, real)[None, :, :]
    v = tl.load(membrane + at, there, other=0) if carries else tl.zeros((16, pixels, channels), tl.float32)
    for t in range(steps):
        current = tl.load(values + t * stride + at, there, other=0).to(tl.float32) * a + b
        v = v + (current - v) * leak
        first = tl.min(tl.where((v >= threshold) & there, number, 16), axis=0)
        tl.store(spikes + t * step + to, (first < 16).to(tl.float32).to(spikes.dtype.element_ty), out)
        if learns:  # the first place of the maximum, also where nothing fires
            tl.store(places + t * step + to, tl.where(first < 16, first, edge).to(tl.uint8), out)
        v = after_reset(v, threshold, soft)
    if carries:
        tl.store(after + at, v, there)


@triton.jit
def _unpooled(
    grads, places, base, i, j, c, there, rows, columns, to_pixel, to_channel, pixels: tl.constexpr,
    channels: tl.constexpr,
):  # fmt: skip
    """Gradient of the spikes of pixels (i, j), from those of their one to four windows whose place they are."""
    total = tl.zeros((pixels, channels), tl.float32)
    for down in tl.static_range(2):
        for across in tl.static_range(2):
            y, x = (i + down) // 2, (j + across) // 2
            mine = ((down == 0) | (i % 2 == 1)) & ((across == 0) | (j % 2 == 1)) & (y < rows) & (x < columns)
            to = (base + (y * columns + x) * to_pixel)[:, None] + (c * to_channel)[None, :]
            held = there & mine[:, None]
            place = tl.load(places + to, held, other=16).to(tl.int32)
            k = ((i - 2 * y + 1) * 3 + j - 2 * x + 1).to(tl.int32)
            grad = tl.load(grads + to, held, other=0).to(tl.float32)
            total += tl.where(place == k[:, None], grad, 0.0)
    return total


@triton.jit
def backward_kernel(
    values, scale, shift, mean, grads, places, out, sums, n, count, height, width, rows, columns, of_pixel, of_channel,
    stride, to_pixel, to_channel, step,
    steps: tl.constexpr, leak: tl.constexpr, threshold: tl.constexpr, soft: tl.constexpr, static: tl.constexpr,
    detach: tl.constexpr, through: tl.constexpr, pooled: tl.constexpr, surrogate: tl.constexpr, shape: tl.constexpr,
    pixels: tl.constexpr, channels: tl.constexpr,
):  # fmt: skip
    """Gradients of the currents, and each tile's sums of them and of them times (value - mean)."""
    p, inside = _places(n, pixels)
    c, real = _channels(count, channels)
    image, q = p // (height * width), p % (height * width)
    at = (image * height * width * count + q * of_pixel)[:, None] + (c * of_channel)[None, :]
    there = inside[:, None] & real[None, :]
    a, b, centre = _row(scale, c, real), _row(shift, c, real), _row(mean, c, real)
    v = tl.zeros((pixels, channels), tl.float32)
    membranes = ()
    for t in tl.static_range(steps):
        current = tl.load(values + t * stride + at, there, other=0).to(tl.float32) * a + b
        v = v + (current - v) * leak
        membranes = membranes + (v,)  # noqa: RUF005 (Triton knows neither form)
        v = after_reset(v, threshold, soft)
    later = tl.zeros((pixels, channels), tl.float32)
    total = tl.zeros((pixels, channels), tl.float32)
    product = tl.zeros((pixels, channels), tl.float32)
    shared = tl.zeros((pixels, channels), tl.float32)
    base = image * rows * columns * count
    for t in tl.static_range(steps - 1, -1, -1):
        if pooled:
            i, j = q // width, q % width
            grad = _unpooled(
                grads + t * step, places + t * step, base, i, j, c, there, rows, columns, to_pixel, to_channel, pixels,
                channels,
            )  # fmt: skip
        else:
            grad = tl.load(grads + t * step + at, there, other=0).to(tl.float32)
        v = membranes[t]
        bump = bump_of(v - threshold, shape, surrogate)
        d = grad * bump
        if through:
            d, later = through_time(d, later, v, bump, leak, threshold, soft, detach, tl.float32)
        d = d * leak
        if static:
            shared += d
        else:
            tl.store(out + t * stride + at, d.to(out.dtype.element_ty), there)
            total += d
            product += d * (tl.load(values + t * stride + at, there, other=0).to(tl.float32) - centre)
    if static:
        tl.store(out + at, shared.to(out.dtype.element_ty), there)
        total = shared
        product = shared * (tl.load(values + at, there, other=0).to(tl.float32) - centre)
    row = sums + tl.program_id(0).to(tl.int64) * 2 * count + c
    tl.store(row, tl.sum(tl.where(there, total, 0.0), axis=0), real)
    tl.store(row + count, tl.sum(tl.where(there, product, 0.0), axis=0), real)


@triton.jit
def moments_kernel(
    values, pivot, sums, n, count, area, size, of_pixel, of_channel,
    tiles: tl.constexpr, pixels: tl.constexpr, channels: tl.constexpr,
):  # fmt: skip
    """Sums of (value - pivot) and of its square, over `tiles` tiles of a program."""
    c, real = _channels(count, channels)
    centre = _row(pivot, c, real)
    total = tl.zeros((pixels, channels), tl.float32)
    square = tl.zeros((pixels, channels), tl.float32)
    for tile in range(tiles):
        p = (tl.program_id(0).to(tl.int64) * tiles + tile) * pixels + tl.arange(0, pixels)
        at = ((p // area) * size + (p % area) * of_pixel)[:, None] + (c * of_channel)[None, :]
        there = (p < n)[:, None] & real[None, :]
        x = tl.where(there, tl.load(values + at, there, other=0).to(tl.float32) - centre, 0.0)
        total += x
        square += x * x
    row = sums + tl.program_id(0).to(tl.int64) * 2 * count + c
    tl.store(row, tl.sum(total, axis=0), real)
    tl.store(row + count, tl.sum(square, axis=0), real)


@triton.jit
def through_norm_kernel(
    values, grads, of_grad, of_value, constant, n, count, area, size, of_pixel, of_channel,
    pixels: tl.constexpr, channels: tl.constexpr,
):  # fmt: skip
    """grad <- grad * of_grad + value * of_value + constant."""
    p, inside = _places(n, pixels)
    c, real = _channels(count, channels)
    at = ((p // area) * size + (p % area) * of_pixel)[:, None] + (c * of_channel)[None, :]
    there = inside[:, None] & real[None, :]
    x = tl.load(values + at, there, other=0).to(tl.float32)
    grad = tl.load(grads + at, there, other=0).to(tl.float32)
    mixed = grad * _row(of_grad, c, real) + x * _row(of_value, c, real)
    mixed += _row(constant, c, real)
    tl.store(grads + at, mixed.to(grads.dtype.element_ty), there)
