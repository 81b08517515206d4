"""Other systems' ONNX graphs, run with any input, for their time alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from ioebss.backends.onnxruntime_graph import open_session, session_options
from ioebss.errors import ModelError, first_line

MAX_ELEMENTS = 1 << 26  # of all inputs of a graph
_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
}


class ForeignGraphs:
    """Graphs that together make one click, run one after the other by ONNX Runtime on the CPU.

    Args:
        paths: ONNX files; an open first axis is taken as 1, the others must be fixed.
        threads: CPU threads; None leaves it to the engine.

    Raises:
        ModelError: a file is no ONNX model, its inputs are of no size or kind that can be made, or
            it does not run.
    """

    def __init__(self, paths: list[Path], threads: int | None) -> None:
        self._runs = [_load(path, threads) for path in paths]
        for path, (session, inputs) in zip(paths, self._runs, strict=True):
            try:
                session.run(None, inputs)
            except Exception as error:  # onnxruntime's errors share no base class but Exception
                raise ModelError(f"{path} does not run on any input: {first_line(error)}") from None

    @property
    def shapes(self) -> list[dict[str, list[int]]]:
        """Of the inputs of each graph, by name."""
        return [{k: list(v.shape) for k, v in inputs.items()} for _, inputs in self._runs]

    def run(self) -> float:
        """Runs all graphs once. Returns milliseconds."""
        started = time.perf_counter()
        for session, inputs in self._runs:
            session.run(None, inputs)
        return 1e3 * (time.perf_counter() - started)


def _load(path: Path, threads: int | None) -> tuple[Any, dict[str, Any]]:
    import onnxruntime

    options = session_options(onnxruntime, threads)
    session = open_session(onnxruntime, path, options, ["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    inputs: dict[str, Any] = {}
    for node in session.get_inputs():
        shape = [node.shape[0] if isinstance(node.shape[0], int) else 1, *node.shape[1:]]
        if not all(isinstance(side, int) for side in shape):
            raise ModelError(f"{path}: {node.name} is {node.shape}; export it with a fixed size")
        if node.type not in _DTYPES or np.prod(shape, dtype=float) > MAX_ELEMENTS:
            raise ModelError(f"{path}: cannot make an input {node.name} of {node.type} {shape}")
        inputs[node.name] = rng.random(shape).astype(_DTYPES[node.type])
    return session, inputs
