from __future__ import annotations

import base64
import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco

from ioebss.serving.masks import encode_mask, polygons

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


def blobs(seed: int) -> NDArray[np.bool_]:
    """Larger shapes with holes in holes."""
    rng = np.random.default_rng(seed)
    smooth = cv2.GaussianBlur(rng.normal(size=(90, 120)), (0, 0), 4)
    return np.asarray(np.abs(smooth) > 0.05)


def drawn(rings: list[list[list[int]]], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """What OpenCV fills by the even-odd rule."""
    canvas = np.zeros(shape, np.uint8)
    cv2.fillPoly(canvas, [np.array(ring, np.int32) for ring in rings], 1)
    return canvas.astype(bool)


@given(MASKS)
def test_png_as_pillow_reads_it(mask: NDArray[np.bool_]) -> None:
    encoded = encode_mask(mask, "png")
    assert encoded is not None and encoded["format"] == "png"
    picture = Image.open(io.BytesIO(base64.b64decode(encoded["data"])))
    assert picture.mode == "L"
    np.testing.assert_array_equal(np.asarray(picture), mask * np.uint8(255))


@given(MASKS)
def test_rle_as_coco_reads_it(mask: NDArray[np.bool_]) -> None:
    encoded = encode_mask(mask, "rle")
    assert encoded is not None and encoded["format"] == "rle"
    table = {"size": encoded["size"], "counts": encoded["counts"]}
    np.testing.assert_array_equal(coco.decode(table).astype(bool), mask)


@given(MASKS)
def test_polygons_filled_are_the_mask(mask: NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(drawn(polygons(mask), mask.shape), mask)


@given(st.integers(0, 1000))
def test_polygons_with_holes_filled_are_the_mask(seed: int) -> None:
    mask = blobs(seed)
    np.testing.assert_array_equal(drawn(polygons(mask), mask.shape), mask)


def test_a_square_by_hand() -> None:
    mask = np.zeros((5, 6), bool)
    mask[1:4, 2:5] = True
    assert [sorted(ring) for ring in polygons(mask)] == [[[2, 1], [2, 3], [4, 1], [4, 3]]]
    assert encode_mask(mask, "none") is None


@pytest.mark.parametrize("kind", ["png", "rle", "polygon"])
def test_a_mask_that_is_a_view(kind: str) -> None:
    """Not every mask lies in memory row after row."""
    mask = blobs(1)
    turned = np.asfortranarray(mask)
    assert encode_mask(turned, kind) == encode_mask(mask, kind)  # type: ignore[arg-type]
