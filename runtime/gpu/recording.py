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
    """The work of one kind: done plainly the first time, as libraries want it, recorded before the
    times that `RECORDED` names, and played in between. Where it cannot be recorded at all it is
    done plainly always; where a later recording fails, the one before is played on.

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
        self._replace(0)

    def _record(self, work: Callable[[], None], stream: int) -> None:
        try:
            graph = self._recorded(work, stream)
        except BackendError as error:
            # A graph that was recorded before is still right: only the first failure is final.
            self._recordable = bool(self._graph)
            logger.info("work on the GPU is not recorded: %s", error)
            return
        self._replace(graph)

    def _recorded(self, work: Callable[[], None], stream: int) -> int:
        self._driver.begin_capture(stream)
        try:
            work()
        except BaseException:
            # Recording ends in any case, or the stream could never be used again.
            self._destroy(self._driver.end_capture(stream))
            raise
        return self._driver.end_capture(stream)

    def _replace(self, graph: int) -> None:
        before, self._graph = self._graph, graph
        if before:
            self._destroy(before)

    def _destroy(self, graph: int) -> None:
        try:
            self._driver.destroy_graph(graph)
        except BackendError as error:  # the work itself can still be done
            logger.warning("not given back: %s", error)
