from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch.nn import functional as F

from ioebss import resampling
from ioebss.windows import Window


def area_weights(length: int, out: int) -> np.ndarray:
    """How much of each source pixel lies in each target pixel: the definition, cell by cell."""
    weights = np.zeros((out, length))
    scale = length / out
    for i in range(out):
        for j in range(length):
            overlap = min((i + 1) * scale, j + 1) - max(i * scale, j)
            weights[i, j] = max(0, overlap) / scale
    return weights


@settings(max_examples=40)
@given(st.integers(9, 60), st.integers(9, 60), st.integers(1, 9), st.integers(1, 9))
def test_shrinking_is_the_mean_of_the_covered_area(h: int, w: int, oh: int, ow: int) -> None:
    photo = np.random.default_rng(h * 61 + w).integers(0, 256, (h, w, 3), np.uint8)
    expected = np.einsum(
        "ij,jkc,lk->cil", area_weights(h, oh), photo.astype(float), area_weights(w, ow)
    )
    actual = resampling.photo_to_network(photo, oh, ow)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, atol=1e-3)


@settings(max_examples=20)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(20, 50), st.integers(20, 50))
def test_growing_is_bilinear_as_in_torch(h: int, w: int, oh: int, ow: int) -> None:
    photo = np.random.default_rng(h * 61 + w).integers(0, 256, (h, w, 3), np.uint8)
    tensor = torch.from_numpy(photo).permute(2, 0, 1)[None].float()
    expected = F.interpolate(tensor, (oh, ow), mode="bilinear", align_corners=False)[0]
    actual = resampling.photo_to_network(photo, oh, ow)
    np.testing.assert_allclose(actual, expected.numpy(), atol=1e-3)


def test_strips_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (301, 403, 3), np.uint8)
    whole = resampling.photo_to_network(photo, 48, 64)
    monkeypatch.setattr(resampling, "STRIP_PIXELS", 403 * 7)
    np.testing.assert_array_equal(resampling.photo_to_network(photo, 48, 64), whole)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    x0, y0 = draw(st.integers(0, 60)), draw(st.integers(0, 60))
    return Window(x0, y0, x0 + draw(st.integers(1, 60)), y0 + draw(st.integers(1, 60)))


@settings(max_examples=60)
@given(windows(), windows(), *[st.integers(1, 24)] * 4)
def test_values_move_to_another_window(
    source: Window, target: Window, h: int, w: int, oh: int, ow: int
) -> None:
    """Against SciPy's bilinear sampling, edges repeated, at the pixel centres."""
    values = np.random.default_rng(h * 31 + w).random((h, w)).astype(np.float32)
    y = target.y0 + (np.arange(oh) + 0.5) * target.height / oh
    x = target.x0 + (np.arange(ow) + 0.5) * target.width / ow
    rows = (y - source.y0) * h / source.height - 0.5
    columns = (x - source.x0) * w / source.width - 0.5
    grid = np.meshgrid(rows, columns, indexing="ij")
    expected = ndimage.map_coordinates(values.astype(float), grid, order=1, mode="nearest")
    expected[(y < source.y0) | (y >= source.y1)] = 0
    expected[:, (x < source.x0) | (x >= source.x1)] = 0
    actual = resampling.moved(values, source, target, oh, ow)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_moving_to_the_same_window_changes_nothing() -> None:
    values = np.random.default_rng(0).random((13, 17)).astype(np.float32)
    window = Window(5, 9, 105, 88)
    actual = resampling.moved(values, window, window, 13, 17)
    np.testing.assert_allclose(actual, values, atol=1e-6)


def test_a_mask_becomes_coverage() -> None:
    mask = np.zeros((4, 4), bool)
    mask[:, :1] = True
    coverage = resampling.mask_to_network(mask, 2, 2)
    np.testing.assert_allclose(coverage, [[0.5, 0], [0.5, 0]])


def test_sigmoid_does_not_overflow() -> None:
    with np.errstate(all="raise"):
        values = resampling.sigmoid(np.array([-1e4, -1, 0, 1, 1e4], np.float32))
    expected = [0, 0.26894142, 0.5, 0.73105858, 1]
    np.testing.assert_allclose(values, expected, atol=1e-6)
