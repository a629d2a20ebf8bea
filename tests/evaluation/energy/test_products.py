from __future__ import annotations

from itertools import product

import pytest
import torch
from torch.nn import functional

from colliculus.evaluation.energy.events import values_of
from colliculus.evaluation.energy.products import convolution, count_call, linear, matrix_product
from colliculus.types import ColliculusError


def sparse(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(shape, generator=generator) < 0.4).float()


def uses_by_loop(x, weight, *, stride, padding, dilation, groups):
    """Every multiplication of a convolution, one by one: those whose input lies inside and is not zero."""
    (height, width), (rows, columns) = x.shape[2:], weight.shape[2:]
    out_height = (height + 2 * padding[0] - dilation[0] * (rows - 1) - 1) // stride[0] + 1
    out_width = (width + 2 * padding[1] - dilation[1] * (columns - 1) - 1) // stride[1] + 1
    each = weight.shape[0] // groups
    found = 0
    for b, o, i, j in product(range(len(x)), range(weight.shape[0]), range(out_height), range(out_width)):
        for c, u, v in product(range(weight.shape[1]), range(rows), range(columns)):
            row = i * stride[0] - padding[0] + u * dilation[0]
            column = j * stride[1] - padding[1] + v * dilation[1]
            inside = 0 <= row < height and 0 <= column < width
            found += bool(inside and x[b, o // each * weight.shape[1] + c, row, column])
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"padding": (1, 1)},
        {"padding": (1, 2), "stride": (2, 1)},
        {"padding": (2, 2), "dilation": (2, 1), "stride": (1, 2)},
        {"padding": (1, 1), "groups": 2},
    ],
    ids=str,
)
def test_a_convolution_is_counted_as_by_a_slow_loop(settings):
    settings = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1} | settings
    x, weight = sparse(2, 4, 5, 6), torch.ones(6, 4 // settings["groups"], 3, 2)
    result = functional.conv2d(x, weight, **settings)
    found = convolution(result, {}, x, weight, None, **settings)
    assert found.uses == uses_by_loop(x, weight, **settings)
    assert found.dense_uses == uses_by_loop(torch.ones_like(x), weight, **settings)
    assert found.uses == result.sum()  # with ones for weights the result itself counts
    assert found.macs == result.numel() * weight[0].numel()
    assert (found.inputs, found.events) == (x.numel(), x.sum())


def test_padding_by_name_and_one_axis():
    x, weight = sparse(1, 2, 7), torch.ones(3, 2, 5)
    result = functional.conv1d(x, weight, padding="same")
    assert convolution(result, {}, x, weight, padding="same").uses == result.sum()


def test_a_linear_map_uses_an_event_once_for_every_output():
    x, weight = sparse(4, 3, 5), torch.ones(7, 5)
    found = linear(x @ weight.T, {}, x, weight)
    assert found.uses == 7 * x.sum() == (x @ weight.T).sum()
    assert (found.dense_uses, found.macs, found.stored) == (4 * 3 * 5 * 7, 4 * 3 * 5 * 7, 35)


def test_two_operands_from_the_data_count_where_both_are_not_zero():
    left, right = sparse(2, 3, 4, 5), 0.5 * sparse(2, 3, 5, 6, seed=1)
    found = matrix_product(left @ right, {}, left, right)
    by_loop = sum(
        bool(left[a, b, i, d] and right[a, b, d, j])
        for a, b, i, d, j in product(range(2), range(3), range(4), range(5), range(6))
    )
    assert found.uses == by_loop
    assert (found.values, found.events, found.stored) == ("spikes", left.sum(), right.numel())
    swapped = matrix_product(right.mT @ left.mT, {}, right.mT, left.mT)
    assert (swapped.uses, swapped.values, swapped.events) == (by_loop, "spikes", left.sum())


def test_a_matrix_of_the_layers_own_is_a_weight():
    matrix, stream = torch.ones(4, 6), sparse(6, 10)
    found = matrix_product(matrix @ stream, {id(matrix): "layer"}, matrix, stream)
    assert (found.uses, found.weight_shape, found.name) == (4 * stream.sum(), (4, 6), "layer")
    found = matrix_product(stream.T @ matrix.T, {id(matrix): "layer"}, stream.T, matrix)
    assert found.name == "layer"


@pytest.mark.parametrize(
    ("x", "values"),
    [([0, 0], "spikes"), ([1, 0], "spikes"), ([3, 1], "counts"), ([-1, 0], "numbers"), ([0.25, 1], "numbers")],
)
def test_what_a_tensor_holds(x, values):
    assert values_of(torch.tensor(x, dtype=torch.float32)) == values


def test_a_product_that_is_not_counted_is_refused_and_other_calls_pass():
    x = torch.ones(2, 2)
    with pytest.raises(ColliculusError, match="einsum"):
        count_call(torch.einsum, x, {}, ("ij,jk->ik", x, x), {})
    assert count_call(torch.add, x, {}, (x, x), {}) is None
