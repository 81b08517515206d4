"""The planes of clicks, of the kind that a model reads: the discs of IOEBSS (`ioebss.planes`) or
the distances of DIOS (`ioebss.distance_planes`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import Click
from ioebss.distance_planes import approach, distance_planes
from ioebss.planes import draw, rasterise

DISCS, DISTANCES = "discs", "distances"
KINDS = (DISCS, DISTANCES)


def click_planes(
    kind: str, clicks: Iterable[Click], height: int, width: int, radius: int
) -> NDArray[np.float32]:
    """Both planes of a set of clicks.

    Args:
        kind: one of `KINDS`.
        clicks: in network pixels, inside the planes.
        height, width: of the planes, in network pixels.
        radius: of discs, in network pixels.

    Returns:
        float32 (2, height, width), positive and negative: 0 and 1, or distances in 0..255.
    """
    if kind == DISTANCES:
        return distance_planes(clicks, height, width)
    return rasterise(clicks, height, width, radius)


def add_click(kind: str, planes: NDArray[Any], click: Click, radius: int) -> None:
    """Adds one click, in place.

    Args:
        kind: one of `KINDS`.
        planes: (2, H, W) as `click_planes` returns them.
        click: in network pixels, inside the planes.
        radius: of discs, in network pixels.
    """
    if kind == DISTANCES:
        approach(planes, click.x, click.y, click.label)
    else:
        draw(planes, click.x, click.y, click.label, radius)
