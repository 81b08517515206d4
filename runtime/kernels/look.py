"""The parameters of the kernels: `look.h` in Python. Pointers are addresses of device memory."""

from __future__ import annotations

import ctypes
from ctypes import c_float, c_int32, c_int64, c_void_p

from ioebss.windows import Window

NOTHING, LOGITS, MASK = range(3)  # where the previous mask comes from


class Box(ctypes.Structure):
    """Columns x0 to x1 - 1, rows y0 to y1 - 1."""

    _fields_ = (("x0", c_int32), ("y0", c_int32), ("x1", c_int32), ("y1", c_int32))

    @classmethod
    def of(cls, window: Window) -> Box:
        """A window of the photo."""
        return cls(window.x0, window.y0, window.x1, window.y1)


class Place(ctypes.Structure):
    """Of a row or column of the photo among the logits."""

    _fields_ = (("before", c_int32), ("weight", c_float))


class Look(ctypes.Structure):
    """Everything that varies from one look at a photo to the next; `look.h` explains each field."""

    _fields_ = (
        ("photo", c_void_p),
        ("photo_pitch", c_int64),
        ("region", Box),
        ("halved", c_void_p),
        ("level_height", c_int32),
        ("level_width", c_int32),
        ("input", c_void_p),
        ("logits", c_void_p),
        ("channels", c_int32),
        ("height", c_int32),
        ("width", c_int32),
        ("window", Box),
        ("repaint", c_int32),
        ("clear", c_int32),
        ("cells", c_void_p),
        ("erased_cells", c_void_p),
        ("first_drawn", c_int32),
        ("cell_count", c_int32),
        ("erased_count", c_int32),
        ("radius", c_int32),
        ("previous", c_int32),
        ("last_height", c_int32),
        ("last_width", c_int32),
        ("last_window", Box),
        ("last_logits", c_void_p),
        ("start_mask", c_void_p),
        ("mask", c_void_p),
        ("rows", c_void_p),
        ("columns", c_void_p),
        ("photo_height", c_int32),
        ("photo_width", c_int32),
    )
