"""Trimaps and scribbles: an object, its surroundings, and what is not known, in one grey picture.
Scribbles are a trimap that is mostly unknown.

The click planes of IOEBSS hold discs; regions become as many discs as it takes to cover their
middle, spread evenly, so that every model, engine and window takes them as it takes clicks.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import BACKGROUND, FOREGROUND, Click
from ioebss.errors import UsageError
from ioebss.image_files import read_index_mask
from ioebss.simulation import interior_distance

ON, OFF = 255, 0  # values of the object and its surroundings; all others are unknown
CELLS = 12  # to the longer side of the photo: one disc for each side of the object in each cell


def read_trimap(path: str | Path) -> NDArray[np.uint8]:
    """Reads a trimap: 8-bit grey, 255 on the object, 0 off it, anything else unknown.

    Returns:
        uint8 (H, W).

    Raises:
        ImageError: see `ioebss.image_files.read_index_mask`.
    """
    return read_index_mask(path)


def check_trimap(trimap: Any, height: int, width: int) -> None:
    """Checks that a trimap fits a photo and says where the object is.

    Raises:
        UsageError: it is no uint8 array of the photo's size, or nothing in it is on the object.
    """
    if not isinstance(trimap, np.ndarray) or trimap.dtype != np.uint8:
        raise UsageError("a trimap is a uint8 array: 255 on the object, 0 off it, else unknown")
    if trimap.shape != (height, width):
        raise UsageError(f"the trimap has shape {trimap.shape}, the photo {(height, width)}")
    if not (trimap == ON).any():
        raise UsageError("no pixel of the trimap is 255: mark a part of the object")


def clicks_of_trimap(trimap: NDArray[np.uint8], cells: int = CELLS) -> list[Click]:
    """Clicks that stand for the regions of a trimap: in each square cell of a grid over the photo
    the deepest pixel of the object's region, and of its surroundings.

    Args:
        trimap: uint8 (H, W).
        cells: of the grid along the longer side, 1 to 20: at most 2 * 20 * 20 clicks.

    Returns:
        Foreground clicks first, each side by rows of cells.
    """
    side = -(-max(trimap.shape) // cells)
    clicks = []
    for value, label in ((ON, FOREGROUND), (OFF, BACKGROUND)):
        depth = interior_distance(trimap == value)
        for top in range(0, trimap.shape[0], side):
            for left in range(0, trimap.shape[1], side):
                cell = depth[top : top + side, left : left + side]
                y, x = np.unravel_index(int(cell.argmax()), cell.shape)
                if cell[y, x] > 0:
                    clicks.append(Click(left + int(x), top + int(y), label))
    return clicks


def obey_trimap(mask: NDArray[np.bool_], trimap: NDArray[np.uint8]) -> None:
    """Puts all known pixels on their side, in place."""
    mask[trimap == ON] = True
    mask[trimap == OFF] = False


def simulated_trimap(
    truth: NDArray[np.bool_], valid: NDArray[np.bool_], band: int
) -> NDArray[np.uint8]:
    """The trimap that a person with a broad brush would leave of an object: unknown within `band`
    pixels of its outline, and where pixels are void. An object thinner than that keeps its deepest
    pixels.

    Args:
        truth, valid: bool (H, W).
        band: in pixels.
    """
    trimap = np.full(truth.shape, 128, np.uint8)
    for value, region in ((OFF, ~truth & valid), (ON, truth & valid)):
        # The photo's border is no outline: beyond it everything goes on as it is at the border.
        around = interior_distance(np.pad(region, band + 1, mode="edge"))
        depth = around[band + 1 : -band - 1, band + 1 : -band - 1]
        if depth.max() > 0:
            trimap[depth > min(band, depth.max() - 1)] = value
    return trimap
