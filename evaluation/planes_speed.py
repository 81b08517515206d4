"""What click planes alone cost: the binary discs of IOEBSS against the Euclidean distance planes of
DIOS (Xu et al. 2016), truncated at 255.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import BACKGROUND, FOREGROUND, Click
from ioebss.distance_planes import FARTHEST
from ioebss.evaluation.speed import Times
from ioebss.planes import plane_of, rasterise
from ioebss.progress import Progress

Planes = Callable[[Sequence[Click], int, int], NDArray[np.float32]]


def opencv_distances(clicks: Sequence[Click], height: int, width: int) -> NDArray[np.float32]:
    """Distance in pixels to the nearest click of either label, 255 at most: float32 (2, H, W), as
    fast as OpenCV makes it. `ioebss.distance_planes` makes the values exact, which takes longer."""
    planes = np.full((2, height, width), FARTHEST, np.float32)
    for label in (FOREGROUND, BACKGROUND):
        free = np.ones((height, width), np.uint8)
        for click in clicks:
            if click.label == label:
                free[click.y, click.x] = 0
        if not free.all():
            planes[plane_of(label)] = cv2.distanceTransform(
                free, cv2.DIST_L2, cv2.DIST_MASK_PRECISE
            )
    return np.minimum(planes, FARTHEST, out=planes)


KINDS: dict[str, Planes] = {"discs": rasterise, "distances": opencv_distances}


def measure_planes(
    sides: Sequence[int], counts: Sequence[int], repeats: int, progress: Progress
) -> list[dict[str, Any]]:
    """Times both kinds of planes in turns.

    Args:
        sides: of the square planes, in pixels.
        counts: of clicks, half of them on the object.
        repeats: of each; one more warms up.

    Returns:
        A row for each side, count and kind: median, minimum and n, in milliseconds.
    """
    rows = []
    with progress.task("planes", len(sides) * len(counts)) as advance:
        for side in sides:
            for count in counts:
                times = _in_turns(random_points(side, count), side, repeats)
                for kind, taken in times.items():
                    rows.append({"side": side, "clicks": count, "kind": kind, **taken.as_json()})
                advance()
    return rows


def random_points(side: int, count: int) -> list[Click]:
    """Clicks anywhere in a square, on and off the object in turn."""
    places = np.random.default_rng(0).integers(0, side, (count, 2))
    return [Click(int(x), int(y), (n + 1) % 2) for n, (x, y) in enumerate(places)]


def _in_turns(clicks: Sequence[Click], side: int, repeats: int) -> dict[str, Times]:
    times = {kind: Times() for kind in KINDS}
    for repeat in range(repeats + 1):
        for kind, draw in KINDS.items():
            started = time.perf_counter()
            draw(clicks, side, side)
            if repeat:
                times[kind].values.append(1e3 * (time.perf_counter() - started))
    return times
