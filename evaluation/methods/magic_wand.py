"""MagicWand: seeded region growing (Adams & Bischof 1994) from several seeds."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import FOREGROUND
from ioebss.evaluation.methods.seed_session import SeedSession, Segment
from ioebss.evaluation.methods.seeds import Seeds


@dataclass(frozen=True)
class MagicWand:
    """Regions grow from the clicks, always by the pixel that is most like the region next to it.

    Each click's disc is a region with a mean of its own, and the frame is one. The mask is the
    regions of the foreground clicks.

    Args:
        side: longer side that it works at, in pixels. The queue is Python's: its cost is that of
            the pixels, one by one.
        blur: standard deviation, in pixels, of the Gaussian before growing.
    """

    side: int = 256
    blur: float = 1.0

    def open(self, photo: NDArray[np.uint8]) -> SeedSession:
        """Prepares a photo, RGB uint8 (H, W, 3).

        Raises:
            ImageError: the array is no RGB photo.
        """
        return SeedSession(photo, self._prepare, self.side)

    def _prepare(self, photo: NDArray[np.uint8]) -> Segment:
        blurred = cv2.GaussianBlur(photo.astype(np.float32) / 255, (0, 0), self.blur)
        lab = np.asarray(cv2.cvtColor(blurred, cv2.COLOR_RGB2LAB), np.float32)

        def segment(seeds: Seeds) -> NDArray[np.bool_]:
            frame = len(seeds.clicks) + 1
            regions = grow(lab, np.where(seeds.frame, np.int32(frame), seeds.owner))
            taken = [n for n, click in enumerate(seeds.clicks, 1) if click.label == FOREGROUND]
            return np.asarray(np.isin(regions, taken), bool)

        return segment


def grow(colours: NDArray[np.float32], seeds: NDArray[np.int32]) -> NDArray[np.int32]:
    """Seeded region growing: every pixel joins a region.

    A pixel beside a region waits with its distance to the region's mean of that moment (equation
    1); the nearest of all that wait joins, its region's mean moves, and its neighbours begin to
    wait. A pixel beside several regions waits for each of them and joins the nearest. Among equal
    distances the one that has waited longest comes first.

    Args:
        colours: float32 (h, w, 3).
        seeds: int32 (h, w): numbers of regions from 1 on, each with a pixel; 0 elsewhere.

    Returns:
        int32 (h, w), the region of each pixel; 0 only if there is no seed.
    """
    height, width = seeds.shape[0], seeds.shape[1] + 2
    # Lists and a rim of -1 around the picture: Python reads single numbers fastest there.
    regions = np.pad(seeds, 1, constant_values=-1).ravel().tolist()
    first, second, third = (
        np.pad(plane, 1).ravel().tolist() for plane in np.moveaxis(colours.astype(np.float64), 2, 0)
    )
    flat = seeds.ravel()
    counts = np.bincount(flat).tolist()
    firsts, seconds, thirds = (
        np.bincount(flat, colours[..., c].ravel()).tolist() for c in range(3)
    )
    steps = (1, -1, width, -width)
    waiting: list[tuple[float, int, int, int]] = []
    order = 0

    def queue(pixel: int, region: int) -> None:
        nonlocal order
        count = counts[region]
        one, two, three = firsts[region] / count, seconds[region] / count, thirds[region] / count
        for step in steps:
            near = pixel + step
            if not regions[near]:
                x, y, z = first[near] - one, second[near] - two, third[near] - three
                heappush(waiting, (x * x + y * y + z * z, order, near, region))
                order += 1

    for pixel in np.flatnonzero(np.pad(seeds, 1)).tolist():
        queue(pixel, regions[pixel])
    while waiting:
        _, _, pixel, region = heappop(waiting)
        if regions[pixel]:
            continue
        regions[pixel] = region
        counts[region] += 1
        firsts[region] += first[pixel]
        seconds[region] += second[pixel]
        thirds[region] += third[pixel]
        queue(pixel, region)
    return np.array(regions, np.int32).reshape(height + 2, width)[1:-1, 1:-1]
