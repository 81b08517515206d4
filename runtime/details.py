"""A detail looked at once more: which part of the photo that is, and how its answer goes into that
of the object.

As the object's mask grows right, clicks correct what is thin or small in the window of the whole
object. That the surroundings of the newest click are seen closer is known from FocalClick (Chen et
al. 2022), which has a network of its own for it; here it is the same one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import Click
from ioebss.eye import Prediction, to_cell
from ioebss.obedience import obey
from ioebss.resampling import moved, sources
from ioebss.windows import Window, Zoom, around, close_side, extent_of

LARGEST = 0.75  # of the object's window: more of it would show nothing new
BORDER = 10  # one part in so many at each side of the detail's window is seen, but not used


def detail_window(
    zoom: Zoom, click: Click, whole: Window, height: int, width: int
) -> Window | None:
    """The surroundings of a click; None where they are not much smaller than the window of the
    whole object.

    Args:
        zoom: says how large they are.
        click: the newest.
        whole: the object's window.
        height, width: of the photo in pixels.
    """
    side = close_side(whole, zoom.detail, zoom.min_side)
    if side > max(whole.width, whole.height) * LARGEST:
        return None
    return around(extent_of([click]), 1, side, width, height)


def with_detail(
    whole: Prediction, detail: Prediction, clicks: Sequence[Click], height: int, width: int
) -> Prediction:
    """The answer to the object's window, with that to a detail in its place; both were asked of one
    photo of `height` and `width` pixels. All clicks are obeyed in it."""
    rows, columns = whole.logits.shape
    inner = _inner(detail.asked, height, width)
    window = whole.window
    down = sources(rows, inner.y0, inner.y1, window.y0, window.y1, rows)[2]
    across = sources(columns, inner.x0, inner.x1, window.x0, window.x1, columns)[2]
    answer: NDArray[np.float32] = moved(detail.logits, detail.window, window, rows, columns)
    logits = np.where(down[:, None] & across, answer, whole.logits)
    obey(logits, [to_cell(click, window, rows, columns) for click in clicks])
    return replace(whole, logits=logits, network=whole.network + detail.network)


def _inner(window: Window, height: int, width: int) -> Window:
    """A window without its borders, which the network sees with nothing beyond them. Where the
    photo ends there is nothing beyond."""
    across, down = window.width // BORDER, window.height // BORDER
    return Window(
        window.x0 + (across if window.x0 > 0 else 0),
        window.y0 + (down if window.y0 > 0 else 0),
        window.x1 - (across if window.x1 < width else 0),
        window.y1 - (down if window.y1 < height else 0),
    )
