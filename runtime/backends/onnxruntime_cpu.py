"""ONNX Runtime on the CPU: the engine that is there everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import BackendError, MissingExtraError, ModelError
from ioebss.manifest import INPUT, OUTPUT, Manifest


class OnnxRuntimeCpu:
    """A model in ONNX Runtime's CPU provider. `run` may be called from several threads.

    Raises:
        MissingExtraError: onnxruntime is not installed.
        ModelError: the file is no ONNX model, or does not fit its manifest.
    """

    name = "onnxruntime-cpu"

    def __init__(self, model: Path, manifest: Manifest, threads: int | None = None) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError(
                f'onnxruntime is not usable ({error}); pip install "ioebss[cpu]"'
            ) from None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors come as exceptions; warnings are not for users
        if threads is not None:
            options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                str(model), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's errors share no base class but Exception
            raise ModelError(
                f"{model} cannot be loaded by onnxruntime: {_first_line(error)}"
            ) from None
        _check_interface(self._session, model, manifest)

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """See `Backend`."""
        try:
            (logits,) = self._session.run([OUTPUT], {INPUT: inputs})
        except Exception as error:  # as above
            raise BackendError(f"onnxruntime failed: {_first_line(error)}") from None
        count, _, height, width = inputs.shape
        if logits.shape != (count, 1, height, width):
            raise ModelError(
                f"the model answers {inputs.shape} with logits of shape {logits.shape}, not "
                f"{(count, 1, height, width)}; export it with ioebss-export"
            )
        return np.asarray(logits, np.float32)


def _check_interface(session: Any, model: Path, manifest: Manifest) -> None:
    inputs = {i.name: (i.type, list(i.shape)) for i in session.get_inputs()}
    outputs = {o.name: (o.type, list(o.shape)) for o in session.get_outputs()}
    if list(inputs) != [INPUT] or list(outputs) != [OUTPUT]:
        raise ModelError(
            f"{model} has inputs {list(inputs)} and outputs {list(outputs)}; an IOEBSS model has "
            f"one input {INPUT!r} and one output {OUTPUT!r} (export it with ioebss-export)"
        )
    for name, (kind, shape) in (inputs | outputs).items():
        if kind != "tensor(float)" or len(shape) != 4:
            raise ModelError(f"{model}: {name} is {kind} {shape}; expected float32 (N, C, H, W)")
    shape = inputs[INPUT][1]
    channels = len(manifest.channels)
    if shape[1] != channels:
        raise ModelError(
            f"{model} takes {shape[1]} channels, its manifest says {channels} "
            f"({', '.join(manifest.channels)}); export it again"
        )
    sides = shape[2:]
    if manifest.fixed_size is None and any(isinstance(side, int) for side in sides):
        raise ModelError(f"{model} takes {sides} only, its manifest says any size; export again")
    if manifest.fixed_size is not None and sides != list(manifest.fixed_size):
        raise ModelError(
            f"{model} takes {sides}, its manifest says {list(manifest.fixed_size)}; export it again"
        )


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:300]
