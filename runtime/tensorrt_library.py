"""The libraries of TensorRT and TensorRT-RTX: two modules with one API."""

from __future__ import annotations

import importlib
import logging
from typing import Any

from ioebss.engine_files import TENSORRT, TENSORRT_RTX
from ioebss.errors import BackendError, MissingExtraError

logger = logging.getLogger("ioebss")
OLDEST = (10, 12)  # the first TensorRT whose strongly typed networks are those of TensorRT 11
# The raw wheels of TensorRT-RTX have the second name.
MODULES = {TENSORRT: ("tensorrt",), TENSORRT_RTX: ("tensorrt_rtx", "tensorrt_rtx_bindings")}
REMEDIES = {
    TENSORRT: 'pip install "ioebss[gpu]", or TensorRT 10.12 or newer as NVIDIA\'s guide says',
    TENSORRT_RTX: "pip install tensorrt-rtx",
}


def import_library(flavour: str) -> Any:
    """The module of TensorRT or TensorRT-RTX.

    Args:
        flavour: "tensorrt" or "tensorrt-rtx".

    Raises:
        MissingExtraError: it is not installed, or broken.
        BackendError: it is too old.
    """
    reasons = []
    for name in MODULES[flavour]:
        try:
            library = importlib.import_module(name)
        except ImportError as error:
            reasons.append(str(error))
        else:
            return _new_enough(library, flavour)
    raise MissingExtraError(f"{flavour} is not usable ({reasons[0]}); {REMEDIES[flavour]}")


def _new_enough(library: Any, flavour: str) -> Any:
    version = str(getattr(library, "__version__", "0.0"))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if flavour == TENSORRT and numbers < OLDEST:
        raise BackendError(
            f"TensorRT {version} is too old, {OLDEST[0]}.{OLDEST[1]} or newer is needed; "
            f"{REMEDIES[flavour]}"
        )
    return library


def make_log(library: Any) -> Any:
    """A logger for TensorRT. Its attribute `errors` holds the last of its errors, one line each;
    `last` is the very last one, for messages."""

    class Log(library.ILogger):  # type: ignore[misc]  # the library is known when it runs only
        def __init__(self) -> None:
            library.ILogger.__init__(self)
            self.errors: list[str] = []

        @property
        def last(self) -> str:
            return self.errors[-1] if self.errors else "it does not say why"

        def log(self, severity: Any, message: str) -> None:
            if severity in (library.ILogger.ERROR, library.ILogger.INTERNAL_ERROR):
                self.errors = [*self.errors[-9:], " ".join(message.split())[:300]]
            logger.debug("%s", message)

    return Log()
