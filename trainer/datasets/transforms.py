"""From a scene to a training sample: which object, which part of the photo, which changes.

All randomness comes from the generator given, so that a sample can be drawn again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.rle import box
from ioebss.trainer.datasets.scene import VOID, Scene

GREY = 127  # outside the photo: the colour that normalises to 0
MIN_OBJECT_PIXELS = 100


@dataclass(frozen=True)
class Target:
    """A photo and the one object to extract.

    Attributes:
        image: uint8 (H, W, 3).
        mask, void: bool (H, W).
        others: uint8 (H, W), labels of the scene's other objects, 0 elsewhere; None where they are
            not known: after what changes the scene.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    void: NDArray[np.bool_]
    others: NDArray[np.uint8] | None = None


def choose_target(scene: Scene, rng: np.random.Generator, component: float = 0.0) -> Target:
    """One object of the scene, uniformly among those of at least 100 pixels (or any, if all are
    smaller).

    Args:
        component: probability that an object in several pieces is narrowed to one of them; the
            other pieces become background, as they are separate things to a person who clicks.
    """
    void = scene.labels == VOID
    objects = scene.objects(MIN_OBJECT_PIXELS) or scene.objects()
    if not objects:
        return Target(scene.image, np.zeros_like(void), void)
    mask = scene.labels == rng.choice(objects)
    others = np.where(mask | void, 0, scene.labels).astype(np.uint8)
    if rng.random() < component:
        mask = _one_component(mask, rng)
    return Target(scene.image, mask, void, others)


def _one_component(mask: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.bool_]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    large = np.flatnonzero(areas >= max(MIN_OBJECT_PIXELS, 0.1 * areas.sum())) + 1
    return labels == rng.choice(large) if large.size > 1 else mask


def paste(target: Target, source: Target, rng: np.random.Generator) -> Target:
    """Pastes the source's object onto the target's photo: a scene of several objects.

    The object is scaled to a fifth to four fifths of the photo's longer side, may be mirrored and
    may stick out. Its edge is blended over about a pixel. The sample's object is the pasted one
    half of the time, else the target's own, as far as it is still visible (a fifth at least).
    """
    x, y, w, h = box(source.mask)
    if not w:
        return target
    image: NDArray[Any] = source.image[y : y + h, x : x + w]
    mask: NDArray[Any] = source.mask[y : y + h, x : x + w].astype(np.float32)
    height, width = target.mask.shape
    scale = rng.uniform(0.2, 0.8) * max(height, width) / max(mask.shape)
    size = (max(4, round(mask.shape[1] * scale)), max(4, round(mask.shape[0] * scale)))
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image, mask = (
        cv2.resize(image, size, interpolation=flags),
        cv2.resize(mask, size, interpolation=flags),
    )
    if rng.random() < 0.5:
        image, mask = image[:, ::-1], mask[:, ::-1]
    x = int(rng.integers(-size[0] // 3, max(1, width - 2 * size[0] // 3)))
    y = int(rng.integers(-size[1] // 3, max(1, height - 2 * size[1] // 3)))
    left, top = max(0, -x), max(0, -y)
    right, bottom = min(size[0], width - x), min(size[1], height - y)
    if right - left < 4 or bottom - top < 4:
        return target
    alpha = cv2.GaussianBlur(mask, (3, 3), 0.7)[top:bottom, left:right]
    where = (slice(y + top, y + bottom), slice(x + left, x + right))
    out = target.image.copy()
    cut = image[top:bottom, left:right].astype(np.float32)
    out[where] = np.rint(cut * alpha[..., None] + out[where] * (1 - alpha[..., None]))
    pasted = np.zeros_like(target.mask)
    pasted[where] = alpha > 0.5
    visible = target.mask & ~pasted
    keeps_own = visible.sum() >= max(MIN_OBJECT_PIXELS, 0.2 * target.mask.sum())
    if pasted.sum() < MIN_OBJECT_PIXELS or (keeps_own and rng.random() < 0.5):
        return Target(out, visible, target.void & ~pasted)
    return Target(out, pasted, target.void & ~pasted)


def random_crop(target: Target, size: int, rng: np.random.Generator) -> Target:
    """A square window around or within the object, resampled to size x size and mirrored half of
    the time.

    Its side runs (log-uniformly) from three quarters of the object's longer side to the photo's,
    so that both the whole photo and the zoomed-in object are seen; the aspect ratio varies by a
    quarter. What lies outside the photo is grey and void.
    """
    height, width = target.mask.shape
    x, y, *sides = box(target.mask) if target.mask.any() else (0, 0, width, height)
    extent, longest = max(sides), max(height, width)
    low, high = min(0.75 * extent, longest), 1.05 * longest
    side = float(np.exp(rng.uniform(np.log(max(low, 32)), np.log(max(high, 33)))))
    aspect = float(np.exp(rng.uniform(-0.22, 0.22)))
    window_w, window_h = side * aspect, side / aspect
    x0 = _window_start(x + sides[0] / 2, window_w, width, extent, rng)
    y0 = _window_start(y + sides[1] / 2, window_h, height, extent, rng)
    sx, sy = size / window_w, size / window_h
    if rng.random() < 0.5:
        sx, x0 = -sx, x0 + window_w
    # Maps photo pixel centres to sample pixel centres; both are half-integers in continuous terms.
    matrix = np.array([[sx, 0, (0.5 - x0) * sx - 0.5], [0, sy, (0.5 - y0) * sy - 0.5]])
    image: NDArray[Any] = target.image
    if size < 0.6 * side:  # warpAffine does not average: blur first, as resampling down must
        image = cv2.GaussianBlur(image, (0, 0), 0.35 * side / size)
    image = _warp(image, matrix, size, cv2.INTER_LINEAR, GREY)
    mask = _warp(target.mask.astype(np.float32), matrix, size, cv2.INTER_LINEAR, 0)
    void = _warp(target.void.astype(np.uint8), matrix, size, cv2.INTER_NEAREST, 1)
    return Target(image, (mask > 0.5) & (void == 0), void != 0)


def _warp(
    image: NDArray[Any], matrix: NDArray[Any], size: int, interpolation: int, outside: int
) -> NDArray[Any]:
    return cv2.warpAffine(
        image,
        matrix,
        (size, size),
        flags=interpolation,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(outside,) * 4,
    )


def _window_start(
    centre: float, window: float, length: int, extent: float, rng: np.random.Generator
) -> float:
    """Start of a window along one axis: near the object, and within the photo where it fits."""
    slack = 0.5 * max(window - extent, 0.3 * window)
    start = centre - window / 2 + rng.uniform(-slack, slack)
    if window >= length:
        return float(rng.uniform(length - window, 0))
    return float(np.clip(start, 0, length - window))


def fit(target: Target, size: int, mirror: bool = False) -> Target:
    """The whole photo stretched to size x size: the paper's input, and the validation's."""
    image: NDArray[Any] = cv2.resize(target.image, (size, size), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(target.mask.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    void = cv2.resize(target.void.astype(np.uint8), (size, size), interpolation=cv2.INTER_NEAREST)
    step = -1 if mirror else 1
    solid = (mask > 0.5) & (void == 0)
    others: NDArray[Any] | None = target.others
    if others is not None:
        others = cv2.resize(others, (size, size), interpolation=cv2.INTER_NEAREST)
        others = np.where(solid, 0, others)[:, ::step]
    return Target(image[:, ::step], solid[:, ::step], (void != 0)[:, ::step], others)


def jitter_colours(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Brightness, contrast, saturation and white balance, sometimes grey, blurred or noisy."""
    # OpenCV rounds (to within 1) and clips.
    work: NDArray[Any] = cv2.transform(image, colour_map(rng))
    if rng.random() < 0.1:
        work = cv2.GaussianBlur(work, (0, 0), rng.uniform(0.5, 1.5))
    if rng.random() < 0.1:
        noise = rng.standard_normal(work.shape, np.float32) * rng.uniform(2, 10)
        work = np.clip(np.rint(work + noise), 0, 255)
    return np.asarray(work, np.uint8)


def colour_map(rng: np.random.Generator) -> NDArray[np.float64]:
    """One affine map of colours for what may happen to them: saturation, contrast about `GREY`,
    brightness, white balance, in this order; then grey.

    Returns:
        float64 (3, 4), for colours (red, green, blue, 1) in 0..255.
    """
    grey = np.full((3, 3), 1 / 3)
    matrix, shift = np.eye(3), np.zeros(3)
    if rng.random() < 0.8:
        saturation, contrast = rng.uniform(0.5, 1.5), rng.uniform(0.7, 1.3)
        balance = rng.uniform(0.9, 1.1, 3)
        matrix = balance[:, None] * contrast * (saturation * matrix + (1 - saturation) * grey)
        shift = balance * (GREY * (1 - contrast) + rng.uniform(-30, 30))
    if rng.random() < 0.08:
        matrix, shift = grey @ matrix, grey @ shift
    return np.column_stack([matrix, shift])
