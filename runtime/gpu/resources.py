"""What is owned on the GPU, given back together: on close, on error, and when its owner is gone."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from functools import partial
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import BackendError
from ioebss.gpu.driver import Driver

logger = logging.getLogger("ioebss")
GiveBack = Callable[[], object]


class Resources:
    """Device memory, pinned memory, streams and what else must be given back, in the reverse order.

    The driver must be active in the calling thread when something is taken; to give back, it is
    made active. A context manager: it closes at the end.
    """

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._held: list[GiveBack] = []
        self._finalizer = weakref.finalize(self, _give_all_back, driver, self._held)

    def memory(self, size: int) -> int:
        """Device memory of so many bytes; its address."""
        pointer = self._driver.allocate(size)
        self.keep(partial(self._driver.release, pointer))
        return pointer

    def pinned(self, size: int) -> NDArray[np.uint8]:
        """Pinned host memory of so many bytes."""
        array = self._driver.allocate_pinned(size)
        self.keep(partial(self._driver.release_pinned, array))
        return array

    def stream(self) -> int:
        """A queue of work; its handle."""
        stream = self._driver.open_stream()
        self.keep(partial(self._driver.close_stream, stream))
        return stream

    def module(self, image: bytes) -> int:
        """Kernels of a fatbin; their handle."""
        module = self._driver.load_module(image)
        self.keep(partial(self._driver.unload_module, module))
        return module

    def keep(self, give_back: GiveBack) -> None:
        """Has something else given back with the rest. It must not refer to the owner."""
        self._held.append(give_back)

    @property
    def closed(self) -> bool:
        """Whether everything was given back."""
        return not self._finalizer.alive

    def close(self) -> None:
        """Gives everything back; a second time does nothing."""
        self._finalizer()

    def __enter__(self) -> Resources:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _give_all_back(driver: Driver, held: list[GiveBack]) -> None:
    """One that fails does not keep the others."""
    if not held:
        return
    with driver.active():
        while held:
            try:
                held.pop()()
            except BackendError as error:
                logger.warning("giving back what was used on the GPU: %s", error)
