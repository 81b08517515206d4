"""A second opinion on the first click: the network sees the whole photo, and where it is unsure of
what it sees there the click's surroundings too. The answer that it is surer of counts.

One click in a crowded photograph does not say which of several things is meant, and small ones are
hard to see from afar. How sure a network is of its mask says how good the mask is: on objects of
COCO and VOC the mean logit in it and its IoU are correlated (docs/results/README.md).
"""

from __future__ import annotations

import numpy as np

from ioebss.clicks import Click
from ioebss.eye import Prediction, to_cell
from ioebss.obedience import LOGIT
from ioebss.windows import Window, Zoom, around, close_side, extent_of

CLOSER = 0.75  # side of the surroundings over the longer side of the window of what was seen
LARGEST = 64.0  # logits above count as this one
UNIT = 1 / 256  # of logits: their sum is exact, in whatever order they are added


def sureness(answer: Prediction, click: Click) -> float:
    """The mean logit in the mask, from 0 to `LARGEST`.

    It is 0 where the network saw nothing at the click, which is obeyed all the same.

    Args:
        answer: clicks are obeyed in it.
        click: on the object, within the answer's window.
    """
    cell = to_cell(click, answer.window, *answer.logits.shape)
    logits = answer.logits[answer.logits > 0]
    if answer.logits[cell.y, cell.x] == LOGIT or not logits.size:
        return 0.0
    units = np.rint(np.minimum(logits, np.float32(LARGEST)) / np.float32(UNIT))
    return float(units.sum(dtype=np.float64)) * UNIT / logits.size


def surroundings(zoom: Zoom, click: Click, seen: Window, height: int, width: int) -> Window:
    """Those of a click.

    Args:
        zoom: says how small they are at least.
        click: the first.
        seen: the window of what was taken for the object.
        height, width: of the photo in pixels.
    """
    side = close_side(seen, CLOSER, zoom.min_side)
    return around(extent_of([click]), 1, side, width, height)
