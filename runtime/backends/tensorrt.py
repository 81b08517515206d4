"""Engines of TensorRT and TensorRT-RTX: two libraries with one API."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.click_planes import DISCS
from ioebss.engine_files import (
    SUFFIX,
    TENSORRT,
    TENSORRT_RTX,
    EngineManifest,
    Target,
    check_engine,
    profile_for,
    read_engine,
    read_engine_manifest,
)
from ioebss.errors import BackendError, DeviceMemoryError, ModelError
from ioebss.eye import Eye
from ioebss.gpu.engine import Shape, run_on_device
from ioebss.gpu.eye import DeviceEye
from ioebss.gpu.kernels import Kernels
from ioebss.gpu.libcuda import require_gpu
from ioebss.gpu.pycuda_driver import PyCudaDriver
from ioebss.gpu.resources import Resources
from ioebss.manifest import INPUT, OUTPUT, Manifest, sha256_of
from ioebss.tensorrt_library import import_library, make_log


class _Engine:
    """An engine, loaded. `run` may be called from several threads; every session has an execution
    context of its own and shares the weights. The first GPU is used; `CUDA_VISIBLE_DEVICES` says
    which that is.

    Raises:
        MissingExtraError: the library or pycuda is not installed.
        BackendError: there is no driver or GPU, or the driver is too old.
        EngineMismatchError: it was built for another library, version, GPU or ONNX file.
        ModelError: the engine or its manifest is missing or damaged.
    """

    name: str

    def __init__(self, model: Path, manifest: Manifest, threads: int | None = None) -> None:
        if model.suffix != SUFFIX:
            raise BackendError(f"{model.name} is no engine; ioebss-export --engine builds one")
        if manifest.planes != DISCS:
            raise BackendError(f"engines draw {DISCS}; this model reads {manifest.planes}")
        gpu = require_gpu()
        library = import_library(self.name)
        self._path, self._manifest = model, read_engine_manifest(model)
        target = Target(self.name, library.__version__, gpu.compute_capability)
        check_engine(model, self._manifest, target)
        _check_onnx_beside(model, self._manifest)
        plan = read_engine(model, self._manifest)
        self._driver = PyCudaDriver()
        self._kernels = Kernels(self._driver)
        self._log = make_log(library)
        self._loaded = _Loaded()
        with self._driver.active():
            # The library's objects must be gone before the driver gives the context back.
            self._resources = Resources(self._driver)
            self._resources.keep(self._loaded.close)
            self._loaded.load(library, self._log, plan)
        if self._loaded.engine is None:
            raise ModelError(f"{model} cannot be loaded by {self.name}: {self._log.last}")
        _check_tensors(library, self._loaded.engine, model)
        self._lock = threading.Lock()
        self._own = self.open()
        self._resources.keep(self._own.close)

    def open(self) -> _Execution:
        """An execution context; see `ioebss.gpu.engine.DeviceEngine`."""
        with self._driver.active():
            context = self._loaded.make_context()
        if context is None:
            raise DeviceMemoryError(
                f"{self.name} makes no execution context: {self._log.last}; close other sessions, "
                "or build the engine for smaller sizes"
            )
        return _Execution(context, self._path, self._manifest, self._log)

    def active(self) -> AbstractContextManager[None]:
        """The GPU's context, which an execution must be used in; see `Driver.active`."""
        return self._driver.active()

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Backend`."""
        with self._lock:
            return run_on_device(self._driver, self._own, inputs)

    def eye(self, photo: NDArray[np.uint8], manifest: Manifest, longest: int | None) -> Eye:
        """See `ioebss.backends.SeeingBackend`."""
        return DeviceEye(photo, manifest, self._driver, self._kernels, self.open(), longest)


class TensorRT(_Engine):
    """An engine of TensorRT; see `_Engine`."""

    name = TENSORRT


class TensorRTRTX(_Engine):
    """An engine of TensorRT-RTX; see `_Engine`."""

    name = TENSORRT_RTX


class _Loaded:
    """What the library has made of a plan; the driver must be active for all of it.

    Attributes:
        engine: None where the library refuses the plan, and when it was given back.
    """

    def __init__(self) -> None:
        self.engine: Any = None
        self._runtime: Any = None
        self._compiled: Any = None

    def load(self, library: Any, log: Any, plan: bytes) -> None:
        """Loads a plan."""
        self._runtime = library.Runtime(log)
        self.engine = self._runtime.deserialize_cuda_engine(plan)

    def make_context(self) -> Any:
        """An execution context; None where there is no memory for it. TensorRT-RTX compiles kernels
        when they are first needed: all contexts share what was compiled."""
        configure = getattr(self.engine, "create_runtime_config", None)
        config: Any = configure() if configure else None
        if not hasattr(config, "create_runtime_cache"):
            return self.engine.create_execution_context()
        if self._compiled is None:
            self._compiled = config.create_runtime_cache()
        config.set_runtime_cache(self._compiled)
        return self.engine.create_execution_context(config)

    def close(self) -> None:
        """Gives everything back."""
        self.engine = None
        self._compiled = None
        self._runtime = None


class _Execution:
    """See `ioebss.gpu.engine.Execution`."""

    capturable = True

    def __init__(self, context: Any, path: Path, manifest: EngineManifest, log: Any) -> None:
        self._context, self._path, self._manifest, self._log = context, path, manifest, log
        self._profile: int | None = None

    def enqueue(self, pointers: tuple[int, int], shape: Shape, stream: int) -> None:
        """See `Execution`."""
        batch, _, height, width = shape
        profile = profile_for(self._path, self._manifest, (batch, height, width))
        context = self._context
        done = profile == self._profile or context.set_optimization_profile_async(profile, stream)
        self._profile = profile if done else None
        done = (
            done
            and context.set_input_shape(INPUT, shape)
            and context.set_tensor_address(INPUT, pointers[0])
            and context.set_tensor_address(OUTPUT, pointers[1])
            and context.execute_async_v3(stream)
        )
        if not done:
            raise BackendError(f"{self._path.name} failed: {self._log.last}")

    def close(self) -> None:
        """See `Execution`."""
        self._context = None


def _check_onnx_beside(engine: Path, manifest: EngineManifest) -> None:
    """An engine is complete without its ONNX file; one that lies beside it must be the same."""
    onnx = engine.with_name(manifest.onnx)
    if onnx.is_file():
        check_engine(engine, manifest, Target(manifest.flavour, onnx_sha256=sha256_of(onnx)))


def _check_tensors(library: Any, engine: Any, path: Path) -> None:
    """Checks an engine's inputs and outputs against the model contract."""
    names = {engine.get_tensor_name(i) for i in range(engine.num_io_tensors)}
    if names != {INPUT, OUTPUT}:
        raise ModelError(
            f"{path} has the tensors {sorted(names)}; an IOEBSS engine has {INPUT} and {OUTPUT}"
        )
    for name in (INPUT, OUTPUT):
        kind = engine.get_tensor_dtype(name)
        if kind != library.DataType.FLOAT:
            raise ModelError(f"{path}: {name} is {kind}; expected float32 at the edges")
