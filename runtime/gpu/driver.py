"""The seam to a CUDA driver binding: all that IOEBSS asks of it. `pycuda_driver` is one; another
needs these few methods and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Extent = tuple[int, int, int]  # of a grid in blocks, of a block in threads


class Driver(Protocol):
    """One GPU in one context. Pointers and handles are the driver's own, as whole numbers.

    Every call but `active` must be made while it is active in the calling thread. All raise
    `BackendError` when the driver fails, and `DeviceMemoryError` where there is no memory left.

    Attributes:
        name: of the GPU.
        compute_capability: "9.0" for example.
    """

    name: str
    compute_capability: str

    def active(self) -> AbstractContextManager[None]:
        """The GPU's context, current in this thread as long as this is entered. It may be entered
        in several threads, and again within itself."""
        ...

    def allocate(self, size: int) -> int:
        """Device memory of so many bytes, at least one; its address."""
        ...

    def release(self, pointer: int) -> None:
        """Gives device memory back."""
        ...

    def allocate_pinned(self, size: int) -> NDArray[np.uint8]:
        """Host memory of so many bytes that is copied from and to without a detour."""
        ...

    def release_pinned(self, array: NDArray[np.uint8]) -> None:
        """Gives pinned host memory back; the very array that was allocated."""
        ...

    def open_stream(self) -> int:
        """A queue of work; its handle."""
        ...

    def close_stream(self, stream: int) -> None:
        """Gives a stream back."""
        ...

    def synchronise(self, stream: int) -> None:
        """Waits until all work of a stream is done."""
        ...

    def upload(self, pointer: int, array: NDArray[Any], stream: int) -> None:
        """Copies a contiguous array to the device, in order with the stream. Pinned arrays must not
        change until the stream is synchronised."""
        ...

    def download(self, array: NDArray[Any], pointer: int, stream: int) -> None:
        """Fills a contiguous array from the device, in order with the stream; it is filled when the
        stream is synchronised."""
        ...

    def load_module(self, image: bytes) -> int:
        """Loads kernels from a fatbin or cubin."""
        ...

    def unload_module(self, module: int) -> None:
        """Gives a module back."""
        ...

    def function(self, module: int, name: str) -> Any:
        """A kernel of a module, to launch."""
        ...

    def launch(
        self, function: Any, grid: Extent, block: Extent, pointers: Sequence[int], stream: int
    ) -> None:
        """Starts a kernel, in order with the stream. All its parameters are pointers."""
        ...

    def begin_capture(self, stream: int) -> None:
        """From here on the stream's work is not done but recorded."""
        ...

    def end_capture(self, stream: int) -> int:
        """Ends recording; the handle of the graph, ready to be launched."""
        ...

    def launch_graph(self, graph: int, stream: int) -> None:
        """Does recorded work again, in order with the stream."""
        ...

    def destroy_graph(self, graph: int) -> None:
        """Gives a graph back."""
        ...
