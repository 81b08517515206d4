from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ioebss import resampling
from ioebss.enlargement import logits_to_mask, logits_to_probability
from ioebss.windows import Window

SIDES = st.integers(1, 20)


@settings(max_examples=80)
@given(SIDES, SIDES, st.integers(1, 70), st.integers(1, 70), *[st.integers(0, 9)] * 4)
def test_a_window_is_enlarged_as_in_torch_and_outside_it_is_background(
    h: int, w: int, tall: int, broad: int, left: int, top: int, more: int, over: int
) -> None:
    logits = np.random.default_rng(h * 61 + w).normal(size=(h, w)).astype(np.float32)
    window = Window(left, top, left + broad, top + tall)
    # The window may reach over the lower and the right border of the photo.
    height, width = max(top + 1, top + tall + more - over), max(left + 1, left + broad - over)
    # align_corners=False without scale_factor: the same half-integer centres, also for shrinking.
    enlarged = F.interpolate(torch.from_numpy(logits)[None, None], (tall, broad), mode="bilinear")
    expected = np.full((top + tall + 20, left + broad + 20), -np.inf)
    expected[top : top + tall, left : left + broad] = enlarged[0, 0].numpy()
    expected = expected[:height, :width]
    mask = logits_to_mask(logits, window, height, width)
    clear = np.abs(expected) > 1e-5
    np.testing.assert_array_equal(mask[clear], (expected > 0)[clear])
    probability = logits_to_probability(logits, window, height, width)
    assert probability.dtype == np.float32
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-expected)), atol=1e-5)


def test_a_mask_is_the_sign_of_the_enlarged_logits_to_the_pixel() -> None:
    """Only cells of mixed sign are interpolated; that must not be visible."""
    rng = np.random.default_rng(1)
    for sides in ((40, 60), (1, 30), (30, 1)):
        logits = rng.normal(size=sides).astype(np.float32)
        window = Window(3, 2, 503, 402)
        probability = logits_to_probability(logits, window, 410, 490)
        np.testing.assert_array_equal(logits_to_mask(logits, window, 410, 490), probability > 0.5)


def test_strips_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    logits = np.random.default_rng(0).normal(size=(48, 64)).astype(np.float32)
    window = Window(0, 0, 403, 301)
    whole = (
        logits_to_mask(logits, window, 301, 403),
        logits_to_probability(logits, window, 301, 403),
    )
    monkeypatch.setattr(resampling, "STRIP_PIXELS", 403 * 7)
    strips = (
        logits_to_mask(logits, window, 301, 403),
        logits_to_probability(logits, window, 301, 403),
    )
    for a, b in zip(whole, strips, strict=True):
        np.testing.assert_array_equal(a, b)
