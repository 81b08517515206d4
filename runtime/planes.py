"""The two binary click planes of IOEBSS (Wang et al. 2020, equation 2). This is the reference: the
CUDA kernels and the C++ library must equal it bit for bit.

The paper sets a plane to 1 where `sgn(r - d)` says that the distance d to the nearest click is
within the radius r, and to 0 elsewhere. It leaves open what happens at d = r exactly, where sgn is
0: here such a pixel is set (d <= r). The distance is Euclidean, between pixel centres, in the
network's resolution; a click is moved to the centre of the network pixel that holds it, so that
only integers are compared.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import BACKGROUND, FOREGROUND, Click

RADIUS = 5  # pixels of the network's resolution; the paper's r
POSITIVE, NEGATIVE = 0, 1  # indices of the planes


@lru_cache(maxsize=64)
def disc(radius: int) -> NDArray[np.bool_]:
    """The pixels within `radius` of the centre: bool (2r+1, 2r+1), read-only."""
    axis = np.arange(-radius, radius + 1)
    inside = axis[:, None] ** 2 + axis[None, :] ** 2 <= radius * radius
    inside.flags.writeable = False
    return inside


def draw(planes: NDArray[Any], x: int, y: int, label: int, radius: int = RADIUS) -> None:
    """Sets the disc of one click, in place. Touches only the (2r+1)^2 pixels around it.

    Args:
        planes: (2, H, W) of any numeric dtype, positive then negative.
        x, y: the click in network pixels, inside the planes.
        label: 1 foreground, 0 background.
        radius: in network pixels.
    """
    plane = planes[plane_of(label)]
    rows, columns, inside = disc_in(plane.shape, x, y, radius)
    plane[rows, columns][inside] = 1


def rasterise(
    clicks: Iterable[Click], height: int, width: int, radius: int = RADIUS
) -> NDArray[np.float32]:
    """Both planes of a set of clicks.

    Args:
        clicks: in network pixels, inside the planes.
        height, width: of the planes, in network pixels.
        radius: in network pixels.

    Returns:
        float32 (2, height, width) of 0 and 1: positive, negative.
    """
    planes = np.zeros((2, height, width), np.float32)
    for click in clicks:
        draw(planes, click.x, click.y, click.label, radius)
    return planes


def plane_of(label: int) -> int:
    """Index of the plane that clicks of this label go to."""
    return {FOREGROUND: POSITIVE, BACKGROUND: NEGATIVE}[label]


def disc_in(
    shape: tuple[int, ...], x: int, y: int, radius: int
) -> tuple[slice, slice, NDArray[np.bool_]]:
    """Rows and columns of a plane that a disc touches, and which of those pixels it covers.

    Args:
        shape: (H, W) of the plane.
        x, y: centre of the disc, inside the plane.
        radius: of the disc.
    """
    rows = slice(max(0, y - radius), min(shape[0], y + radius + 1))
    columns = slice(max(0, x - radius), min(shape[1], x + radius + 1))
    top, left = y - radius, x - radius
    inside = disc(radius)
    return (
        rows,
        columns,
        inside[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left],
    )
