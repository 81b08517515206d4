"""From a photo, its clicks and the last prediction to the next prediction: where the network looks.
What it is shown there, and what it answers, is the eye's (`ioebss.eye`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ioebss.clicks import Click
from ioebss.details import detail_window, with_detail
from ioebss.eye import Eye, Last, Prediction, Start
from ioebss.forgetting import is_contradicted
from ioebss.islands import without_islands
from ioebss.opinions import sureness, surroundings
from ioebss.windows import Window, Zoom, around, extent_of, widened

MUCH_LARGER = 1.5  # a window is not kept when its area is so many times that of a new one


class Predictor:
    """Predicts masks on one photo. Holds nothing of clicks: those belong to the session.

    Args:
        eye: that looks at the photo.
        zoom: how to zoom in on the object; None always looks at the whole photo.
    """

    def __init__(self, eye: Eye, zoom: Zoom | None = None) -> None:
        self.height, self.width = eye.height, eye.width
        self._eye, self._zoom = eye, zoom
        self._whole = Window(0, 0, self.width, self.height)

    def predict(self, clicks: Sequence[Click], last: Last, given: bool) -> Prediction:
        """The next prediction.

        Without a last one the whole photo is looked at, and where the network is unsure of what it
        sees there the click's surroundings; then, if the object turns out to be small, or was found
        in those, the object once more. With one, the object alone, and after some clicks the
        surroundings of the newest once more.

        Args:
            clicks: all of them, in photo pixels, the newest at the end; at least one.
            last: what is known from before the newest click.
            given: more than the clicks says what belongs to the object: no part of the mask is an
                island, what was predicted is not forgotten, and there is no second opinion.

        Raises:
            BackendError: the engine failed.
        """
        zoom = self._zoom
        if zoom is None:
            return self._eye.look(self._whole, clicks, last)
        if last is not None:
            shown = None if not given and _is_forgotten(zoom, clicks, last) else last
            answer = self._eye.look(self._next_window(zoom, clicks, last), clicks, shown)
            few = isinstance(last, Prediction) and len(clicks) <= zoom.detail_after
            if zoom.detail and not few:
                answer = self._detailed(zoom, clicks, answer)
            return _cleared(zoom, clicks, answer, given)
        coarse = self._found(zoom, clicks, given)
        window = self._window(zoom, self._extent(clicks, coarse))
        if coarse.asked == self._whole and window.area >= zoom.first * self._whole.area:
            return coarse
        fine = _cleared(zoom, clicks, self._eye.look(window, clicks, coarse), given)
        return replace(fine, network=coarse.network + fine.network)

    def _found(self, zoom: Zoom, clicks: Sequence[Click], given: bool) -> Prediction:
        """What is seen on the whole photo; where the network is unsure of that after one click, on
        the click's surroundings, if it is surer of that."""
        whole = _cleared(zoom, clicks, self._eye.look(self._whole, clicks, None), given)
        if given or len(clicks) > 1 or zoom.unsure is None:
            return whole
        click, sure = clicks[0], sureness(whole, clicks[0])
        if sure > zoom.unsure:
            return whole
        seen = self._window(zoom, self._extent(clicks, whole))
        near = surroundings(zoom, click, seen, self.height, self.width)
        if near == self._whole:
            return whole
        other = _cleared(zoom, clicks, self._eye.look(near, clicks, None), given)
        surer = other if sureness(other, click) > sure else whole
        return replace(surer, network=whole.network + other.network)

    def _detailed(self, zoom: Zoom, clicks: Sequence[Click], answer: Prediction) -> Prediction:
        """The answer with the surroundings of the newest click looked at once more."""
        window = detail_window(zoom, clicks[-1], answer.asked, self.height, self.width)
        if window is None:
            return answer
        seen = [click for click in clicks if window.shows(click)]
        detail = self._eye.look(window, seen, answer)
        return with_detail(answer, detail, clicks, self.height, self.width)

    # -- where to look -----------------------------------------------------------------------------

    def _next_window(self, zoom: Zoom, clicks: Sequence[Click], last: Prediction | Start) -> Window:
        """The window of the last prediction, as long as it fits, else a new one."""
        extent = self._extent(clicks, last)
        fresh = self._window(zoom, extent)
        if isinstance(last, Prediction) and extent is not None:
            needed = widened(extent, zoom.keep, self.width, self.height)
            if last.asked.holds(needed) and last.asked.area <= MUCH_LARGER * fresh.area:
                return last.asked
        return fresh

    def _window(self, zoom: Zoom, extent: Window | None) -> Window:
        if extent is None:
            return self._whole
        return around(extent, zoom.margin, zoom.min_side, self.width, self.height)

    def _extent(self, clicks: Sequence[Click], last: Prediction | Start) -> Window | None:
        """The part of the photo that the last mask and all clicks take; None if the mask is empty:
        the object may be anywhere."""
        extent = self._extent_of_mask(last)
        return None if extent is None else extent.joined(extent_of(clicks))

    def _extent_of_mask(self, last: Prediction | Start) -> Window | None:
        """The part of the photo that the mask takes, to a network pixel; None if it is empty."""
        solid = last.mask if isinstance(last, Start) else last.logits > 0
        rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
        if not rows.size:
            return None
        if isinstance(last, Start):
            return Window(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        (height, width), window = solid.shape, last.window
        return Window(
            window.x0 + int(columns[0]) * window.width // width,
            window.y0 + int(rows[0]) * window.height // height,
            min(self.width, window.x0 - (-(int(columns[-1]) + 1) * window.width // width)),
            min(self.height, window.y0 - (-(int(rows[-1]) + 1) * window.height // height)),
        )


def _is_forgotten(zoom: Zoom, clicks: Sequence[Click], last: Prediction | Start) -> bool:
    """Whether the network is shown nothing of what was predicted."""
    return (
        zoom.forget is not None
        and isinstance(last, Prediction)
        and is_contradicted(last, clicks, zoom.forget)
    )


def _cleared(zoom: Zoom, clicks: Sequence[Click], answer: Prediction, given: bool) -> Prediction:
    """The answer without islands, where they are to go."""
    if zoom.islands is None or given:
        return answer
    return without_islands(answer, clicks, zoom.islands)
