"""What ONNX Runtime's backends share: a graph is loaded and checked in one way."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import (
    BackendError,
    DeviceMemoryError,
    MissingExtraError,
    ModelError,
    UsageError,
    first_line,
)
from ioebss.manifest import INPUT, OUTPUT, Manifest
from ioebss.model_bytes import ModelBytes, Source

# x86 without VNNI adds pairs of 8-bit products in 16 bits, which overflow: masks went to pieces,
# down to an IoU of 0.07 with float32. With this, weights are made unsigned there, which takes a
# third more time; elsewhere it changes nothing.
EXACT_8_BITS = ("session.x64quantprecision", "1")

# A model holds all its weights: its sha256 says nothing of others, which would be looked for beside
# the file or, for a model in memory, in the current folder.
NO_WEIGHTS_OUTSIDE = ("session.model_external_initializers_file_folder_path", os.devnull)

# In the environment, for many processes on a machine, whose threads would be in each other's way:
# ONNX Runtime's spin while they wait (docs/backends.md).
THREADS = "IOEBSS_THREADS"
MAX_THREADS = 9_999


def import_onnxruntime(extra: str) -> Any:
    """The module.

    Args:
        extra: of ioebss that brings it, for the message.

    Raises:
        MissingExtraError: it is not installed, or broken.
    """
    try:
        import onnxruntime
    except ImportError as error:
        if isinstance(error.__cause__, KeyboardInterrupt):  # pybind11 makes one into the other
            raise error.__cause__ from None
        raise MissingExtraError(
            f'onnxruntime is not usable ({error}); pip install "ioebss[{extra}]"'
        ) from None
    return onnxruntime


def _threads_or_default(threads: int | None) -> int:
    """For `intra_op_num_threads`: as many as are given, else as IOEBSS_THREADS says, else 0, which
    is the engine's own choice: all cores.

    Raises:
        UsageError: IOEBSS_THREADS is no number of threads.
    """
    if threads is not None:
        return threads
    text = os.environ.get(THREADS, "")
    if text and not (re.fullmatch("[0-9]{1,9}", text) and 1 <= int(text) <= MAX_THREADS):
        raise UsageError(f"{THREADS}={text}: it must be a number of threads, 1 to {MAX_THREADS}")
    return int(text or 0)


def session_options(onnxruntime: Any, threads: int | None) -> Any:
    """What sessions are opened with.

    Args:
        threads: for the network; None takes what IOEBSS_THREADS says, else all cores.

    Raises:
        UsageError: IOEBSS_THREADS is no number of threads.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors come as exceptions; warnings are not for users
    options.intra_op_num_threads = _threads_or_default(threads)
    return options


def open_session(onnxruntime: Any, model: Source, options: Any, providers: list[Any]) -> Any:
    """An `InferenceSession`.

    Raises:
        ModelError: the file is no ONNX model.
    """
    try:
        graph = model.onnx if isinstance(model, ModelBytes) else str(model)
        return onnxruntime.InferenceSession(graph, options, providers=providers)
    except Exception as error:  # onnxruntime's errors share no base class but Exception
        raise ModelError(f"{model} cannot be loaded by onnxruntime: {first_line(error)}") from None


def load_graph(
    onnxruntime: Any, model: Source, manifest: Manifest, threads: int | None, providers: list[Any]
) -> Any:
    """An `InferenceSession`, its interface checked.

    Raises:
        ModelError: the file is no ONNX model, or does not fit its manifest.
    """
    options = session_options(onnxruntime, threads)
    options.add_session_config_entry(*EXACT_8_BITS)
    options.add_session_config_entry(*NO_WEIGHTS_OUTSIDE)
    session = open_session(onnxruntime, model, options, providers)
    check_interface(session, model, manifest)
    return session


def failed(error: Exception) -> BackendError:
    """The error of a run that failed."""
    text = first_line(error)
    if any(words in text.lower() for words in ("out of memory", "failed to allocate")):
        return DeviceMemoryError(f"no memory left for onnxruntime: {text}")
    return BackendError(f"onnxruntime failed: {text}")


def check_interface(session: Any, model: Source, manifest: Manifest) -> None:
    """Checks that a loaded graph is what the model contract and the manifest say.

    Raises:
        ModelError: names, types, channels or sizes differ.
    """
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


def checked_logits(logits: Any, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The answer, checked to have the shape that the model contract says.

    Raises:
        ModelError: it has another.
    """
    count, _, height, width = inputs.shape
    if logits.shape != (count, 1, height, width):
        raise ModelError(
            f"the model answers {inputs.shape} with logits of shape {logits.shape}, not "
            f"{(count, 1, height, width)}; export it with ioebss-export"
        )
    return np.asarray(logits, np.float32)
