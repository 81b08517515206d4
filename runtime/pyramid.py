"""The photo at its own size and at halves of it, so that looking at any part of it costs the same
whatever the photo's size.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.resampling import photo_to_network
from ioebss.windows import Window


class Pyramid:
    """Level 0 is the photo; each pixel of level k + 1 is the mean of 2x2 pixels of level k, rounded
    to the nearest integer, halves up. Where a side is odd, its last pixels count twice. Levels are
    made when they are first needed.

    Args:
        photo: uint8 (H, W, 3). It is not copied.
    """

    def __init__(self, photo: NDArray[np.uint8]) -> None:
        self._levels = [photo]

    def view(self, window: Window, height: int, width: int) -> tuple[Window, NDArray[np.float32]]:
        """A part of the photo in the network's resolution.

        It is made from the smallest level that has at least as many pixels; there the window is
        aligned to whole pixels, which makes it larger by less than one of them on each side.

        Args:
            window: within the photo.
            height, width: of the network's input.

        Returns:
            The aligned window, in photo pixels; it may reach over the right and lower border by
            less than a pixel of the level. And float32 (3, height, width), 0..255.
        """
        level, window = placed(window, height, width)
        while len(self._levels) <= level:
            self._levels.append(_halved(self._levels[-1]))
        rows = slice(window.y0 >> level, window.y1 >> level)
        columns = slice(window.x0 >> level, window.x1 >> level)
        return window, photo_to_network(self._levels[level][rows, columns], height, width)


def placed(window: Window, height: int, width: int) -> tuple[int, Window]:
    """The level that a window is seen on, the smallest that has at least height x width pixels of
    it, and the window aligned to whole pixels there."""
    level = _level(window, height, width)
    return level, window.aligned(1 << level)


def _level(window: Window, height: int, width: int) -> int:
    level = 0
    while window.width >> (level + 1) >= width and window.height >> (level + 1) >= height:
        level += 1
    return level


def _halved(image: NDArray[Any]) -> NDArray[Any]:
    bottom, right = image.shape[0] % 2, image.shape[1] % 2
    if bottom or right:
        image = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    size = (image.shape[1] // 2, image.shape[0] // 2)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)
