"""One photo being clicked on by a method that grows a mask from seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import FOREGROUND, Click, make_click, to_network
from ioebss.errors import ClickError
from ioebss.evaluation.methods.seeds import RADIUS, Seeds, plant
from ioebss.evaluation.methods.timing import Timing, milliseconds_since
from ioebss.image_files import check_photo
from ioebss.obedience import obey_exactly

WORKING_SIDE = 1024  # pixels of the longer side; larger photos are scaled down to it

Segment = Callable[[Seeds], NDArray[np.bool_]]
Prepare = Callable[[NDArray[np.uint8]], Segment]


class SeedSession:
    """The clicks on one photo, and what a classical method makes of them.

    A photo with a longer side than `side` is scaled down to it, by area; the mask is enlarged to
    the photo's size again. Of the method's mask those pieces are kept that hold a foreground click,
    and the clicked pixels themselves are put on the side that the clicks say.

    Attributes:
        height, width: of the photo in pixels.
        timing: of the last click.

    Raises:
        ImageError: the array is no RGB photo.
    """

    def __init__(
        self,
        photo: NDArray[np.uint8],
        prepare: Prepare,
        side: int = WORKING_SIDE,
        radius: int = RADIUS,
    ) -> None:
        started = time.perf_counter()
        check_photo(photo)
        self.height, self.width = photo.shape[:2]
        working = scaled_down(photo, side)
        self._shape = working.shape[:2]
        self._segment = prepare(working)
        self._radius = radius
        self._clicks: tuple[Click, ...] = ()
        self.timing = Timing(milliseconds_since(started))

    def click(self, x: float, y: float, label: int = FOREGROUND) -> NDArray[np.bool_]:
        """Adds a click and returns the new mask.

        Args:
            x, y: pixel of the photo, from the top left.
            label: 1 on the object, 0 off it.

        Returns:
            bool (height, width).

        Raises:
            ClickError: outside the photo, not finite, an unknown label, or a background click
                first. The session stays as it was.
        """
        click = make_click(x, y, label, self.width, self.height)
        if click.label != FOREGROUND and not self._clicks:
            raise ClickError("the first click must be foreground (label 1): click on the object")
        started = time.perf_counter()
        clicks = (*self._clicks, click)
        height, width = self._shape
        moved = [self._moved(click) for click in clicks]
        seeds = plant(moved, height, width, self._radius)
        planted = time.perf_counter()
        found = self._segment(seeds)
        segmented = time.perf_counter()
        mask = self._at_photo_size(connected(found, seeds.clicks), clicks)
        self._clicks = clicks
        self.timing = Timing(
            self.timing.prepare,
            1e3 * (planted - started),
            1e3 * (segmented - planted),
            milliseconds_since(segmented),
        )
        return mask

    def _moved(self, click: Click) -> Click:
        height, width = self._shape
        x, y = to_network(click.x, self.width, width), to_network(click.y, self.height, height)
        return Click(x, y, click.label)

    def _at_photo_size(
        self, mask: NDArray[np.bool_], clicks: tuple[Click, ...]
    ) -> NDArray[np.bool_]:
        if mask.shape != (self.height, self.width):
            # Linear in between: the outline of an enlarged mask must not be a staircase.
            grey = np.where(mask, np.uint8(255), np.uint8(0))
            mask = cv2.resize(grey, (self.width, self.height), interpolation=cv2.INTER_LINEAR) > 127
        obey_exactly(mask, clicks, False, True)
        return mask


def scaled_down(photo: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The photo with a longer side of at most `side` pixels, uint8 (h, w, 3)."""
    height, width = photo.shape[:2]
    longest = max(height, width)
    if longest <= side:
        return photo
    size = (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)


def connected(mask: NDArray[np.bool_], clicks: Iterable[Click]) -> NDArray[np.bool_]:
    """The pieces of a mask (4-connected) that hold a foreground click: bool (h, w)."""
    _, pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    held = {int(pieces[click.y, click.x]) for click in clicks if click.label == FOREGROUND}
    return np.asarray(np.isin(pieces, sorted(held - {0})), bool)
