"""ONNX Runtime on an NVIDIA GPU."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.backends.onnxruntime_graph import (
    checked_logits,
    failed,
    import_onnxruntime,
    load_graph,
)
from ioebss.errors import BackendError
from ioebss.eye import Eye, HostEye
from ioebss.gpu.driver import Driver
from ioebss.gpu.engine import Shape
from ioebss.gpu.eye import DeviceEye
from ioebss.gpu.kernels import Kernels
from ioebss.gpu.libcuda import require_gpu
from ioebss.gpu.pycuda_driver import PyCudaDriver
from ioebss.manifest import INPUT, OUTPUT, Manifest
from ioebss.model_bytes import Source

logger = logging.getLogger("ioebss")
PROVIDER = "CUDAExecutionProvider"
# By default every new shape is searched exhaustively, and zooming in makes many: on an H100 a first
# click took 1.9 s (docs/gpu.md).
OPTIONS = {"cudnn_conv_algo_search": "HEURISTIC"}


class OnnxRuntimeCuda:
    """A model in ONNX Runtime's CUDA provider, its input and output bound. `run` may be called from
    several threads. The first GPU is used; `CUDA_VISIBLE_DEVICES` says which that is. Photos and
    masks stay on the GPU if pycuda is installed; without it they are made on the host.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        BackendError: there is no driver or GPU, the driver is too old, or this onnxruntime has no
            CUDA provider.
        ModelError: the file is no ONNX model, or does not fit its manifest.
    """

    name = "onnxruntime-cuda"

    def __init__(self, model: Source, manifest: Manifest, threads: int | None = None) -> None:
        require_gpu()
        onnxruntime = import_onnxruntime("gpu")
        if PROVIDER not in onnxruntime.get_available_providers():
            raise BackendError(
                f"onnxruntime {onnxruntime.__version__} has no CUDA provider: pip uninstall "
                'onnxruntime, then pip install "ioebss[gpu]"'
            )
        onnxruntime.preload_dlls()
        self._session = load_graph(onnxruntime, model, manifest, threads, [(PROVIDER, OPTIONS)])
        if PROVIDER not in self._session.get_providers():
            raise BackendError(
                "onnxruntime's CUDA provider does not load; its log says which library of CUDA or "
                'cuDNN is missing: pip install "onnxruntime-gpu[cuda,cudnn]"'
            )
        self._device = _device()

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Backend`."""
        binding = self._session.io_binding()
        try:
            binding.bind_cpu_input(INPUT, np.ascontiguousarray(inputs))
            binding.bind_output(OUTPUT)
            self._session.run_with_iobinding(binding)
            (logits,) = binding.copy_outputs_to_cpu()
        except Exception as error:  # onnxruntime's errors share no base class but Exception
            raise failed(error) from None
        return checked_logits(logits, inputs)

    def eye(self, photo: NDArray[np.uint8], manifest: Manifest, longest: int | None) -> Eye:
        """See `ioebss.backends.SeeingBackend`."""
        if self._device is None:
            return HostEye(photo, manifest, self, longest)
        driver, kernels = self._device
        execution = _Execution(self._session, driver)
        return DeviceEye(photo, manifest, driver, kernels, execution, longest)


class _Execution:
    """See `ioebss.gpu.engine.Execution`. ONNX Runtime has a stream of its own."""

    capturable = False

    def __init__(self, session: Any, driver: Driver) -> None:
        self._session, self._driver = session, driver

    def enqueue(self, pointers: tuple[int, int], shape: Shape, stream: int) -> None:
        """See `Execution`."""
        self._driver.synchronise(stream)
        batch, _, height, width = shape
        answer = (batch, 1, height, width)
        try:
            binding = self._session.io_binding()
            binding.bind_input(INPUT, "cuda", 0, np.float32, shape, pointers[0])
            binding.bind_output(OUTPUT, "cuda", 0, np.float32, answer, pointers[1])
            self._session.run_with_iobinding(binding)
            binding.synchronize_outputs()
        except Exception as error:  # onnxruntime's errors share no base class but Exception
            raise failed(error) from None

    def close(self) -> None:
        """See `Execution`. The session holds everything."""


def _device() -> tuple[Driver, Kernels] | None:
    """The GPU through pycuda, and the kernels on it; None without pycuda, which is logged."""
    try:
        driver = PyCudaDriver()
        return driver, Kernels(driver)
    except BackendError as error:
        logger.info("photos and masks are made on the CPU: %s", error)
        return None
