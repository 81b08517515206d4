"""IOEBSS: clicks on a photograph to the mask of the object.

    from ioebss import Segmenter

    segmenter = Segmenter()                 # the bundled model on the best engine there is
    session = segmenter.open("photo.jpg")   # or an RGB uint8 array (H, W, 3)
    mask = session.click(320, 240)          # on the object; bool (H, W)
    mask = session.click(40, 60, label=0)   # off the object

Coordinates are (x, y) in pixels of the photo. Importing this package imports no engine, and neither
NumPy nor OpenCV until one of its names is used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ioebss.clicks import Click
    from ioebss.errors import (
        BackendError,
        ClickError,
        DataError,
        DeviceMemoryError,
        EngineMismatchError,
        ImageError,
        IoebssError,
        MissingExtraError,
        ModelError,
        OutputError,
        PhotoSizeError,
        ProofError,
        UsageError,
    )
    from ioebss.manifest import Manifest
    from ioebss.model_bytes import ModelBytes
    from ioebss.segmenter import BUNDLED, BUNDLED_INT8, Segmenter
    from ioebss.session import Session

__all__ = [
    "BUNDLED",
    "BUNDLED_INT8",
    "BackendError",
    "Click",
    "ClickError",
    "DataError",
    "DeviceMemoryError",
    "EngineMismatchError",
    "ImageError",
    "IoebssError",
    "Manifest",
    "MissingExtraError",
    "ModelBytes",
    "ModelError",
    "OutputError",
    "PhotoSizeError",
    "ProofError",
    "Segmenter",
    "Session",
    "UsageError",
]

_HOMES = {
    "BUNDLED": "segmenter",
    "BUNDLED_INT8": "segmenter",
    "Click": "clicks",
    "Manifest": "manifest",
    "ModelBytes": "model_bytes",
    "Segmenter": "segmenter",
    "Session": "session",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        metadata = importlib.import_module("importlib.metadata")
        return metadata.version("ioebss")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"ioebss.{_HOMES.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
