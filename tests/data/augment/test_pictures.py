from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from colliculus.data.augment.boxes import boxes, drawn_boxes, fill_boxes
from colliculus.data.augment.draws import Draws
from colliculus.data.augment.images import (
    ColourJitter,
    Flip,
    ImageAugment,
    RandomErasing,
    RandomResizedCrop,
    jitter,
    resized_crop,
)
from colliculus.types import ColliculusError

DTYPES = [np.uint8, np.float32]
EVERYTHING = ImageAugment(
    crop=RandomResizedCrop(probability=0.7),
    flip=Flip(probability=0.5),
    colour=ColourJitter(brightness=0.4, contrast=0.4, saturation=0.4),
    erase=RandomErasing(probability=0.5),
)
SHAPES = st.one_of(
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
    st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
)


def slow_stretch(picture, height, width):
    """Bilinear, pixel centres keep their place: one pixel at a time, for one that is enlarged."""
    old_height, old_width = picture.shape
    out = np.empty((height, width))
    for i in range(height):
        for j in range(width):
            y = min(max((i + 0.5) * old_height / height - 0.5, 0), old_height - 1)
            x = min(max((j + 0.5) * old_width / width - 0.5, 0), old_width - 1)
            y0, x0 = int(y), int(x)
            y1, x1 = min(y0 + 1, old_height - 1), min(x0 + 1, old_width - 1)
            top = picture[y0, x0] * (1 - (x - x0)) + picture[y0, x1] * (x - x0)
            low = picture[y1, x0] * (1 - (x - x0)) + picture[y1, x1] * (x - x0)
            out[i, j] = top * (1 - (y - y0)) + low * (y - y0)
    return out


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    area=st.floats(1e-3, 1),
    ratio=st.floats(0.1, 10),
    place=st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)),
)
def test_boxes_lie_within_the_picture(size, area, ratio, place) -> None:
    ((top, left, height, width),) = boxes(size, np.array([area]), np.array([ratio]), np.array([place])).tolist()
    assert min(height, width) >= 1
    assert min(top, left) >= 0
    assert top + height <= size[0]
    assert left + width <= size[1]


def test_boxes_have_the_area_and_reach_every_place() -> None:
    found = drawn_boxes("x", Draws.of(0, 0, np.arange(3000)), (7, 64, 48), (0.2, 0.6), (0.5, 2.0))
    shares = found[:, 2] * found[:, 3] / (64 * 48)
    assert shares.mean() == pytest.approx(0.4, abs=0.01)
    assert shares.min() > 0.17
    assert shares.max() < 0.63
    ratios = (found[:, 3] / 48) / (found[:, 2] / 64)
    assert np.log(ratios).mean() == pytest.approx(0, abs=0.02)
    assert (found[:, 0] == 0).any()
    assert (found[:, 0] + found[:, 2] == 64).any()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_crop_equals_a_slow_loop_in_all_frames(values, dtype) -> None:
    clips = values((3, 2, 3, 8, 10), dtype)
    found = np.array([[1, 2, 4, 5], [0, 0, 8, 10], [3, 3, 1, 2]])
    got = resized_crop(clips, found, np.array([True, True, True]))
    for b, (top, left, height, width) in enumerate(found):
        for t in range(2):
            for c in range(3):
                part = clips[b, t, c, top : top + height, left : left + width].astype(float)
                expected = slow_stretch(part, 8, 10)
                assert np.abs(got[b, t, c] - expected).max() <= (1 if dtype == np.uint8 else 1e-4)
    assert np.array_equal(got[1], clips[1])
    assert got.dtype == dtype


def test_what_is_not_chosen_stays_and_the_given_array_too(values) -> None:
    clips = values((3, 3, 8, 8))
    before = clips.copy()
    got = resized_crop(clips, np.array([[0, 0, 2, 2]] * 3), np.array([True, False, True]))
    assert np.array_equal(clips, before)
    assert np.array_equal(got[1], clips[1])
    assert not np.array_equal(got[0], clips[0])


def test_a_flip_equals_a_loop(values, draws) -> None:
    clips, chosen = values((9, 2, 3, 4, 5)), draws(9).happens("flip", 0.5)
    assert 0 < chosen.sum() < 9
    got = Flip(probability=0.5)(clips, draws(9))
    for b, w in np.ndindex(9, 5):
        assert np.array_equal(got[b, ..., w], clips[b, ..., 4 - w if chosen[b] else w])


def slow_jitter(clip, b, c, s):
    """One pixel at a time, in the order of the definition; (T, 3, H, W)."""
    x = b * clip.astype(float)
    luma = 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2]
    x = c * x + (1 - c) * luma.mean()
    out = np.empty_like(x)
    for t, i, j in np.ndindex(*x[:, 0].shape):
        grey = 0.299 * x[t, 0, i, j] + 0.587 * x[t, 1, i, j] + 0.114 * x[t, 2, i, j]
        out[t, :, i, j] = s * x[t, :, i, j] + (1 - s) * grey
    return np.clip(out, 0, 255)


@pytest.mark.parametrize("dtype", DTYPES)
def test_colour_jitter_equals_a_slow_loop(values, dtype) -> None:
    clips = values((3, 2, 3, 4, 5)).astype(dtype)
    factors = np.array([[1.3, 0.6, 1.4], [0.7, 1.4, 0.2], [1, 1, 1]])
    got = jitter(clips, factors)
    for clip, factor, found in zip(clips, factors, got, strict=True):
        assert np.abs(found - slow_jitter(clip, *factor)).max() <= (0.51 if dtype == np.uint8 else 1e-3)
    assert got.dtype == dtype
    assert np.array_equal(got[2], clips[2])


@pytest.mark.parametrize(
    ("enhancer", "place"), [(ImageEnhance.Brightness, 0), (ImageEnhance.Contrast, 1), (ImageEnhance.Color, 2)]
)
@pytest.mark.parametrize("factor", [0.4, 1.5])
def test_colour_jitter_is_what_pillow_does(values, enhancer, place, factor) -> None:
    picture = values((1, 3, 16, 16))
    factors = np.ones((1, 3))
    factors[0, place] = factor
    image = enhancer(Image.fromarray(picture[0].transpose(1, 2, 0))).enhance(factor)
    # Pillow rounds the greys that it mixes with, and rounds down
    assert np.abs(np.asarray(image).transpose(2, 0, 1).astype(int) - jitter(picture, factors)[0]).max() <= 2


def test_grey_pictures_have_no_saturation(values) -> None:
    grey = values((2, 1, 4, 4))
    assert np.array_equal(jitter(grey, np.array([[1, 1, 0.2], [1, 1, 1.7]])), grey)


def test_filling_equals_a_slow_loop(values) -> None:
    clips = values((2, 2, 3, 5, 6))
    got = fill_boxes(
        clips, np.array([[1, 2, 3, 4], [0, 0, 5, 6]]), np.array([True, False]), np.array([7, 8, 9], np.uint8)
    )
    for t, c, i, j in np.ndindex(2, 3, 5, 6):
        inside = 1 <= i < 4 and 2 <= j < 6
        assert got[0, t, c, i, j] == ((7, 8, 9)[c] if inside else clips[0, t, c, i, j])
    assert np.array_equal(got[1], clips[1])


@given(shape=SHAPES, dtype=st.sampled_from([np.uint8, np.float32, np.float64, np.int16]), epoch=st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_shape_type_range_and_the_given_array_are_kept(shape, dtype, epoch) -> None:
    given_values = np.random.default_rng(epoch).integers(0, 256, shape).astype(dtype)
    before = given_values.copy()
    got = EVERYTHING(given_values, Draws.of(3, epoch, np.arange(shape[0])), np.full(shape[-3], 9, dtype))
    assert (got.shape, got.dtype) == (shape, given_values.dtype)
    assert got.min() >= 0
    assert got.max() <= 255
    assert np.array_equal(given_values, before)


def test_frames_of_a_clip_are_treated_alike(values, draws) -> None:
    still = np.repeat(values((6, 1, 3, 12, 12)), 4, axis=1)
    got = EVERYTHING(still, draws(6), np.zeros(3, np.uint8))
    assert not np.array_equal(got, still)
    for t in range(1, 4):
        assert np.array_equal(got[:, t], got[:, 0])


@pytest.mark.parametrize(
    "off",
    [
        ImageAugment(),
        ImageAugment(colour=ColourJitter(probability=0, brightness=1, contrast=1, saturation=1)),
        ImageAugment(crop=RandomResizedCrop(area=(0.1, 0.2)), erase=RandomErasing(area=(0.5, 0.6))),
    ],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_with_probability_0_nothing_changes(values, draws, off, dtype) -> None:
    pictures = values((4, 3, 8, 8), dtype)
    assert off(pictures, draws(4), np.zeros(3, dtype)) is pictures


@pytest.mark.parametrize("part", ["crop", "flip", "colour", "erase"])
def test_each_part_alone_changes_as_many_samples_as_it_should(values, draws, part) -> None:
    pictures = values((200, 3, 8, 8))
    alone = ImageAugment(**{part: replace(getattr(EVERYTHING, part), probability=0.4)})
    got = alone(pictures, draws(200), np.zeros(3, np.uint8))
    changed = (got != pictures).any(axis=(1, 2, 3)).mean()
    assert changed == pytest.approx(0.4, abs=0.12)
    again = alone(pictures, draws(200, epoch=1), np.zeros(3, np.uint8))
    assert not np.array_equal(again, got)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: RandomResizedCrop(probability=1.5), "`probability` of a crop is 1.5"),
        (lambda: RandomResizedCrop(area=(0.0, 1.0)), "`area` of a crop goes from 0.0 to 1.0"),
        (lambda: RandomResizedCrop(area=(0.9, 0.5)), "smaller number first"),
        (lambda: RandomResizedCrop(ratio=(-1.0, 1.0)), "`ratio` of a crop"),
        (lambda: Flip(probability=-0.1), "`probability` of a flip"),
        (lambda: ColourJitter(contrast=2.0), "`contrast` of the colour jitter is 2.0"),
        (lambda: RandomErasing(area=(0.1, 1.1)), "`area` of erasing"),
        (lambda: RandomErasing(probability=float("nan")), "`probability` of erasing is nan"),
    ],
)
def test_settings_out_of_range_are_refused(make, sentence) -> None:
    with pytest.raises(ColliculusError, match=sentence):
        make()
