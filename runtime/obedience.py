"""A click is always obeyed: what a person marked as object is object, and the other way round.

The network follows nearly all clicks. Where it does not, the click's surroundings are put on its
side, a small disc in the network's resolution, so that the next prediction starts from there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import FOREGROUND, Click
from ioebss.planes import disc_in

LOGIT = 1.0  # of pixels that are put on a side
SURE = 1 / (1 + math.exp(-LOGIT))  # their probability, or 1 minus it
RADIUS = 3  # of the disc, in network pixels


def obey(logits: NDArray[np.float32], cells: Iterable[Click]) -> None:
    """Puts the disc of each click that is on the wrong side onto the right one, in place.

    Args:
        logits: (H, W).
        cells: the clicks in network pixels, in order; later ones win.
    """
    for cell in cells:
        sign = 1.0 if cell.label == FOREGROUND else -1.0
        if sign * logits[cell.y, cell.x] <= 0:
            rows, columns, inside = disc_in(logits.shape, cell.x, cell.y, RADIUS)
            part = logits[rows, columns]
            part[inside & (sign * part < LOGIT)] = sign * LOGIT


def obey_exactly(
    result: NDArray[Any], clicks: Iterable[Click], background: Any, foreground: Any
) -> None:
    """Puts the clicked pixels themselves on the right side, in place.

    Args:
        result: (H, W), a mask or probabilities in the photo's resolution.
        clicks: in photo pixels; later ones win.
        background, foreground: the bounds that a clicked pixel must keep: at most, at least.
    """
    for click in clicks:
        value = result[click.y, click.x]
        bound = max(value, foreground) if click.label == FOREGROUND else min(value, background)
        result[click.y, click.x] = bound
