"""When the previous mask is kept from the network: early in a session, where a click says that the
network took the wrong thing for the object.

A background click deep in the mask takes away no detail of it. With the mask shown to it again, the
network would cut a hole there and hold on to the rest, which is wrong as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ioebss.clicks import FOREGROUND, Click
from ioebss.eye import Prediction, to_cell

CLICKS = 3  # the first so many of a session; after them a mask has been agreed on


def is_contradicted(last: Prediction, clicks: Sequence[Click], depth: float) -> bool:
    """Whether the newest click says that what was predicted is something else than the object.

    That is one of the first clicks, off the object, of which the mask holds the surroundings: the
    square that reaches `depth` times the root of the mask's area to all sides.

    Args:
        last: the prediction before the newest click.
        clicks: all, in photo pixels, the newest at the end; at least one.
        depth: from 0. Areas and lengths are in the network's pixels.
    """
    newest = clicks[-1]
    if len(clicks) > CLICKS or newest.label == FOREGROUND or not last.window.shows(newest):
        return False
    mask = last.logits > 0
    height, width = mask.shape
    cell = to_cell(newest, last.window, height, width)
    reach = int(depth * math.sqrt(np.count_nonzero(mask)))
    top, left, bottom, right = cell.y - reach, cell.x - reach, cell.y + reach, cell.x + reach
    if top < 0 or left < 0 or bottom >= height or right >= width:
        return False
    return bool(mask[top : bottom + 1, left : right + 1].all())
