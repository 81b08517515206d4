"""A real GPU, or a reason to skip."""

from __future__ import annotations

import numpy as np
import pytest

from ioebss.errors import BackendError
from ioebss.gpu.driver import Driver
from ioebss.gpu.engine import Shape
from ioebss.gpu.kernels import Kernels
from ioebss.gpu.libcuda import Gpu, require_gpu
from ioebss.gpu.pycuda_driver import PyCudaDriver
from ioebss.gpu.resources import Resources

MAX_PIXELS = 320 * 320  # of the inputs in these tests


@pytest.fixture(scope="session")
def gpu() -> Gpu:
    try:
        return require_gpu()
    except BackendError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def driver(gpu: Gpu) -> PyCudaDriver:
    try:
        return PyCudaDriver()
    except BackendError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def kernels(driver: PyCudaDriver) -> Kernels:
    return Kernels(driver)


class ConstantNetwork:
    """A network that answers every pixel alike: on the host a backend, on the GPU an `Execution`
    that can be recorded."""

    name, capturable = "constant", True
    logit = 3.25

    def __init__(self, driver: Driver | None = None) -> None:
        self._driver = driver
        if driver is not None:
            with driver.active():
                self._resources = Resources(driver)
                self._answer = self._resources.pinned(4 * MAX_PIXELS).view(np.float32)
            self._answer[:] = self.logit

    def run(self, inputs: np.ndarray) -> np.ndarray:
        return np.full((inputs.shape[0], 1, *inputs.shape[2:]), self.logit, np.float32)

    def enqueue(self, pointers: tuple[int, int], shape: Shape, stream: int) -> None:
        assert self._driver is not None
        self._driver.upload(pointers[1], self._answer[: shape[2] * shape[3]], stream)

    def close(self) -> None:
        pass


class HostNetwork:
    """A backend's network on the GPU's memory, by way of the host: what the kernels have written
    is what it sees."""

    capturable = False

    def __init__(self, backend: object, driver: Driver) -> None:
        self._backend, self._driver = backend, driver

    def enqueue(self, pointers: tuple[int, int], shape: Shape, stream: int) -> None:
        inputs = np.empty(shape, np.float32)
        self._driver.download(inputs, pointers[0], stream)
        self._driver.synchronise(stream)
        self._driver.upload(pointers[1], self._backend.run(inputs), stream)  # type: ignore[attr-defined]
        self._driver.synchronise(stream)

    def close(self) -> None:
        pass
