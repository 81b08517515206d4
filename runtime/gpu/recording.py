"""Work on the GPU that is done again and again: recorded in a CUDA graph, it costs one launch."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ioebss.errors import BackendError
from ioebss.gpu.driver import Driver

logger = logging.getLogger("ioebss")
# TensorRT-RTX compiles faster kernels for a shape in the background and takes them up when it is
# called the next time, which a graph never does: it is recorded anew a few times.
RECORDED = (1, 4, 16, 64)  # times that the work was done before


class Recording:
    """The work of one kind: done plainly the first time, as libraries want it, recorded the second
    time, and played from then on. Where it cannot be recorded it is done plainly always.

    Args:
        driver: of the GPU.
        recordable: whether to try.
    """

    def __init__(self, driver: Driver, recordable: bool = True) -> None:
        self._driver, self._recordable = driver, recordable
        self._done, self._graph = 0, 0

    def do(self, work: Callable[[], None], stream: int) -> None:
        """Does the work.

        Args:
            work: puts it on the stream, the same each time until `forget`.
            stream: to put it on.

        Raises:
            BackendError: the work failed.
        """
        if self._recordable and self._done in RECORDED:
            self._record(work, stream)
        if self._graph:
            self._driver.launch_graph(self._graph, stream)
        else:
            work()
        self._done += 1

    def forget(self) -> None:
        """The work will be another one from now on."""
        self._done = 0
        self._destroy()

    def _destroy(self) -> None:
        graph, self._graph = self._graph, 0
        if graph:
            self._driver.destroy_graph(graph)

    def _record(self, work: Callable[[], None], stream: int) -> None:
        driver = self._driver
        self._destroy()
        try:
            driver.begin_capture(stream)
            try:
                work()
            finally:
                self._graph = driver.end_capture(stream)
        except BackendError as error:
            self.forget()
            self._recordable = False
            logger.info("work on the GPU is not recorded: %s", error)
