"""A stand-in for TensorRT's module: an "engine" is the ONNX file itself, run by ONNX Runtime on the
memory of the stand-in for the driver. It refuses what TensorRT refuses.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime

from .host_driver import HostDriver


def make_library(
    driver: HostDriver,
    version: str = "11.4.0.22",
    tensors: tuple[str, ...] = ("input", "logits"),
    kind: str = "float",
) -> Any:
    """Engines say that they have these tensors, of this kind."""

    class ILogger:
        ERROR, INTERNAL_ERROR, INFO = "error", "internal error", "info"

    class Context:
        def __init__(self, session: Any, log: Any) -> None:
            self.session, self.log = session, log
            self.profile, self.shape, self.addresses = 0, (), {}
            self.live = driver._take("context")

        def __del__(self) -> None:
            driver._others.pop(self.live)

        def set_optimization_profile_async(self, index: int, stream: int) -> bool:
            assert isinstance(index, int) and driver._others[stream] == "stream"
            self.profile = index
            return True

        def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
            self.shape = shape
            return name == "input" and len(shape) == 4

        def set_tensor_address(self, name: str, address: int) -> bool:
            self.addresses[name] = address
            return name in ("input", "logits") and address != 0

        def execute_async_v3(self, stream: int) -> bool:
            driver._call()
            batch, _, height, width = shape = self.shape
            count, answers = int(np.prod(shape)), batch * height * width
            inputs = driver._bytes(self.addresses["input"], 4 * count).view(np.float32)
            logits = driver._bytes(self.addresses["logits"], 4 * answers).view(np.float32)
            if np.isnan(inputs).any():
                self.log.log(ILogger.ERROR, "IExecutionContext::enqueueV3:\nan error")
                return False

            def work() -> None:
                logits[:] = self.session.run(None, {"input": inputs.reshape(shape)})[0].reshape(-1)

            driver.do(stream, work)
            return True

    class Engine:
        num_io_tensors = len(tensors)

        def __init__(self, session: Any, log: Any) -> None:
            self.session, self.log = session, log

        def get_tensor_name(self, index: int) -> str:
            return tensors[index]

        def get_tensor_dtype(self, name: str) -> str:
            return kind

        def create_execution_context(self) -> Context | None:
            driver._check_active()
            if driver._free < 10_000:
                self.log.log(ILogger.ERROR, "out of memory")
                return None
            return Context(self.session, self.log)

    class Runtime:
        def __init__(self, log: Any) -> None:
            driver._check_active()
            assert isinstance(log, ILogger)
            self.log = log

        def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
            try:
                return Engine(onnxruntime.InferenceSession(plan), self.log)
            except Exception as error:
                self.log.log(ILogger.ERROR, f"deserialization failed: {error}")
                return None

    return SimpleNamespace(
        __version__=version,
        ILogger=ILogger,
        Runtime=Runtime,
        DataType=SimpleNamespace(FLOAT="float"),
    )
