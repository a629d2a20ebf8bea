"""Animated images and stacks of pages are sequences, by the times that they state and by their content."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from raw_trees import grey, write_video

from colliculus.media.notes import collected_notes
from colliculus.media.pictures import check_pictures, length_s, read_pictures
from colliculus.media.window import Window
from colliculus.types import ColliculusError

LEVELS = (10, 100, 200)


def levels(path, count=4, window=Window(), rate_hz=None):  # noqa: B008 - frozen
    return [round(frame.mean()) for frame in read_pictures(path, window, count=count, rate_hz=rate_hz)]


def write(path, durations_ms=(3000, 500, 500), **options):
    first, *others = (Image.new("L", (32, 24), level) for level in LEVELS)
    if path.suffix != ".tif":
        options["duration"] = list(durations_ms)
    if path.suffix == ".webp":
        options["lossless"] = True
    first.save(path, save_all=True, append_images=others, **options)


@pytest.mark.parametrize("suffix", [".webp", ".png", ".avif", ".gif"])
def test_the_times_that_are_stated_decide(tmp_path, suffix):
    """Shown at 0.5, 1.5, 2.5 and 3.5 s; by counting, the second would be the one of level 100."""
    path = tmp_path / f"a{suffix}"
    write(path)
    np.testing.assert_allclose(levels(path), [10, 10, 10, 200], atol=2)
    np.testing.assert_allclose(levels(path, 3, rate_hz=2.0, window=Window(2.5)), [10, 100, 200], atol=2)
    assert length_s(path) == pytest.approx(4.0)


def test_pages_of_a_tiff_are_frames(tmp_path):
    write(tmp_path / "stack.tif")
    assert levels(tmp_path / "stack.tif", 3) == list(LEVELS)
    assert length_s(tmp_path / "stack.tif") == pytest.approx(0.12)


def test_a_small_copy_in_a_tiff_is_no_page(tmp_path):
    pages = [Image.new("L", size, level) for size, level in (((32, 24), 10), ((16, 12), 100))]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    assert levels(tmp_path / "a.tif") == [10] * 4
    assert length_s(tmp_path / "a.tif") is None


def test_a_still_that_stands_for_an_animation_is_not_shown(tmp_path):
    write(tmp_path / "a.png", default_image=True, durations_ms=(1000, 1000))
    assert levels(tmp_path / "a.png", 2) == [100, 200]


def test_frames_that_state_no_time_last_a_tenth_of_a_second_as_in_browsers(tmp_path):
    write(tmp_path / "a.webp", durations_ms=(0, 0, 100))
    assert length_s(tmp_path / "a.webp") == pytest.approx(0.3)


def test_pages_of_numbers_have_one_scale(tmp_path):
    pages = [Image.fromarray(np.full((8, 8), top, np.uint16)) for top in (1000, 2000, 4000)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    with collected_notes() as notes:
        found = levels(tmp_path / "a.tif", 3)
    assert found == [round(255 * top / 4095) for top in (1000, 2000, 4000)]
    assert "divided by 4095" in notes["number-range"]


def test_the_content_decides_and_not_the_ending(tmp_path):
    write(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_allclose(levels(tmp_path / "a.jpg"), [10, 10, 10, 200], atol=2)
    write_video(tmp_path / "b.mp4", grey([20, 20, 120, 120], (16, 24)))
    (tmp_path / "b.mp4").rename(tmp_path / "b.png")
    np.testing.assert_allclose(levels(tmp_path / "b.png", 2), [20, 120], atol=6)
    Image.new("L", (8, 8), 77).save(tmp_path / "c.png")
    (tmp_path / "c.png").rename(tmp_path / "c.heic")
    assert levels(tmp_path / "c.heic", 2) == [77, 77]


@pytest.mark.parametrize("suffix", [".webp", ".png", ".mkv"])
def test_a_check_reads_to_the_end(tmp_path, suffix):
    """A file whose last part is cut off is damaged even if what is read at few moments is not."""
    path = tmp_path / f"a{suffix}"
    if suffix == ".mkv":
        write_video(path, np.random.default_rng(0).integers(0, 255, (40, 32, 48, 3), np.uint8))
    else:
        frames = [Image.fromarray(f) for f in np.random.default_rng(0).integers(0, 255, (8, 32, 48, 3), np.uint8)]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=100)
    with collected_notes() as notes:
        check_pictures(path)
    assert notes == {}
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 4 // 5])
    with collected_notes() as notes:
        try:
            check_pictures(path)
        except ColliculusError as error:
            notes["cut-short"] = str(error)
    assert path.name in notes["cut-short"]


def test_one_colour_is_noted(tmp_path):
    Image.new("RGB", (8, 8), (9, 9, 9)).save(tmp_path / "flat.png")
    Image.linear_gradient("L").save(tmp_path / "grey.png")
    for name, kinds in (("flat.png", ["constant"]), ("grey.png", [])):
        with collected_notes() as notes:
            read_pictures(tmp_path / name, Window(), count=1, rate_hz=None)
        assert list(notes) == kinds
