"""The engines that can run a model, tried in a fixed order, each refusal with its reason."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import BackendError, UsageError
from ioebss.eye import Eye
from ioebss.manifest import Manifest
from ioebss.model_bytes import Source

logger = logging.getLogger("ioebss")
AUTO = "auto"
T = TypeVar("T")


class Backend(Protocol):
    """An engine with a model loaded."""

    name: str

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Runs the network. Safe to call from several threads.

        Args:
            inputs: float32 (N, C, H, W), as the manifest describes it.

        Returns:
            logits, float32 (N, 1, H, W).

        Raises:
            BackendError: the engine failed.
        """
        ...


@runtime_checkable
class SeeingBackend(Backend, Protocol):
    """A backend that prepares photos and makes masks itself, on the GPU that it runs on."""

    def eye(self, photo: NDArray[np.uint8], manifest: Manifest, longest: int | None) -> Eye:
        """Its eye on a photo.

        Args:
            photo: uint8 (H, W, 3).
            manifest: of the model.
            longest: longer side of the network's input; None takes the recommended one.

        Raises:
            DeviceMemoryError: there is no memory left for it.
            BackendError: it cannot be made.
        """
        ...


Opener = Callable[[Source, Manifest, int | None], Backend]


def _opener(module: str, name: str) -> Opener:
    """A backend's class, imported when it is first asked for."""

    def open_it(model: Source, manifest: Manifest, threads: int | None) -> Backend:
        made: Backend = getattr(importlib.import_module(f"ioebss.backends.{module}"), name)(
            model, manifest, threads
        )
        return made

    return open_it


# In the order in which they are tried.
BACKENDS: dict[str, Opener] = {
    "tensorrt": _opener("tensorrt", "TensorRT"),
    "tensorrt-rtx": _opener("tensorrt", "TensorRTRTX"),
    "onnxruntime-cuda": _opener("onnxruntime_cuda", "OnnxRuntimeCuda"),
    "onnxruntime-cpu": _opener("onnxruntime_cpu", "OnnxRuntimeCpu"),
}


def open_backend(
    model: Source, manifest: Manifest, name: str = AUTO, threads: int | None = None
) -> Backend:
    """Loads exactly this file on an engine; `ioebss.choice` decides which file that is.

    Args:
        model: the ONNX file, an engine, or a model in memory.
        manifest: of the model.
        name: one of `BACKENDS`, or "auto" for the first that works. An engine asked for by name is
            never replaced by another.
        threads: CPU threads; None takes what IOEBSS_THREADS says, else leaves it to the engine.

    Raises:
        UsageError: unknown name.
        BackendError: the engine cannot be used here; with "auto", none can.
        ModelError: the model is damaged or does not fit its manifest.
    """
    attempts = {n: partial(o, model, manifest, threads) for n, o in BACKENDS.items()}
    return first_that_works(attempts, name)[0]


def first_that_works(
    attempts: Mapping[str, Callable[[], T]], name: str = AUTO
) -> tuple[T, tuple[str, ...]]:
    """What the first attempt gives that no engine refuses, and the refusals before it.

    Args:
        attempts: by name of the backend, in order. One refuses by raising `BackendError`.
        name: of the only attempt to make, or "auto".

    Raises:
        UsageError: unknown name.
        BackendError: the one asked for refused; with "auto", all did.
    """
    if name != AUTO:
        if name not in attempts:
            raise UsageError(f"no backend {name!r}; choose one of {', '.join((AUTO, *attempts))}")
        return attempts[name](), ()
    refusals = []
    for candidate, attempt in attempts.items():
        try:
            result = attempt()
        except BackendError as error:
            refusals.append(f"{candidate}: {error}")
            logger.info("backend %s refused: %s", candidate, error)
        else:
            logger.info("backend %s", candidate)
            return result, tuple(refusals)
    raise BackendError("no inference engine can be used: " + "; ".join(refusals))
