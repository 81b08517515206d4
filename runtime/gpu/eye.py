"""The eye of a GPU: the photo goes there once, then clicks go there, and the mask and the small
logits come back. All arithmetic is that of `ioebss.eye.HostEye`, bit for bit.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import MAX_CLICKS, Click
from ioebss.errors import BackendError, UsageError
from ioebss.eye import CLOSED, Last, Prediction, Start, to_cell
from ioebss.gpu.driver import Driver
from ioebss.gpu.engine import Execution
from ioebss.gpu.kernels import Kernels
from ioebss.gpu.levels import DeviceLevels
from ioebss.gpu.recording import Recording
from ioebss.gpu.resources import Resources
from ioebss.kernels.look import LOGITS, MASK, NOTHING, Box, Look, Place
from ioebss.manifest import Manifest
from ioebss.pyramid import placed
from ioebss.windows import Window

Cells = list[tuple[int, int, int]]  # clicks in network pixels: x, y, label

_CELLS = MAX_CLICKS * 3 * 4  # bytes of a list of cells
_CELLS_AT = -(-ctypes.sizeof(Look) // 256) * 256
_ERASED_AT = _CELLS_AT + _CELLS
_PARAMETERS = _ERASED_AT + _CELLS


class DeviceEye:
    """See `ioebss.eye.Eye`. What it holds on the GPU is given back by `close`, on errors while it
    is made, and when nothing refers to it any more.

    Args:
        photo: uint8 (H, W, 3).
        manifest: of the model.
        driver: of the GPU.
        kernels: there.
        execution: of the network; it is closed with the eye.
        longest: longer side of the network's input; None takes the recommended one.

    Raises:
        DeviceMemoryError: there is no memory left on the GPU.
        BackendError: the driver failed.
    """

    _shown: tuple[int, Window, int, int] | None  # level, window, height and width of the input
    _drawn: Cells
    _held: NDArray[np.float32] | None

    def __init__(
        self,
        photo: NDArray[np.uint8],
        manifest: Manifest,
        driver: Driver,
        kernels: Kernels,
        execution: Execution,
        longest: int | None = None,
    ) -> None:
        self.height, self.width = photo.shape[:2]
        self._manifest, self._longest = manifest, longest
        self._driver, self._kernels, self._execution = driver, kernels, execution
        self._looking = Recording(driver, execution.capturable)
        self._masking = Recording(driver)
        self._look = Look()
        with driver.active():
            self._resources = Resources(driver)
            self._resources.keep(execution.close)
            self._resources.keep(self._looking.forget)
            self._resources.keep(self._masking.forget)
            try:
                self._allocate(photo)
            except BaseException:
                self._resources.close()
                raise
        self._forget()

    def look(self, asked: Window, clicks: Sequence[Click], last: Last) -> Prediction:
        """See `Eye`."""
        height, width = self._manifest.input_size(asked.height, asked.width, self._longest)
        level, window = placed(asked, height, width)
        cells = [(c.x, c.y, c.label) for c in (to_cell(k, window, height, width) for k in clicks)]
        with self._working():
            self._show(level, window, height, width)
            self._set_cells(cells)
            self._set_previous(last)
            self._write_look()
            started = time.perf_counter()
            self._looking.do(partial(self._enqueue_look, height, width), self._stream)
            self._driver.synchronise(self._stream)
            network = 1e3 * (time.perf_counter() - started)
            logits = self._pinned_logits[: height * width].reshape(height, width).copy()
            self._shown, self._drawn, self._held = (level, window, height, width), cells, logits
        return Prediction(asked, window, logits, network)

    def mask(self, prediction: Prediction) -> NDArray[np.bool_]:
        """See `Eye`."""
        with self._working():
            self._hold(prediction)
            self._look.window = Box.of(prediction.window)
            self._look.height, self._look.width = prediction.logits.shape
            self._write_look()
            self._masking.do(self._enqueue_mask, self._stream)
            self._driver.synchronise(self._stream)
        return self._pinned_mask.reshape(self.height, self.width).view(np.bool_).copy()

    def close(self) -> None:
        """See `Eye`."""
        self._resources.close()

    # -- what lies on the GPU ----------------------------------------------------------------------

    def _allocate(self, photo: NDArray[np.uint8]) -> None:
        held, look, manifest = self._resources, self._look, self._manifest
        self._stream = held.stream()
        self._parameters = held.memory(_PARAMETERS)
        self._pinned = held.pinned(_PARAMETERS)
        most = _largest_input(manifest, self._longest)
        look.channels, look.radius = len(manifest.channels), manifest.click_radius
        look.input = held.memory(4 * look.channels * most)
        look.logits = look.last_logits = held.memory(4 * most)
        self._pinned_logits = held.pinned(4 * most).view(np.float32)
        look.cells = self._parameters + _CELLS_AT
        look.erased_cells = self._parameters + _ERASED_AT
        look.photo_height, look.photo_width = self.height, self.width
        look.mask = held.memory(self.height * self.width)
        look.rows = held.memory(ctypes.sizeof(Place) * self.height)
        look.columns = held.memory(ctypes.sizeof(Place) * self.width)
        self._pinned_mask = held.pinned(self.height * self.width)
        self._levels = DeviceLevels(photo, held, self._driver, self._kernels, self._stream)

    @contextmanager
    def _working(self) -> Iterator[None]:
        """The driver is active; after an error nothing is under way and nothing is known any more,
        so that the next look starts afresh."""
        if self._resources.closed:
            raise UsageError(CLOSED)
        with self._driver.active():
            try:
                yield
            except BaseException:
                self._forget()
                with suppress(BackendError):  # the error that is under way says more
                    self._driver.synchronise(self._stream)
                raise

    def _forget(self) -> None:
        """What the input shows, which discs are drawn in it, and whose logits lie on the GPU."""
        self._shown, self._drawn, self._held = None, [], None

    def _hold(self, prediction: Prediction) -> None:
        """Has a prediction's logits on the GPU."""
        if self._held is not prediction.logits:
            self._held = None
            self._driver.upload(self._look.logits, prediction.logits, self._stream)
            self._held = prediction.logits

    # -- the parameters of a look ------------------------------------------------------------------

    def _show(self, level: int, window: Window, height: int, width: int) -> None:
        """The window, and whether the input shows it already."""
        look = self._look
        if self._shown is None or self._shown[2:] != (height, width):
            self._looking.forget()
        look.repaint = look.clear = int(self._shown != (level, window, height, width))
        self._levels.point(look, level)
        look.region = Box(*(side >> level for side in (window.x0, window.y0, window.x1, window.y1)))
        look.window = Box.of(window)
        look.height, look.width = height, width

    def _set_cells(self, cells: Cells) -> None:
        """Which discs are drawn, and which erased: only what has changed, unless some must be
        erased, which others may overlap."""
        look, drawn = self._look, [] if self._look.clear else self._drawn
        same = 0
        while same < min(len(drawn), len(cells)) and drawn[same] == cells[same]:
            same += 1
        erased = drawn[same:]
        look.first_drawn = 0 if erased else same
        look.cell_count, look.erased_count = len(cells), len(erased)
        self._write(_CELLS_AT, cells)
        self._write(_ERASED_AT, erased)

    def _write_look(self) -> None:
        self._pinned[: ctypes.sizeof(Look)] = np.frombuffer(bytes(self._look), np.uint8)

    def _write(self, offset: int, cells: Cells) -> None:
        values = np.array(cells, np.int32).reshape(-1).view(np.uint8)
        self._pinned[offset : offset + len(values)] = values

    def _set_previous(self, last: Last) -> None:
        look = self._look
        if last is None or not self._manifest.has_previous:
            look.previous = NOTHING
        elif isinstance(last, Start):
            look.previous = MASK
            if not look.start_mask:
                look.start_mask = self._resources.memory(self.height * self.width)
            mask = np.ascontiguousarray(last.mask).view(np.uint8)
            self._driver.upload(look.start_mask, mask, self._stream)
        else:
            look.previous = LOGITS
            self._hold(last)
            look.last_window = Box.of(last.window)
            look.last_height, look.last_width = last.logits.shape

    # -- the work ----------------------------------------------------------------------------------

    def _enqueue_look(self, height: int, width: int) -> None:
        pixels, look, driver = height * width, self._look, self._driver
        discs = (2 * look.radius + 1) ** 2
        self._upload_parameters()
        self._launch("photo_to_planes", pixels)
        self._launch("clear_planes", 2 * pixels)
        self._launch("erase_discs", 16 * discs)
        self._launch("draw_discs", 16 * discs)
        self._launch("fill_previous", pixels)
        shape = (1, look.channels, height, width)
        self._execution.enqueue((look.input, look.logits), shape, self._stream)
        self._launch("obey", 1)
        driver.download(self._pinned_logits[:pixels], look.logits, self._stream)

    def _enqueue_mask(self) -> None:
        self._upload_parameters()
        self._launch("place_mask", self.height + self.width)
        self._launch("logits_to_mask", self.height * self.width)
        self._driver.download(self._pinned_mask, self._look.mask, self._stream)

    def _upload_parameters(self) -> None:
        self._driver.upload(self._parameters, self._pinned, self._stream)

    def _launch(self, kernel: str, count: int) -> None:
        self._kernels.launch(kernel, count, self._parameters, self._stream)


def _largest_input(manifest: Manifest, longest: int | None) -> int:
    """Pixels of the largest input that there can be."""
    if manifest.fixed_size:
        return manifest.fixed_size[0] * manifest.fixed_size[1]
    height, width = manifest.input_size(1, 1, longest)
    return height * width
