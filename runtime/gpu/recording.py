"""Work on the GPU that is done again and again: recorded in a CUDA graph, it costs one launch."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ioebss.errors import BackendError
from ioebss.gpu.driver import Driver

logger = logging.getLogger("ioebss")


class Recording:
    """The work of one kind: done plainly the first time, as libraries want it, recorded the second
    time, and played from then on. Where it cannot be recorded it is done plainly always.

    Args:
        driver: of the GPU.
        recordable: whether to try.
    """

    def __init__(self, driver: Driver, recordable: bool = True) -> None:
        self._driver, self._recordable = driver, recordable
        self._done, self._graph = False, 0

    def do(self, work: Callable[[], None], stream: int) -> None:
        """Does the work.

        Args:
            work: puts it on the stream, the same each time until `forget`.
            stream: to put it on.

        Raises:
            BackendError: the work failed.
        """
        if self._done and self._recordable and not self._graph:
            self._record(work, stream)
        if self._graph:
            self._driver.launch_graph(self._graph, stream)
        else:
            work()
            self._done = True

    def forget(self) -> None:
        """The work will be another one from now on."""
        graph, self._graph, self._done = self._graph, 0, False
        if graph:
            self._driver.destroy_graph(graph)

    def _record(self, work: Callable[[], None], stream: int) -> None:
        driver = self._driver
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
