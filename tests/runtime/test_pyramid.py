from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ioebss.pyramid import Pyramid
from ioebss.resampling import photo_to_network
from ioebss.windows import Window


def halved(image: np.ndarray) -> np.ndarray:
    """Means of 2x2 pixels in integers, halves up; odd sides repeat their last pixels."""
    image = np.pad(image, ((0, image.shape[0] % 2), (0, image.shape[1] % 2), (0, 0)), "edge")
    rows, columns = image.shape[0] // 2, image.shape[1] // 2
    sums = image.astype(int).reshape(rows, 2, columns, 2, 3).sum((1, 3))
    return ((sums + 2) >> 2).astype(np.uint8)


@settings(max_examples=60)
@given(st.integers(1, 300), st.integers(1, 300), st.data())
def test_a_view_is_made_from_the_smallest_level_that_suffices(
    height: int, width: int, data: st.DataObject
) -> None:
    photo = np.random.default_rng(height * 301 + width).integers(
        0, 256, (height, width, 3), np.uint8
    )
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    rows, columns = data.draw(st.integers(1, 40)), data.draw(st.integers(1, 40))
    level, image = 0, photo
    while (x1 - x0) // 2 ** (level + 1) >= columns and (y1 - y0) // 2 ** (level + 1) >= rows:
        level, image = level + 1, halved(image)
    step = 2**level
    top, left = y0 // step, x0 // step
    bottom, right = -(-y1 // step), -(-x1 // step)
    window, view = Pyramid(photo).view(Window(x0, y0, x1, y1), rows, columns)
    assert window == Window(left * step, top * step, right * step, bottom * step)
    expected = photo_to_network(image[top:bottom, left:right], rows, columns)
    np.testing.assert_array_equal(view, expected)


def test_a_large_photo_is_seen_as_by_averaging_it_at_once() -> None:
    """The levels' rounding costs half a grey value each at most."""
    photo = np.random.default_rng(0).integers(0, 256, (960, 1280, 3), np.uint8)
    photo[:480] //= 3
    _, view = Pyramid(photo).view(Window(0, 0, 1280, 960), 60, 80)
    assert np.abs(view - photo_to_network(photo, 60, 80)).max() <= 2
