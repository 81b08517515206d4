"""The driver seam with pycuda. It works in the GPU's primary context, which torch, TensorRT and
ONNX Runtime share.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import BackendError, DeviceMemoryError, MissingExtraError
from ioebss.gpu import graphs, libcuda
from ioebss.gpu.driver import Extent

_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING
REMEDY = 'pip install "ioebss[gpu]" (pycuda is built from source, which needs nvcc)'


def import_pycuda() -> Any:
    """pycuda's driver module.

    Raises:
        MissingExtraError: it is not installed, or broken.
    """
    try:
        import pycuda.driver
    except ImportError as error:
        raise MissingExtraError(f"pycuda is not usable ({error}); {REMEDY}") from None
    return pycuda.driver


class PyCudaDriver:
    """See `ioebss.gpu.driver.Driver`. The first GPU; `CUDA_VISIBLE_DEVICES` says which that is.

    Raises:
        MissingExtraError: pycuda is not installed, or broken.
        BackendError: there is no driver or GPU, or the driver is too old.
    """

    def __init__(self) -> None:
        gpu = libcuda.require_gpu()
        self.name, self.compute_capability = gpu.name, gpu.compute_capability
        self._cuda = import_pycuda()
        self._library = libcuda.load()
        with self._errors("opening the GPU"):
            self._cuda.init()
            self._context = self._cuda.Device(0).retain_primary_context()
        _retain(self._library)
        # Left to itself, pycuda destroys the context as if it were its own, and complains.
        weakref.finalize(self, _give_back, self._context, self._library)
        # pycuda frees what nothing refers to any more; these are what is in use, by handle.
        self._memory: dict[int, Any] = {}
        self._streams: dict[int, Any] = {}
        self._modules: dict[int, Any] = {}

    @contextmanager
    def active(self) -> Iterator[None]:
        """See `Driver`."""
        with self._errors("entering the GPU's context"):
            self._context.push()
        try:
            yield
        finally:
            self._cuda.Context.pop()

    def allocate(self, size: int) -> int:
        """See `Driver`."""
        with self._errors(f"allocating {size} bytes on the GPU"):
            memory = self._cuda.mem_alloc(size)
        self._memory[int(memory)] = memory
        return int(memory)

    def release(self, pointer: int) -> None:
        """See `Driver`."""
        with self._errors("releasing memory of the GPU"):
            self._memory.pop(pointer).free()

    def allocate_pinned(self, size: int) -> NDArray[np.uint8]:
        """See `Driver`."""
        with self._errors(f"pinning {size} bytes"):
            array: NDArray[np.uint8] = self._cuda.pagelocked_empty(size, np.uint8)
        return array

    def release_pinned(self, array: NDArray[np.uint8]) -> None:
        """See `Driver`."""
        allocation: Any = array.base
        with self._errors("releasing pinned memory"):
            allocation.free()

    def open_stream(self) -> int:
        """See `Driver`."""
        with self._errors("opening a stream"):
            # A blocking stream cannot be recorded while another thread uses the default stream, as
            # PyTorch does, and TensorRT where it makes a context.
            stream = self._cuda.Stream(_NON_BLOCKING)
        self._streams[stream.handle] = stream
        return int(stream.handle)

    def close_stream(self, stream: int) -> None:
        """See `Driver`."""
        del self._streams[stream]  # pycuda closes it with its object

    def synchronise(self, stream: int) -> None:
        """See `Driver`."""
        with self._errors("work on the GPU"):
            self._streams[stream].synchronize()

    def upload(self, pointer: int, array: NDArray[Any], stream: int) -> None:
        """See `Driver`."""
        with self._errors("copying to the GPU"):
            self._cuda.memcpy_htod_async(pointer, array, self._streams[stream])

    def download(self, array: NDArray[Any], pointer: int, stream: int) -> None:
        """See `Driver`."""
        with self._errors("copying from the GPU"):
            self._cuda.memcpy_dtoh_async(array, pointer, self._streams[stream])

    def load_module(self, image: bytes) -> int:
        """See `Driver`."""
        with self._errors("loading kernels"):
            module = self._cuda.module_from_buffer(image)
        self._modules[id(module)] = module
        return id(module)

    def unload_module(self, module: int) -> None:
        """See `Driver`."""
        del self._modules[module]  # pycuda unloads it with its object

    def function(self, module: int, name: str) -> Any:
        """See `Driver`."""
        with self._errors(f"finding the kernel {name}"):
            return self._modules[module].get_function(name)

    def launch(
        self, function: Any, grid: Extent, block: Extent, pointers: Sequence[int], stream: int
    ) -> None:
        """See `Driver`."""
        with self._errors("launching a kernel"):
            function.prepare("P" * len(pointers))
            function.prepared_async_call(grid, block, self._streams[stream], *pointers)

    def begin_capture(self, stream: int) -> None:
        """See `Driver`."""
        graphs.begin_capture(self._library, stream)

    def end_capture(self, stream: int) -> int:
        """See `Driver`."""
        return graphs.end_capture(self._library, stream)

    def launch_graph(self, graph: int, stream: int) -> None:
        """See `Driver`."""
        graphs.launch_graph(self._library, graph, stream)

    def destroy_graph(self, graph: int) -> None:
        """See `Driver`."""
        graphs.destroy_graph(self._library, graph)

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        """pycuda's errors as ours."""
        try:
            yield
        except self._cuda.MemoryError:
            raise DeviceMemoryError(
                f"{doing} failed: the GPU's memory is used up; close other sessions and programs, "
                "or use a smaller size"
            ) from None
        except self._cuda.Error as error:
            raise BackendError(f"{doing} failed: {error}") from None


def _retain(library: Any) -> None:
    """Holds the primary context once more than pycuda does, so that pycuda's release is never the
    last one: it leaves the context on the thread's stack of contexts, where none that is gone may
    lie."""
    context = ctypes.c_void_p()
    code = library.cuDevicePrimaryCtxRetain(ctypes.byref(context), 0)
    libcuda.check(library, code, "opening the GPU")


def _give_back(context: Any, library: Any) -> None:
    """In any thread: pycuda gives back a context only where it is active."""
    context.push()
    context.detach()
    library.cuCtxPopCurrent_v2(ctypes.byref(ctypes.c_void_p()))
    library.cuDevicePrimaryCtxRelease_v2(0)
