from __future__ import annotations

import torch

from colliculus.neurons.kernels.layout import empty_steps, laid_out_as, rows, time_first


def test_dense_steps_stay_where_they_are() -> None:
    x = torch.randn(3, 2, 4, 5, 6)
    last = x.movedim(2, -1).contiguous().movedim(-1, 2)
    assert time_first(x) is x
    assert time_first(last) is last
    assert time_first(last[1:]).data_ptr() == last[1:].data_ptr()


def test_others_are_copied_and_keep_the_order_within_a_step() -> None:
    inside = torch.randn(2, 4, 5, 6, 3).permute(4, 0, 3, 1, 2)  # (T, B, C, H, W), time innermost, then channels
    dense = time_first(inside)
    assert torch.equal(dense, inside)
    assert dense.stride() == (2 * 6 * 4 * 5, 6 * 4 * 5, 1, 5 * 6, 6)
    assert torch.equal(rows(dense), inside.permute(0, 1, 3, 4, 2).reshape(3, -1))


def test_more_steps_and_gradients_are_laid_out_alike() -> None:
    x = torch.randn(1, 2, 4, 5, 6).movedim(2, -1).contiguous().movedim(-1, 2)
    room = empty_steps(x, 7)
    assert room.shape == (7, 2, 4, 5, 6)
    assert room[0].stride() == x[0].stride()
    assert time_first(room) is room
    gradient = torch.ones(()).expand(7, 2, 4, 5, 6)
    assert laid_out_as(gradient, room).stride() == room.stride()
    assert laid_out_as(room, room) is room
