"""Clicks as seeds: what the classical methods read.

A click stands for the disc around it. Where discs of several clicks overlap, a pixel belongs to
the nearest click (to the later one of equally near ones), so that a click's own pixel is its own.

The first click says what the object is, never what it is not, but most methods need both. So the
frame of the photo stands in for the background wherever no click covers it, for all clicks: it is a
guess, which is wrong for objects that the photo cuts off, but on the val list it was better than to
drop it with the first background click (watershed, 30 objects: mIoU 0.67 against 0.56 after 3
clicks, 0.93 against 0.89 after 20).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import BACKGROUND, FOREGROUND, Click
from ioebss.planes import disc_in

RADIUS = 5  # pixels of the size that the method works at; that of the paper's click planes
FRAME = 2  # pixels along the photo's border that are taken as background


@dataclass(frozen=True)
class Seeds:
    """The clicks so far.

    Attributes:
        clicks: in order, in pixels of the size that the method works at.
        owner: int32 (h, w): 1 + the index of the click whose disc a pixel belongs to, or 0.
        foreground, background: the discs of either label, bool (h, w).
        frame: pixels along the border that no disc covers, bool (h, w).
    """

    clicks: tuple[Click, ...]
    owner: NDArray[np.int32]
    foreground: NDArray[np.bool_]
    background: NDArray[np.bool_]
    frame: NDArray[np.bool_]

    @property
    def outside(self) -> NDArray[np.bool_]:
        """All that is taken as background: discs and frame."""
        return self.background | self.frame


def plant(clicks: Sequence[Click], height: int, width: int, radius: int = RADIUS) -> Seeds:
    """Seeds of a set of clicks.

    Args:
        clicks: in pixels of (height, width), inside.
        radius: of the discs, 0 or more; 0 is the clicked pixel alone.
    """
    owner = np.zeros((height, width), np.int32)
    nearest = np.full((height, width), np.iinfo(np.int32).max, np.int32)
    for number, click in enumerate(clicks, 1):
        rows, columns, inside = disc_in(owner.shape, click.x, click.y, radius)
        squared = np.square(np.arange(rows.start, rows.stop) - click.y)[:, None] + np.square(
            np.arange(columns.start, columns.stop) - click.x
        )
        mine = inside & (squared <= nearest[rows, columns])
        owner[rows, columns][mine] = number
        nearest[rows, columns][mine] = squared[mine]
    label_of = np.array([-1, *(click.label for click in clicks)])
    labels = label_of[owner]
    frame = border(height, width) & (owner == 0)
    return Seeds(tuple(clicks), owner, labels == FOREGROUND, labels == BACKGROUND, frame)


def border(height: int, width: int) -> NDArray[np.bool_]:
    """The pixels within `FRAME` of the border: bool (height, width)."""
    frame = np.ones((height, width), bool)
    frame[FRAME : height - FRAME, FRAME : width - FRAME] = False
    return frame


def nearer(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where pixels of `one` are at most as far as those of `other`: bool (h, w). Each must have
    some."""
    near, far = (
        cv2.distanceTransform((~seeds).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        for seeds in (one, other)
    )
    return np.asarray(near <= far, bool)
