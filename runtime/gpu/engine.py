"""A network on the GPU, fed from device memory."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ioebss.gpu.driver import Driver
from ioebss.gpu.resources import Resources

Shape = tuple[int, int, int, int]  # batch, channels, height, width


class Execution(Protocol):
    """What one session needs to run a network; it shares the weights with others. It belongs to one
    thread at a time, and the driver must be active there.

    Attributes:
        capturable: whether its work can be recorded in a CUDA graph, after it was done once for
            the shape.
    """

    capturable: bool

    def enqueue(self, pointers: tuple[int, int], shape: Shape, stream: int) -> None:
        """Runs the network, in order with the stream.

        Args:
            pointers: of the input, float32 of this shape, and of the logits, float32
                (batch, 1, height, width), both on the GPU.
            shape: of the input.
            stream: to put it on.

        Raises:
            EngineMismatchError: the engine does not take this shape.
            BackendError: it failed.
        """
        ...

    def close(self) -> None:
        """Gives back what it holds on the GPU."""
        ...


def run_on_device(
    driver: Driver, execution: Execution, inputs: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Runs a network on an array of the host.

    Args:
        inputs: float32 (N, C, H, W).

    Returns:
        logits, float32 (N, 1, H, W).

    Raises:
        BackendError: it failed, or there is no memory left.
    """
    count, channels, height, width = inputs.shape
    logits = np.empty((count, 1, height, width), np.float32)
    with driver.active(), Resources(driver) as resources:
        stream = resources.stream()
        pointers = (resources.memory(inputs.nbytes), resources.memory(logits.nbytes))
        driver.upload(pointers[0], np.ascontiguousarray(inputs), stream)
        execution.enqueue(pointers, (count, channels, height, width), stream)
        driver.download(logits, pointers[1], stream)
        driver.synchronise(stream)
    return logits
