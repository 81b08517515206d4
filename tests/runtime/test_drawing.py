"""Colours and places of what is drawn into pictures of masks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from ioebss.clicks import Click
from ioebss.drawing import (
    CLICK_COLOURS,
    MASK_COLOUR,
    REFERENCE_COLOUR,
    blend,
    draw_clicks,
    draw_outline,
    fitted,
)
from ioebss.export.page_style import STYLE


@pytest.mark.parametrize(("scale", "place"), [(1.0, (30, 20)), (2.5, (76, 51)), (0.5, (15, 10))])
def test_a_click_is_drawn_where_its_pixel_is(scale: float, place: tuple[int, int]) -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    draw_clicks(picture, [Click(30, 20, 1)], scale)
    x, y = place  # the pixel that holds the middle of pixel (30, 20)
    assert tuple(picture[y, x]) == CLICK_COLOURS[1]
    assert picture[y, x + 5].min() > 150  # the rim, its edge smooth
    ys, xs = np.nonzero(picture.any(axis=2))
    assert abs(ys.mean() - y) < 0.1 and abs(xs.mean() - x) < 0.1


def test_an_outline_is_the_rim_of_the_mask_and_of_its_holes() -> None:
    mask = np.zeros((40, 50), bool)
    mask[5:35, 5:45] = True
    picture = np.zeros((40, 50, 3), np.uint8)
    draw_outline(picture, mask, REFERENCE_COLOUR)
    rim = mask & ~binary_erosion(mask, np.ones((3, 3)))
    assert np.array_equal((picture == REFERENCE_COLOUR).all(axis=2), rim)
    mask[15:20, 15:20] = False
    holed = np.zeros((40, 50, 3), np.uint8)
    draw_outline(holed, mask, REFERENCE_COLOUR)
    assert (holed == REFERENCE_COLOUR).all(axis=2)[14:21, 14:21].any()


def test_pixels_are_tinted_where_they_are_to_be() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    where = np.random.default_rng(1).random((20, 30)) < 0.5
    picture = photo.copy()
    blend(picture, where, MASK_COLOUR, 0.45)
    mixed = np.rint(photo * 0.55 + np.array(MASK_COLOUR) * 0.45)
    assert np.array_equal(picture, np.where(where[..., None], mixed, photo))


@pytest.mark.parametrize("side", [40, 80, 200])
def test_photo_and_masks_are_scaled_alike(side: int) -> None:
    photo = np.zeros((60, 80, 3), np.uint8)
    photo[:30] = 200
    masks = [photo[..., 0] > 0, np.zeros((60, 80), bool)]
    picture, scaled, scale = fitted(photo, masks, side)
    assert picture.shape == (side * 3 // 4, side, 3) and scale == side / 80
    assert np.array_equal(scaled[0], picture[..., 0] > 100) and not scaled[1].any()
    picture[:] = 1
    assert photo.max() == 200  # the photo itself is left alone


def test_the_page_of_a_proof_has_the_colours_of_its_pictures() -> None:
    for colour in (MASK_COLOUR, REFERENCE_COLOUR, *CLICK_COLOURS.values()):
        assert "#{:02x}{:02x}{:02x}".format(*colour) in STYLE.lower()
