"""Crops, pastes and stretches: image, mask and void must move together."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ioebss.trainer.datasets.scene import Scene
from ioebss.trainer.datasets.transforms import (
    GREY,
    Target,
    choose_target,
    colour_map,
    fit,
    jitter_colours,
    paste,
    random_crop,
)

SEEDS = st.integers(0, 2**31)


def coordinates(width: int, height: int) -> np.ndarray:
    """A photo whose red is x and whose green is y: every pixel says where it comes from."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(width), np.arange(height)[:, None]
    image[..., 2] = 255
    return image


def ellipse(width: int, height: int, centre: tuple[int, int], axes: tuple[int, int]) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, centre, axes, 20, 0, 360, 1, -1)
    return mask > 0


def away_from_edges(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Pixels whose neighbourhood is all of one value."""
    kernel = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    values = mask.astype(np.uint8)
    return cv2.dilate(values, kernel) == cv2.erode(values, kernel)


@settings(max_examples=40, deadline=None)
@given(
    seed=SEEDS,
    size=st.sampled_from([48, 96]),
    x=st.integers(30, 190),
    y=st.integers(30, 120),
    axes=st.tuples(st.integers(8, 40), st.integers(8, 40)),
)
def test_crop_moves_image_mask_and_void_alike(
    seed: int, size: int, x: int, y: int, axes: tuple[int, int]
) -> None:
    width, height = 220, 150
    target = Target(
        coordinates(width, height),
        ellipse(width, height, (x, y), axes),
        np.zeros((height, width), bool),
    )
    crop = random_crop(target, size, np.random.default_rng(seed))
    assert crop.image.shape == (size, size, 3) and crop.image.dtype == np.uint8
    assert crop.mask.shape == crop.void.shape == (size, size)
    assert not (crop.mask & crop.void).any()
    inside = (crop.image[..., 2] == 255) & ~crop.void & away_from_edges(crop.void, 3)
    source_x, source_y = crop.image[..., 0].astype(int), crop.image[..., 1].astype(int)
    # Near the photo's border the blur before shrinking bends the ramps.
    inside &= (source_x > 8) & (source_x < width - 9) & (source_y > 8) & (source_y < height - 9)
    certain = inside & away_from_edges(crop.mask, 2)
    values = target.mask[source_y[certain], source_x[certain]]
    assert np.array_equal(values, crop.mask[certain])


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, width=st.integers(30, 120), height=st.integers(30, 120))
def test_what_lies_outside_the_photo_is_grey_and_void(seed: int, width: int, height: int) -> None:
    white = np.full((height, width, 3), 255, np.uint8)
    target = Target(white, np.ones((height, width), bool), np.zeros((height, width), bool))
    crop = random_crop(target, 64, np.random.default_rng(seed))
    # The photo may end just beyond the crop: its edge pixels are not certain, either.
    certain = away_from_edges(np.pad(crop.void, 3, constant_values=True), 3)[3:-3, 3:-3]
    certain |= away_from_edges(crop.void, 3) & crop.void
    assert (crop.image[crop.void & certain] == GREY).all()
    assert (crop.image[~crop.void & certain] == 255).all()
    assert (crop.mask[~crop.void & certain]).all() and not crop.mask[crop.void].any()


def test_void_of_the_photo_stays_void_in_the_crop() -> None:
    void = ellipse(100, 100, (50, 50), (30, 30))
    image = np.zeros((100, 100, 3), np.uint8)
    image[void] = 255
    mask = np.ones((100, 100), bool)
    for seed in range(10):
        crop = random_crop(Target(image, mask, void), 64, np.random.default_rng(seed))
        bright = crop.image[..., 0] > 190
        assert crop.void[bright].all() and not crop.mask[crop.void].any()


def test_crops_hold_most_of_the_object_now_and_zoom_in_then() -> None:
    mask = ellipse(300, 200, (60, 60), (25, 25))
    target = Target(np.zeros((200, 300, 3), np.uint8), mask, np.zeros_like(mask))
    shares = []
    for seed in range(60):
        crop = random_crop(target, 64, np.random.default_rng(seed))
        shares.append(crop.mask.mean())
    assert min(shares) < 0.1 and max(shares) > 0.45
    assert np.mean(np.array(shares) > 0) > 0.95


# -- pasting ---------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_paste_masks_what_is_seen(seed: int) -> None:
    """Blue photo with a green object; a red object is pasted. The colours tell who is where."""
    own = ellipse(120, 90, (40, 45), (22, 18))
    void = np.zeros((90, 120), bool)
    void[:, 60:64] = True
    image = np.zeros((90, 120, 3), np.uint8)
    image[..., 2], image[own] = 255, (0, 255, 0)
    cut = ellipse(80, 80, (40, 40), (25, 15))
    red = np.full((80, 80, 3), (255, 0, 0), np.uint8)
    source = Target(red, cut, np.zeros_like(cut))
    out = paste(Target(image, own, void), source, np.random.default_rng(seed))
    reds, greens = out.image[..., 0] > 200, out.image[..., 1] > 200
    sure = away_from_edges(reds, 2) & away_from_edges(greens, 2)
    takes_pasted = bool(out.mask[reds & sure].any())
    expected = reds if takes_pasted else greens
    assert np.array_equal(out.mask[sure], expected[sure])
    assert not out.void[reds & sure].any()
    assert np.array_equal(out.void[~reds & sure], void[~reds & sure])
    assert not image[..., 0].any(), "the photo given must stay as it was"


def test_paste_keeps_either_object_about_half_of_the_time() -> None:
    own = ellipse(120, 90, (60, 45), (50, 40))
    target = Target(np.zeros((90, 120, 3), np.uint8), own, np.zeros_like(own))
    cut = np.ones((40, 40), bool)
    source = Target(np.full((40, 40, 3), 255, np.uint8), cut, ~cut)
    pasted = 0
    for seed in range(100):
        out = paste(target, source, np.random.default_rng(seed))
        bright = out.image[..., 0] > 128
        pasted += bool((out.mask & bright).sum() > 0.5 * out.mask.sum())
    assert 30 < pasted < 80


def test_a_source_without_object_changes_nothing() -> None:
    own = ellipse(60, 60, (30, 30), (10, 10))
    target = Target(np.zeros((60, 60, 3), np.uint8), own, np.zeros_like(own))
    nothing = Target(target.image, np.zeros_like(own), np.zeros_like(own))
    assert paste(target, nothing, np.random.default_rng(0)) is target


# -- the rest --------------------------------------------------------------------------------------


def test_fit_stretches_and_mirrors_all_three() -> None:
    labels = np.zeros((4, 6), np.uint8)
    labels[:2, :2], labels[2:, 4:] = 1, 255
    image = np.repeat(labels[..., None], 3, 2)
    target = Target(image, labels == 1, labels == 255)
    plain, mirrored = fit(target, 12), fit(target, 12, mirror=True)
    for out in (plain, mirrored):
        assert out.image.shape == (12, 12, 3)
        assert np.array_equal(out.mask, out.image[..., 0] == 1)
        assert np.array_equal(out.void, out.image[..., 0] == 255)
    # A third of the columns, half of the rows.
    assert plain.mask[:6, :4].all() and plain.mask.sum() == 24
    assert plain.void[6:, 8:].all() and plain.void.sum() == 24
    assert np.array_equal(mirrored.mask, plain.mask[:, ::-1])


def test_void_wins_over_the_object_in_fit() -> None:
    everything = np.ones((8, 8), bool)
    out = fit(Target(np.zeros((8, 8, 3), np.uint8), everything, everything), 32)
    assert out.void.all() and not out.mask.any()


def scene_of(labels: np.ndarray) -> Scene:
    return Scene("x", np.zeros((*labels.shape, 3), np.uint8), labels)


def test_small_objects_are_chosen_only_where_there_are_no_others() -> None:
    labels = np.zeros((40, 40), np.uint8)
    labels[0, :5], labels[10:30, 10:30], labels[39] = 1, 2, 255
    rng = np.random.default_rng(0)
    for _ in range(20):
        target = choose_target(scene_of(labels), rng)
        assert np.array_equal(target.mask, labels == 2)
        assert np.array_equal(target.void, labels == 255)
    labels[labels == 2] = 0
    assert np.array_equal(choose_target(scene_of(labels), rng).mask, labels == 1)
    assert not choose_target(scene_of(np.zeros_like(labels)), rng).mask.any()


@pytest.mark.parametrize(("component", "areas"), [(0.0, {850}), (1.0, {400, 450})])
def test_an_object_in_pieces(component: float, areas: set[int]) -> None:
    labels = np.zeros((40, 60), np.uint8)
    labels[:20, :20], labels[10:25, 30:] = 1, 1
    rng = np.random.default_rng(0)
    seen = {int(choose_target(scene_of(labels), rng, component).mask.sum()) for _ in range(30)}
    assert seen == areas


def test_colours_vary_but_stay_colours() -> None:
    image = coordinates(64, 48)
    outs = [jitter_colours(image, np.random.default_rng(seed)) for seed in range(30)]
    assert all(out.shape == image.shape and out.dtype == np.uint8 for out in outs)
    assert len({out.tobytes() for out in outs}) > 20
    again = jitter_colours(image, np.random.default_rng(3))
    assert np.array_equal(again, outs[3])
    assert np.array_equal(image, coordinates(64, 48))


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS)
def test_one_affine_map_is_the_four_steps(seed: int) -> None:
    """One after the other in float64, without rounding or clipping in between."""
    image = np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8)
    found = cv2.transform(image, colour_map(np.random.default_rng(seed)))
    rng = np.random.default_rng(seed)
    expected = image.astype(np.float64)
    if rng.random() < 0.8:
        saturation, contrast = rng.uniform(0.5, 1.5), rng.uniform(0.7, 1.3)
        balance, brightness = rng.uniform(0.9, 1.1, 3), rng.uniform(-30, 30)
        mean = expected.mean(2, keepdims=True)
        expected = mean + saturation * (expected - mean)
        expected = GREY + contrast * (expected - GREY)
        expected = (expected + brightness) * balance
    if rng.random() < 0.08:
        expected = np.repeat(expected.mean(2, keepdims=True), 3, 2)
    difference = np.abs(found - np.clip(expected, 0, 255))
    assert difference.max() <= 1
