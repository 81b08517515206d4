"""Islands: parts of a mask that no click says belong to the object.

A network that has learnt what an object looks like marks others of the kind, and what a click off
the object leaves of the thing that was taken for it. A part far from those that were clicked on is
more often that than the other half of an object that something hides.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import FOREGROUND, Click
from ioebss.eye import Prediction, to_cell
from ioebss.obedience import LOGIT, RADIUS


def without_islands(answer: Prediction, clicks: Sequence[Click], gap: float) -> Prediction:
    """The answer without the parts of its mask that hang together with no foreground click.

    Pixels hang together over their eight neighbours, and over gaps of up to `gap` times the root of
    the mask's area. Where no part has a click on it, all stay: nothing is known of them.

    Args:
        answer: clicks are obeyed in it. It stays as it is.
        clicks: all, in photo pixels.
        gap: from 0. Areas and lengths are in the network's pixels.
    """
    mask = answer.logits > 0
    height, width = mask.shape
    count, parts = _labels(mask, int(gap * math.sqrt(np.count_nonzero(mask)) / 2))
    kept = np.zeros(count, bool)
    for click in clicks:
        if click.label == FOREGROUND:
            cell = to_cell(click, answer.window, height, width)
            kept[parts[_about(cell.y), _about(cell.x)]] = True
    kept[0] = False  # what is in no part
    islands = mask & ~kept[parts]
    if not kept.any() or not islands.any():
        return answer
    return replace(answer, logits=np.where(islands, np.float32(-LOGIT), answer.logits))


def _about(place: int) -> slice:
    """The surroundings of a click along an axis: a background click nearby that was obeyed after it
    may have taken its own cell off the mask, and this far the disc of that reaches."""
    return slice(max(0, place - RADIUS - 1), place + RADIUS + 2)


def _labels(mask: NDArray[np.bool_], steps: int) -> tuple[int, NDArray[np.int32]]:
    """Labels of the parts of a mask, int32 (H, W), from 1: those of the mask grown by so many steps
    of a king, 0 beyond it. Before them how many there are, 0 among them."""
    steps = min(steps, max(mask.shape))
    kernel = np.ones((2 * steps + 1, 2 * steps + 1), np.uint8)
    grown = cv2.dilate(mask.astype(np.uint8), kernel)
    count, labels = cv2.connectedComponents(grown, connectivity=8)
    return count, np.asarray(labels)
