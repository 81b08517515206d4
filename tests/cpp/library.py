"""libioebss through ctypes, as a program in C would call it: what the tests compare with Python."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from ctypes import (
    POINTER,
    byref,
    c_char_p,
    c_double,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_void_p,
)
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

OK, USAGE, CLICK, IMAGE, MODEL, BACKEND, MISSING_LIBRARY, MEMORY, INTERNAL, CANCELLED = range(10)
RGB, BGR, RGBA, BGRA, GREY = range(5)
VALUES = {RGB: 3, BGR: 3, RGBA: 4, BGRA: 4, GREY: 1}  # a pixel


class Image(ctypes.Structure):
    """ioebss_image, ioebss_mask and ioebss_mask_view: the latter two end before `channels`."""

    _fields_ = (
        ("data", c_void_p),
        ("width", c_int32),
        ("height", c_int32),
        ("stride", c_int64),
        ("channels", c_int32),
    )


class Options(ctypes.Structure):
    _fields_ = (
        ("struct_size", c_uint32),
        ("backend", c_char_p),
        ("onnxruntime", c_char_p),
        ("threads", c_int32),
        ("size", c_int32),
        ("zoom", c_int32),
        ("flip", c_int32),
    )


class Click(ctypes.Structure):
    _fields_ = (("x", c_double), ("y", c_double), ("label", c_int32))


class Timing(ctypes.Structure):
    _fields_ = tuple((name, c_double) for name in ("prepare", "input", "network", "mask"))


class CppError(Exception):
    """A status that is not OK, with the library's message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def image_of(array: NDArray[np.uint8], channels: int = RGB, **fields: Any) -> Image:
    """A view of an array (height, width[, values]); rows may have gaps between them."""
    height, width = array.shape[:2]
    values = {"width": width, "height": height, "stride": array.strides[0], "channels": channels}
    return Image(data=array.ctypes.data, **(values | fields))


class Library:
    """The functions of libioebss; those that can fail raise `CppError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.functions = ctypes.CDLL(str(path))
        f = self.functions
        for name in ("last_error", "model_name", "model_backend", "model_backend_log"):
            getattr(f, f"ioebss_{name}").restype = c_char_p
        for name in ("session_click_count", "session_undone_count"):
            getattr(f, f"ioebss_{name}").restype = c_size_t
        f.ioebss_session_click.argtypes = [c_void_p, c_double, c_double, c_int32, c_void_p]
        f.ioebss_session_predict.argtypes = [c_void_p, c_void_p, c_size_t, c_void_p, c_void_p]
        f.ioebss_session_probability.argtypes = [c_void_p, c_void_p, c_int64]
        f.ioebss_session_get_click.argtypes = [c_void_p, c_size_t, c_void_p]
        f.ioebss_session_view_mask.argtypes = [c_void_p, POINTER(c_void_p)]
        for name in ("undo", "redo", "reset", "mask", "get_timing"):
            getattr(f, f"ioebss_session_{name}").argtypes = [c_void_p, c_void_p]
        for name in ("session_close", "session_click_count", "session_undone_count", "model_close"):
            getattr(f, f"ioebss_{name}").argtypes = [c_void_p]
        for name in ("name", "backend", "backend_log", "size", "has_previous", "zooms"):
            getattr(f, f"ioebss_model_{name}").argtypes = [c_void_p]
        f.ioebss_model_open.argtypes = [c_char_p, c_void_p, POINTER(c_void_p)]
        bytes_of = [c_char_p, c_size_t]
        f.ioebss_model_open_memory.argtypes = [*bytes_of * 2, c_void_p, POINTER(c_void_p)]
        f.ioebss_session_open.argtypes = [c_void_p, c_void_p, POINTER(c_void_p)]

    def call(self, name: str, *arguments: Any) -> None:
        status = getattr(self.functions, f"ioebss_{name}")(*arguments)
        if status:
            raise CppError(status, self.functions.ioebss_last_error().decode())

    def options(self, **fields: Any) -> Options:
        options = Options()
        self.functions.ioebss_model_options_init(byref(options))
        for name, value in fields.items():
            setattr(options, name, value)
        return options

    def open(self, path: Path, **options: Any) -> Model:
        return Model(self, "model_open", str(path).encode(), byref(self.options(**options)))

    def open_memory(self, onnx: bytes, manifest: bytes, **options: Any) -> Model:
        sizes = (onnx, len(onnx), manifest, len(manifest))
        return Model(self, "model_open_memory", *sizes, byref(self.options(**options)))


class Model:
    """ioebss_model."""

    def __init__(self, library: Library, function: str, *arguments: Any) -> None:
        self.library, self.handle = library, c_void_p()
        library.call(function, *arguments, byref(self.handle))

    def __del__(self) -> None:
        self.library.functions.ioebss_model_close(self.handle)

    def text(self, name: str) -> str:
        found: bytes = getattr(self.library.functions, f"ioebss_model_{name}")(self.handle)
        return found.decode()

    def number(self, name: str) -> int:
        return int(getattr(self.library.functions, f"ioebss_model_{name}")(self.handle))

    def session(self, photo: NDArray[np.uint8], channels: int = RGB) -> Session:
        return Session(self, image_of(photo, channels))


class Session:
    """ioebss_session, with the methods of `ioebss.Session`."""

    def __init__(self, model: Model, photo: Image) -> None:
        self.library, self.handle = model.library, c_void_p()
        self.shape = (photo.height, photo.width)
        self.library.call("session_open", model.handle, byref(photo), byref(self.handle))

    def __del__(self) -> None:
        self.library.functions.ioebss_session_close(self.handle)

    def _masked(self, name: str, *arguments: Any) -> NDArray[np.bool_]:
        mask = np.full(self.shape, 7, np.uint8)
        self.library.call(name, self.handle, *arguments, byref(image_of(mask)))
        assert np.isin(mask, (0, 255)).all()
        return mask == 255

    def click(self, x: float, y: float, label: int = 1) -> NDArray[np.bool_]:
        return self._masked("session_click", x, y, label)

    def undo(self) -> NDArray[np.bool_]:
        return self._masked("session_undo")

    def redo(self) -> NDArray[np.bool_]:
        return self._masked("session_redo")

    @property
    def mask(self) -> NDArray[np.bool_]:
        return self._masked("session_mask")

    def reset(self, mask: NDArray[np.bool_] | None = None) -> None:
        view = None if mask is None else byref(image_of(mask.view(np.uint8)))
        self.library.call("session_reset", self.handle, view)

    def predict(
        self, clicks: Iterable[Sequence[float]], mask: NDArray[np.bool_] | None = None
    ) -> NDArray[np.bool_]:
        table = [Click(x, y, *(rest or (1,))) for x, y, *rest in clicks]
        view = None if mask is None else byref(image_of(mask.view(np.uint8)))
        return self._masked("session_predict", (Click * len(table))(*table), len(table), view)

    @property
    def probability(self) -> NDArray[np.float32]:
        values = np.full(self.shape, 7, np.float32)
        self.library.call("session_probability", self.handle, values.ctypes.data, 0)
        return values

    def view_mask(self) -> NDArray[np.bool_]:
        data = c_void_p()
        self.library.call("session_view_mask", self.handle, byref(data))
        assert data.value
        size = self.shape[0] * self.shape[1]
        values = np.frombuffer((ctypes.c_uint8 * size).from_address(data.value), np.uint8)
        return values.reshape(self.shape) == 255

    @property
    def timing(self) -> Timing:
        timing = Timing()
        self.library.functions.ioebss_session_get_timing(self.handle, byref(timing))
        return timing
