"""ONNX Runtime on the CPU: the engine that is there everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ioebss.backends.onnxruntime_graph import (
    checked_logits,
    failed,
    import_onnxruntime,
    load_graph,
)
from ioebss.manifest import INPUT, OUTPUT, Manifest
from ioebss.model_bytes import Source


class OnnxRuntimeCpu:
    """A model in ONNX Runtime's CPU provider. `run` may be called from several threads.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelError: the file is no ONNX model, or does not fit its manifest.
    """

    name = "onnxruntime-cpu"

    def __init__(self, model: Source, manifest: Manifest, threads: int | None = None) -> None:
        onnxruntime = import_onnxruntime("cpu")
        providers = ["CPUExecutionProvider"]
        self._session = load_graph(onnxruntime, model, manifest, threads, providers)

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Backend`."""
        try:
            (logits,) = self._session.run([OUTPUT], {INPUT: inputs})
        except Exception as error:  # onnxruntime's errors share no base class but Exception
            raise failed(error) from None
        return checked_logits(logits, inputs)
