"""Which library builds an engine, and for which GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ioebss.engine_files import FLAVOURS, TENSORRT, TENSORRT_RTX
from ioebss.errors import BackendError, UsageError
from ioebss.gpu.libcuda import Gpu, require_gpu
from ioebss.progress import Progress
from ioebss.tensorrt_library import import_library

AUTO = "auto"
# What TensorRT-RTX builds for when it is not told: Ampere and everything later.
PORTABLE = ("8.0+",)


@dataclass(frozen=True)
class Toolchain:
    """A library that builds here.

    Attributes:
        flavour: "tensorrt" or "tensorrt-rtx".
        library: its module.
        gpu: of this machine; None where there is none.
    """

    flavour: str
    library: Any
    gpu: Gpu | None

    @property
    def version(self) -> str:
        """Of the library."""
        return str(self.library.__version__)


def open_toolchain(flavour: str, progress: Progress) -> Toolchain:
    """The library that is to build.

    Args:
        flavour: "tensorrt", "tensorrt-rtx", or "auto": TensorRT where it is installed and a GPU is
            there, else TensorRT-RTX. What is passed over is said with its reason.

    Raises:
        UsageError: unknown flavour.
        BackendError: it cannot be used here; with "auto", none can.
    """
    if flavour in FLAVOURS:
        return _open(flavour)
    if flavour != AUTO:
        known = ", ".join((*FLAVOURS, AUTO))
        raise UsageError(f"no engine {flavour!r}; choose one of {known}")
    reasons = []
    for candidate in FLAVOURS:
        try:
            toolchain = _open(candidate)
        except BackendError as error:
            reasons.append(f"{candidate}: {error}")
            progress.say(f"{candidate} is passed over: {error}")
        else:
            progress.say(f"building with {candidate} {toolchain.version}")
            return toolchain
    raise BackendError("no engine can be built here: " + "; ".join(reasons))


def _open(flavour: str) -> Toolchain:
    library = import_library(flavour)
    if flavour == TENSORRT:  # it times kernels on the GPU itself
        return Toolchain(TENSORRT, library, require_gpu())
    try:
        return Toolchain(TENSORRT_RTX, library, require_gpu())
    except BackendError:  # it builds ahead of time
        return Toolchain(TENSORRT_RTX, library, None)
