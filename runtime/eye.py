"""Looking at a part of a photo: what the network is shown, what it answers, and the mask of that.
Where to look is `ioebss.prediction`'s; the eye of a GPU is `ioebss.gpu.eye`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from ioebss.click_planes import click_planes
from ioebss.clicks import Click, to_network
from ioebss.enlargement import logits_to_mask
from ioebss.errors import UsageError
from ioebss.manifest import Manifest
from ioebss.obedience import obey
from ioebss.pyramid import Pyramid
from ioebss.resampling import mask_to_network, moved, sigmoid
from ioebss.windows import Window

if TYPE_CHECKING:
    from ioebss.backends import Backend

CLOSED = "the session is closed; open the photo again"
COLOURS, PLANES, PREVIOUS = slice(0, 3), slice(3, 5), 5  # channels, in the manifest's order


@dataclass(frozen=True)
class Prediction:
    """What the network answered.

    Attributes:
        asked: the part of the photo that it was to see.
        window: the part that it saw: `asked`, aligned to whole pixels of a level of the pyramid. It
            may reach over the right and lower border.
        logits: float32 (h, w), foreground minus background, clicks obeyed. Outside the window is
            background.
        network: milliseconds that the network took for it; on a GPU, with all that is done there.
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


class Eye(Protocol):
    """Looks at one photo with one network. It belongs to one thread at a time.

    Attributes:
        height, width: of the photo in pixels.
    """

    height: int
    width: int

    def look(self, asked: Window, clicks: Sequence[Click], last: Last) -> Prediction:
        """Shows the network a part of the photo, once.

        Args:
            asked: the part.
            clicks: all of them, in photo pixels; in order.
            last: what the previous mask is made from.

        Raises:
            BackendError: the engine failed.
        """
        ...

    def mask(self, prediction: Prediction) -> NDArray[np.bool_]:
        """The mask of an answer, in the photo's resolution: bool (height, width), the caller's.

        Raises:
            BackendError: the engine failed.
        """
        ...

    def close(self) -> None:
        """Gives back what it holds; it cannot look any more."""
        ...


class HostEye:
    """The eye of every backend that takes its input from the host's memory; see `Eye`.

    Args:
        photo: uint8 (H, W, 3).
        manifest: of the model.
        backend: that runs it.
        longest: longer side of the network's input; None takes the recommended one.
        flip: average the answers to the input and to its mirror image.
    """

    def __init__(
        self,
        photo: NDArray[np.uint8],
        manifest: Manifest,
        backend: Backend,
        longest: int | None = None,
        flip: bool = False,
    ) -> None:
        self.height, self.width = photo.shape[:2]
        self._manifest, self._backend = manifest, backend
        self._longest, self._flip = longest, flip
        self._pyramid: Pyramid | None = Pyramid(photo)
        self._views: dict[Window, tuple[Window, NDArray[np.float32]]] = {}
        self._whole = Window(0, 0, self.width, self.height)
        self._view(self._whole)

    def look(self, asked: Window, clicks: Sequence[Click], last: Last) -> Prediction:
        """See `Eye`."""
        window, colours = self._view(asked)
        height, width = colours.shape[1:]
        cells = [to_cell(click, window, height, width) for click in clicks]
        inputs = np.empty((1, len(self._manifest.channels), height, width), np.float32)
        inputs[0, COLOURS] = colours
        inputs[0, PLANES] = click_planes(
            self._manifest.planes, cells, height, width, self._manifest.click_radius
        )
        if self._manifest.has_previous:
            inputs[0, PREVIOUS] = self._previous(last, window, height, width)
        started = time.perf_counter()
        logits = self._run(inputs)
        network = 1e3 * (time.perf_counter() - started)
        obey(logits, cells)
        return Prediction(asked, window, logits, network)

    def mask(self, prediction: Prediction) -> NDArray[np.bool_]:
        """See `Eye`."""
        self._levels()  # which a closed eye has not
        return logits_to_mask(prediction.logits, prediction.window, self.height, self.width)

    def close(self) -> None:
        """See `Eye`."""
        self._pyramid = None
        self._views.clear()

    def _levels(self) -> Pyramid:
        if self._pyramid is None:
            raise UsageError(CLOSED)
        return self._pyramid

    def _view(self, window: Window) -> tuple[Window, NDArray[np.float32]]:
        """The aligned window and its colours in the network's resolution. The whole photo's and the
        last two are kept, of the object and of a detail or of a click's surroundings."""
        view = self._views.pop(window, None)
        if view is None:
            size = self._manifest.input_size(window.height, window.width, self._longest)
            view = self._levels().view(window, *size)
            for old in [k for k in self._views if k != self._whole][:-1]:
                del self._views[old]
        self._views[window] = view  # the newest at the end
        return view

    def _run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        logits: NDArray[np.float32] = self._backend.run(inputs)[0, 0]
        if self._flip:
            mirrored = self._backend.run(np.ascontiguousarray(inputs[..., ::-1]))[0, 0]
            logits = np.asarray(0.5 * (logits + mirrored[:, ::-1]), np.float32)
        return np.array(logits)  # what an engine gives need not be writable

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


def to_cell(click: Click, window: Window, height: int, width: int) -> Click:
    """A click on the photo as one in the network's resolution, seen in a window."""
    x = to_network(click.x - window.x0, window.width, width)
    return Click(x, to_network(click.y - window.y0, window.height, height), click.label)
