"""A stand-in at the driver seam: device memory is the host's, kernels are the host build of the
same text, and networks run in ONNX Runtime. All else is the real code.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ioebss.backends.onnxruntime_cpu import OnnxRuntimeCpu
from ioebss.errors import BackendError, DeviceMemoryError
from ioebss.eye import Eye
from ioebss.gpu.eye import DeviceEye
from ioebss.gpu.kernels import Kernels
from ioebss.manifest import Manifest, read_manifest

GUARD = 64  # bytes before and after each piece of memory, which nobody may write to
PATTERN = 0xA5


class HostDriver:
    """See `ioebss.gpu.driver.Driver`. Work is done at once, or recorded while a stream is captured.

    Attributes:
        held: how many things were taken and not given back.
        calls: how many there were that can fail.
        fail_at: number of the call that fails, from 0; None: none does.
        plays: how often graphs were launched.
    """

    name, compute_capability = "a host", "9.0"

    def __init__(self, kernels: ctypes.CDLL, memory: int = 1 << 40) -> None:
        self._kernels, self._free = kernels, memory
        self._memory: dict[int, np.ndarray] = {}
        self._others: dict[int, Any] = {}
        self._capturing: dict[int, list[Callable[[], None]]] = {}
        self._lock, self._entered = threading.RLock(), threading.local()
        self._next = 1
        self.calls, self.plays = 0, 0
        self.fail_at: int | None = None
        self.capturable = True

    @property
    def held(self) -> int:
        return len(self._memory) + len(self._others)

    @contextmanager
    def active(self) -> Iterator[None]:
        self._entered.depth = getattr(self._entered, "depth", 0) + 1
        try:
            yield
        finally:
            self._entered.depth -= 1

    def allocate(self, size: int) -> int:
        self._call()
        assert size > 0
        with self._lock:
            if size > self._free:
                raise DeviceMemoryError(f"allocating {size} bytes: the GPU's memory is used up")
            self._free -= size
            array = np.full(size + 2 * GUARD, PATTERN, np.uint8)
            self._memory[array.ctypes.data + GUARD] = array
        return array.ctypes.data + GUARD

    def release(self, pointer: int) -> None:
        self._check_active()
        with self._lock:
            array = self._memory.pop(pointer)
            self._free += len(array) - 2 * GUARD
        assert (array[:GUARD] == PATTERN).all() and (array[-GUARD:] == PATTERN).all()

    def allocate_pinned(self, size: int) -> np.ndarray:
        self._call()
        array = np.full(size, PATTERN, np.uint8)
        self._others[id(array)] = array
        return array

    def release_pinned(self, array: np.ndarray) -> None:
        self._check_active()
        assert self._others.pop(id(array)) is array

    def open_stream(self) -> int:
        return self._take("stream")

    def close_stream(self, stream: int) -> None:
        self._give_back(stream, "stream")

    def synchronise(self, stream: int) -> None:
        self._call()
        assert self._others[stream] == "stream" and stream not in self._capturing

    def upload(self, pointer: int, array: np.ndarray, stream: int) -> None:
        self._call()
        assert array.flags.c_contiguous
        target = self._bytes(pointer, array.nbytes)
        self.do(stream, lambda: np.copyto(target, array.reshape(-1).view(np.uint8)))

    def download(self, array: np.ndarray, pointer: int, stream: int) -> None:
        self._call()
        assert array.flags.c_contiguous
        source = self._bytes(pointer, array.nbytes)
        self.do(stream, lambda: np.copyto(array.reshape(-1).view(np.uint8), source))

    def load_module(self, image: bytes) -> int:
        assert image
        return self._take("module")

    def unload_module(self, module: int) -> None:
        self._give_back(module, "module")

    def function(self, module: int, name: str) -> Any:
        self._call()
        assert self._others[module] == "module"
        return getattr(self._kernels, name)

    def launch(
        self,
        function: Any,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        pointers: Sequence[int],
        stream: int,
    ) -> None:
        self._call()
        assert min(*grid, *block) >= 1 and np.prod(block) <= 1024 and grid[0] < 1 << 31
        self.do(stream, lambda: function(*map(ctypes.c_void_p, pointers)))

    def begin_capture(self, stream: int) -> None:
        self._call()
        if not self.capturable:
            raise BackendError("this driver records nothing")
        self._capturing[stream] = []

    def end_capture(self, stream: int) -> int:
        work = self._capturing.pop(stream)
        self._call()
        return self._take(work)

    def launch_graph(self, graph: int, stream: int) -> None:
        self._call()
        assert stream not in self._capturing
        self.plays += 1
        for work in self._others[graph]:
            work()

    def destroy_graph(self, graph: int) -> None:
        self._check_active()
        assert isinstance(self._others.pop(graph), list)

    def do(self, stream: int, work: Callable[[], None]) -> None:
        """Puts work on a stream."""
        assert self._others[stream] == "stream"
        if stream in self._capturing:
            self._capturing[stream].append(work)
        else:
            work()

    def _bytes(self, pointer: int, size: int) -> np.ndarray:
        """A piece of memory that was allocated, and lies within it."""
        with self._lock:
            for start, array in self._memory.items():
                if start <= pointer and pointer + size <= start + len(array) - 2 * GUARD:
                    first = pointer - start + GUARD
                    return array[first : first + size]
        raise AssertionError("no such memory")

    def _take(self, thing: Any) -> int:
        self._call()
        with self._lock:
            self._next += 1
            self._others[self._next] = thing
            return self._next

    def _give_back(self, handle: int, kind: str) -> None:
        self._check_active()
        assert self._others.pop(handle) == kind

    def _check_active(self) -> None:
        assert getattr(self._entered, "depth", 0) > 0, "the context is not current"

    def _call(self) -> None:
        self._check_active()
        number, self.calls = self.calls, self.calls + 1
        if number == self.fail_at:
            raise BackendError("injected")


class HostExecution:
    """See `ioebss.gpu.engine.Execution`: ONNX Runtime on the memory of the stand-in."""

    def __init__(self, driver: HostDriver, network: OnnxRuntimeCpu, capturable: bool) -> None:
        self._driver, self._network, self.capturable = driver, network, capturable
        self._handle = driver._take("execution")

    def enqueue(
        self, pointers: tuple[int, int], shape: tuple[int, int, int, int], stream: int
    ) -> None:
        driver = self._driver
        driver._call()
        assert driver._others[self._handle] == "execution"
        logits_shape = (shape[0], 1, *shape[2:])
        inputs = driver._bytes(pointers[0], 4 * int(np.prod(shape))).view(np.float32)
        logits = driver._bytes(pointers[1], 4 * int(np.prod(logits_shape))).view(np.float32)

        def work() -> None:
            logits[:] = self._network.run(inputs.reshape(shape)).reshape(-1)

        driver.do(stream, work)

    def close(self) -> None:
        self._driver._give_back(self._handle, "execution")


class HostBackend:
    """A backend with an eye on the stand-in."""

    name = "host"

    def __init__(self, model: Path, driver: HostDriver, capturable: bool = True) -> None:
        self.manifest = read_manifest(model)
        self.network = OnnxRuntimeCpu(model, self.manifest, threads=1)
        self.driver, self.capturable = driver, capturable
        self.kernels = Kernels(driver)

    def run(self, inputs: np.ndarray) -> np.ndarray:
        return self.network.run(inputs)

    def eye(self, photo: np.ndarray, manifest: Manifest, longest: int | None) -> Eye:
        with self.driver.active():
            execution = HostExecution(self.driver, self.network, self.capturable)
        return DeviceEye(photo, manifest, self.driver, self.kernels, execution, longest)
