"""From a photo, its clicks and the last prediction to the next prediction: where the network looks,
what it is shown, and what it answers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ioebss.backends import Backend
from ioebss.clicks import Click, to_network
from ioebss.manifest import Manifest
from ioebss.obedience import obey
from ioebss.planes import rasterise
from ioebss.pyramid import Pyramid
from ioebss.resampling import mask_to_network, moved, sigmoid
from ioebss.windows import Window, Zoom, around, extent_of, widened

COLOURS, PLANES, PREVIOUS = slice(0, 3), slice(3, 5), 5  # channels, in the manifest's order
MUCH_LARGER = 1.5  # a window is not kept when its area is so many times that of a new one


@dataclass(frozen=True)
class Prediction:
    """What the network answered.

    Attributes:
        asked: the part of the photo that it was to see.
        window: the part that it saw: `asked`, aligned to whole pixels of a level of the pyramid. It
            may reach over the right and lower border.
        logits: float32 (h, w), foreground minus background, clicks obeyed. Outside the window is
            background.
        network: milliseconds that the network took for it.
    """

    asked: Window
    window: Window
    logits: NDArray[np.float32]
    network: float


@dataclass(frozen=True)
class Start:
    """A mask to start from instead of a prediction: bool (H, W) of the photo."""

    mask: NDArray[np.bool_]


Last = Prediction | Start | None


class Predictor:
    """Predicts masks on one photo. Holds nothing of clicks: those belong to the session.

    Args:
        photo: uint8 (H, W, 3).
        manifest: of the model.
        backend: that runs it.
        longest: longer side of the network's input; None takes the recommended one.
        zoom: how to zoom in on the object; None always looks at the whole photo.
        flip: average the answers to the input and to its mirror image.
    """

    def __init__(
        self,
        photo: NDArray[np.uint8],
        manifest: Manifest,
        backend: Backend,
        longest: int | None = None,
        zoom: Zoom | None = None,
        flip: bool = False,
    ) -> None:
        self.height, self.width = photo.shape[:2]
        self._manifest, self._backend = manifest, backend
        self._longest, self._zoom, self._flip = longest, zoom, flip
        self._pyramid = Pyramid(photo)
        self._views: dict[Window, tuple[Window, NDArray[np.float32]]] = {}
        self._whole = Window(0, 0, self.width, self.height)
        self._view(self._whole)

    def predict(self, clicks: Sequence[Click], last: Last) -> Prediction:
        """The next prediction.

        Without a last one the whole photo is looked at; then, if the object turns out to be small,
        the object once more. With one, the object alone.

        Args:
            clicks: all of them, in photo pixels, the newest at the end; at least one.
            last: what is known from before the newest click.

        Raises:
            BackendError: the engine failed.
        """
        zoom = self._zoom
        if zoom is None:
            return self._look(self._whole, clicks, last)
        if last is not None:
            return self._look(self._next_window(zoom, clicks, last), clicks, last)
        coarse = self._look(self._whole, clicks, None)
        window = self._window(zoom, self._extent(clicks, coarse))
        if window.area >= zoom.first * self._whole.area:
            return coarse
        fine = self._look(window, clicks, coarse)
        return replace(fine, network=coarse.network + fine.network)

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
        extent, marked = self._extent_of_mask(last), extent_of(clicks)
        return extent.joined(marked) if extent and marked else None

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

    # -- looking -----------------------------------------------------------------------------------

    def _view(self, window: Window) -> tuple[Window, NDArray[np.float32]]:
        """The aligned window and its colours in the network's resolution. The whole photo's and the
        last one are kept."""
        if window not in self._views:
            size = self._manifest.input_size(window.height, window.width, self._longest)
            kept = {k: v for k, v in self._views.items() if k == self._whole}
            self._views = kept | {window: self._pyramid.view(window, *size)}
        return self._views[window]

    def _look(self, asked: Window, clicks: Sequence[Click], last: Last) -> Prediction:
        window, colours = self._view(asked)
        height, width = colours.shape[1:]
        cells = [_to_cell(click, window, height, width) for click in clicks]
        inputs = np.empty((1, len(self._manifest.channels), height, width), np.float32)
        inputs[0, COLOURS] = colours
        inputs[0, PLANES] = rasterise(cells, height, width, self._manifest.click_radius)
        if self._manifest.has_previous:
            inputs[0, PREVIOUS] = self._previous(last, window, height, width)
        started = time.perf_counter()
        logits = self._run(inputs)
        network = 1e3 * (time.perf_counter() - started)
        obey(logits, cells)
        return Prediction(asked, window, logits, network)

    def _run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self._backend.run(inputs)[0, 0]
        if self._flip:
            mirrored = self._backend.run(np.ascontiguousarray(inputs[..., ::-1]))[0, 0]
            logits = np.asarray(0.5 * (logits + mirrored[:, ::-1]), np.float32)
        return np.array(logits)

    def _previous(
        self, last: Last, window: Window, height: int, width: int
    ) -> NDArray[np.float32] | float:
        if last is None:
            return 0.0
        if isinstance(last, Start):
            part = last.mask[window.y0 : window.y1, window.x0 : window.x1]
            over = ((0, window.height - part.shape[0]), (0, window.width - part.shape[1]))
            return mask_to_network(np.pad(part, over), height, width)
        probability = sigmoid(last.logits)
        if last.window == window:
            return probability
        return moved(probability, last.window, window, height, width)


def _to_cell(click: Click, window: Window, height: int, width: int) -> Click:
    x = to_network(click.x - window.x0, window.width, width)
    return Click(x, to_network(click.y - window.y0, window.height, height), click.label)
