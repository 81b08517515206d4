from __future__ import annotations

import math
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, special
from torch.nn import functional as F

from ioebss import resampling
from ioebss.windows import Window


def weights_by_definition(length: int, out: int) -> list[list[Fraction]]:
    """How much each source pixel counts in each target pixel, in exact fractions: the share of the
    covered area where it shrinks, linear interpolation between pixel centres where it grows."""
    table = [[Fraction(0)] * length for _ in range(out)]
    scale = Fraction(length, out)
    for i, row in enumerate(table):
        if out < length:
            for j in range(length):
                overlap = min((i + 1) * scale, j + 1) - max(i * scale, j)
                row[j] = max(Fraction(0), overlap) / scale
        else:
            centre = min(max((i + Fraction(1, 2)) * scale - Fraction(1, 2), 0), length - 1)
            before = math.floor(centre)
            row[before] += 1 - (centre - before)
            row[min(before + 1, length - 1)] += centre - before
    return table


def rounded_once(value: Fraction) -> np.float32:
    """Numerator and denominator are small enough that dividing in float64 rounds correctly."""
    return np.float32(value.numerator / value.denominator)


sides = st.one_of(st.integers(1, 12), st.integers(1, 60))


@settings(max_examples=60)
@given(sides, sides, st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_a_photo_is_resized_exactly_and_rounded_once(
    h: int, w: int, oh: int, ow: int, little: bool
) -> None:
    """In every pixel the very float32 next to the exact result, whatever the strips."""
    photo = np.random.default_rng(h * 61 + w).integers(0, 256, (h, w, 3), np.uint8)
    rows, columns = weights_by_definition(h, oh), weights_by_definition(w, ow)
    with pytest.MonkeyPatch.context() as patch:
        if little:
            patch.setattr(resampling, "_STRIP", 1)
        actual = resampling.photo_to_network(photo, oh, ow)
    assert actual.dtype == np.float32 and actual.shape == (3, oh, ow)
    for y, x in {(0, 0), (oh - 1, ow - 1), (oh // 2, ow // 3), (oh // 3, ow // 2)}:
        for channel in range(3):
            exact = sum(
                (
                    a * b * int(photo[j, k, channel])
                    for j, a in enumerate(rows[y])
                    if a
                    for k, b in enumerate(columns[x])
                    if b
                ),
                Fraction(0),
            )
            assert actual[channel, y, x] == rounded_once(exact)


@settings(max_examples=20)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(20, 50), st.integers(20, 50))
def test_growing_is_bilinear_as_in_torch(h: int, w: int, oh: int, ow: int) -> None:
    photo = np.random.default_rng(h * 61 + w).integers(0, 256, (h, w, 3), np.uint8)
    tensor = torch.from_numpy(photo).permute(2, 0, 1)[None].float()
    expected = F.interpolate(tensor, (oh, ow), mode="bilinear", align_corners=False)[0]
    actual = resampling.photo_to_network(photo, oh, ow)
    np.testing.assert_allclose(actual, expected.numpy(), atol=1e-3)


@settings(max_examples=20)
@given(st.integers(9, 300), st.integers(9, 300), st.integers(1, 9), st.integers(1, 9))
def test_shrinking_is_area_resampling_as_in_opencv(h: int, w: int, oh: int, ow: int) -> None:
    photo = np.random.default_rng(h * 61 + w).integers(0, 256, (h, w, 3), np.uint8)
    expected = cv2.resize(photo.astype(np.float32), (ow, oh), interpolation=cv2.INTER_AREA)
    actual = resampling.photo_to_network(photo, oh, ow)
    np.testing.assert_allclose(actual, expected.transpose(2, 0, 1), atol=1e-3)


def test_a_photo_far_wider_than_high_stays_exact() -> None:
    """The sums exceed 31 bits here, and the columns come first."""
    photo = np.full((1, 3_000_001, 3), 255, np.uint8)
    photo[0, ::2] = 0
    actual = resampling.photo_to_network(photo, 16, 320)
    columns = resampling.taps(3_000_001, 320)
    exact = [
        rounded_once(Fraction(255 * sum(int(w) for j, w in taps if j % 2), 3_000_001))
        for taps in (zip(columns[0][:, i], columns[1][:, i], strict=True) for i in (0, 7, 319))
    ]
    np.testing.assert_array_equal(actual[0, 3, [0, 7, 319]], exact)


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
        values = resampling.sigmoid(np.array([-np.inf, -1e4, -1, 0, 1, 1e4, np.inf], np.float32))
    expected = [0, 0, 0.26894142, 0.5, 0.73105858, 1, 1]
    np.testing.assert_allclose(values, expected, atol=1e-7)


def test_sigmoid_is_accurate_everywhere() -> None:
    x = np.concatenate([np.linspace(-90, 90, 200_001), np.linspace(-2, 2, 200_001)])
    x = x.astype(np.float32)
    values = resampling.sigmoid(x)
    exact = special.expit(x.astype(np.float64))
    assert np.abs(values - exact).max() < 1.2e-7  # a float32 just below 1 is 6e-8 from the next
    near = np.abs(x) < 80
    assert (np.abs(values - exact) / exact)[near].max() < 4e-7
    assert (np.diff(values[:200_001]) >= 0).all()


def test_nothing_is_known_where_a_logit_is_not_a_number() -> None:
    assert resampling.sigmoid(np.array([np.nan], np.float32))[0] < 1e-30
