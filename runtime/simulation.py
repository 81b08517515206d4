"""Clicks as a person would make them, drawn from a ground-truth mask: for training, calibration and
evaluation alike. All masks are bool (H, W); all randomness comes from the generator given.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import BACKGROUND, FOREGROUND, Click

Mask = NDArray[np.bool_]


def interior_distance(region: Mask) -> NDArray[np.float32]:
    """Euclidean distance in pixels of each region pixel to the nearest pixel outside, where the
    photo's border counts as outside; 0 outside the region. float32 (H, W).

    Equal distances have equal bits, up to some 2000 pixels."""
    # Of most masks one error region is empty, and the transform takes as long for nothing.
    if not region.any():
        return np.zeros(region.shape, np.float32)
    padded = np.pad(region.astype(np.uint8), 1)
    distance = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # OpenCV's last bit depends on where the array lies in memory, and so would which of several
    # equally deep pixels is clicked. Squared distances are integers: that takes the bit out again.
    squared = np.rint(np.square(distance[1:-1, 1:-1], dtype=np.float64))
    return np.asarray(np.sqrt(squared), np.float32)


def error_regions(prediction: Mask, truth: Mask, valid: Mask) -> tuple[Mask, Mask]:
    """Pixels missed (false negatives) and pixels wrongly taken (false positives); void excluded."""
    return truth & ~prediction & valid, ~truth & prediction & valid


def centre_click(
    prediction: Mask, truth: Mask, valid: Mask, clicked: Iterable[Click] = ()
) -> Click | None:
    """The next click of the standard protocol (RITM, Sofiiuk et al. 2022, section 4).

    It is the pixel deepest inside the larger error region: larger by its greatest interior
    distance.

    Args:
        prediction: the current mask.
        truth: the object.
        valid: False where pixels are void; those are never clicked.
        clicked: earlier clicks; no pixel is clicked twice.

    Returns:
        The click, or None where prediction and truth agree on every pixel that is left. Ties go to
        the foreground, then to the first pixel in row order.
    """
    depth, label = _larger_error(prediction, truth, valid, clicked)
    if depth.max() == 0:
        return None
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return Click(int(x), int(y), label)


def correction_click(
    prediction: Mask, truth: Mask, valid: Mask, rng: np.random.Generator
) -> Click | None:
    """A click on the current error as people make it: somewhere in the inner half (by depth) of the
    larger error region, not always in its very centre. None where there is no error."""
    depth, label = _larger_error(prediction, truth, valid)
    if depth.max() == 0:
        return None
    index = int(rng.choice(np.flatnonzero(depth >= 0.5 * depth.max())))
    y, x = divmod(index, depth.shape[1])
    return Click(x, y, label)


def first_click(truth: Mask, valid: Mask, rng: np.random.Generator) -> Click | None:
    """A foreground click in the inner half (by depth) of the object; None if there is no object."""
    return correction_click(np.zeros_like(truth), truth, valid, rng)


def random_pairs(truth: Mask, valid: Mask, pairs: int, rng: np.random.Generator) -> list[Click]:
    """The paper's simulation (Wang et al. 2020): `pairs` foreground and `pairs` background points,
    each uniform over its valid pixels. A side without pixels gets no points."""
    clicks = []
    for region, label in ((truth & valid, FOREGROUND), (~truth & valid, BACKGROUND)):
        where = np.flatnonzero(region)
        if where.size:
            for index in rng.choice(where, pairs):
                y, x = divmod(int(index), truth.shape[1])
                clicks.append(Click(x, y, label))
    return clicks


def _larger_error(
    prediction: Mask, truth: Mask, valid: Mask, clicked: Iterable[Click] = ()
) -> tuple[NDArray[np.float32], int]:
    """Interior distances of the deeper error region, 0 where it was clicked, and the label of a
    click that corrects it."""
    missed, wrong = (interior_distance(r) for r in error_regions(prediction, truth, valid))
    for click in clicked:
        missed[click.y, click.x] = wrong[click.y, click.x] = 0
    return (missed, FOREGROUND) if missed.max() >= wrong.max() else (wrong, BACKGROUND)
