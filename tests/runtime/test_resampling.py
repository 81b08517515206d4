from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ioebss import resampling


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


@settings(max_examples=40)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 70), st.integers(1, 70))
def test_masks_and_probabilities_are_enlarged_as_in_torch(h: int, w: int, oh: int, ow: int) -> None:
    logits = np.random.default_rng(h * 61 + w).normal(size=(h, w)).astype(np.float32)
    up = F.interpolate(torch.from_numpy(logits)[None, None], (oh, ow), mode="bilinear")[0, 0]
    probability = resampling.logits_to_probability(logits, oh, ow)
    if oh >= h and ow >= w:
        np.testing.assert_allclose(probability, up.sigmoid().numpy(), atol=1e-5)
        clear = up.abs().numpy() > 1e-5
        mask = resampling.logits_to_mask(logits, oh, ow)
        np.testing.assert_array_equal(mask[clear], (up > 0).numpy()[clear])


def test_strips_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (301, 403, 3), np.uint8)
    logits = rng.normal(size=(48, 64)).astype(np.float32)
    whole = resampling.photo_to_network(photo, 48, 64), resampling.logits_to_mask(logits, 301, 403)
    monkeypatch.setattr(resampling, "STRIP_PIXELS", 403 * 7)
    strips = resampling.photo_to_network(photo, 48, 64), resampling.logits_to_mask(logits, 301, 403)
    for a, b in zip(whole, strips, strict=True):
        np.testing.assert_array_equal(a, b)


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
