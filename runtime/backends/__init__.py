"""The engines that can run a model, tried in a fixed order, each refusal with its reason."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ioebss.backends import onnxruntime_cpu
from ioebss.errors import BackendError, UsageError
from ioebss.manifest import Manifest

logger = logging.getLogger("ioebss")


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


Opener = Callable[[Path, Manifest, int | None], Backend]

# In the order in which they are tried.
BACKENDS: dict[str, Opener] = {"onnxruntime-cpu": onnxruntime_cpu.OnnxRuntimeCpu}
AUTO = "auto"


def open_backend(
    model: Path, manifest: Manifest, name: str = AUTO, threads: int | None = None
) -> Backend:
    """Loads a model on an engine.

    Args:
        model: the ONNX file.
        manifest: its manifest.
        name: one of `BACKENDS`, or "auto" for the first that works. An engine asked for by name is
            never replaced by another.
        threads: CPU threads; None leaves it to the engine.

    Raises:
        UsageError: unknown name.
        BackendError: the engine cannot be used here; with "auto", none can.
        ModelError: the model is damaged or does not fit its manifest.
    """
    if name != AUTO:
        if name not in BACKENDS:
            known = ", ".join((AUTO, *BACKENDS))
            raise UsageError(f"no backend {name!r}; choose one of {known}")
        return BACKENDS[name](model, manifest, threads)
    reasons = []
    for candidate, opener in BACKENDS.items():
        try:
            backend = opener(model, manifest, threads)
        except BackendError as error:
            reasons.append(f"{candidate}: {error}")
            logger.info("backend %s refused: %s", candidate, error)
        else:
            logger.info("backend %s", candidate)
            return backend
    raise BackendError("no inference engine can be used: " + "; ".join(reasons))
