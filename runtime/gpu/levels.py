"""The photo on the GPU, and its halves (`ioebss.pyramid`)."""

from __future__ import annotations

import ctypes

import numpy as np
from numpy.typing import NDArray

from ioebss.gpu.driver import Driver
from ioebss.gpu.kernels import Kernels
from ioebss.gpu.resources import Resources
from ioebss.kernels.look import Look


class DeviceLevels:
    """Level 0 is the photo; the others are made when they are first needed.

    Args:
        photo: uint8 (H, W, 3), copied to the GPU.
        resources: what is allocated belongs to.
        driver: of the GPU, active.
        kernels: there.
        stream: that all work is put on.
    """

    def __init__(
        self,
        photo: NDArray[np.uint8],
        resources: Resources,
        driver: Driver,
        kernels: Kernels,
        stream: int,
    ) -> None:
        self._resources, self._driver = resources, driver
        self._kernels, self._stream = kernels, stream
        size = ctypes.sizeof(Look)
        self._parameters, self._pinned = resources.memory(size), resources.pinned(size)
        height, width = photo.shape[:2]
        self._levels = [(resources.memory(photo.size), height, width)]
        self._next = 0  # memory for the next level, where making it has failed
        driver.upload(self._levels[0][0], np.ascontiguousarray(photo), stream)

    def point(self, look: Look, level: int) -> None:
        """Has a look see this level.

        Raises:
            DeviceMemoryError: there is no memory left to make it.
        """
        while len(self._levels) <= level:
            self._halve()
        look.photo, _, look.photo_pitch = self._levels[level]

    def _halve(self) -> None:
        photo, height, width = self._levels[-1]
        halved = ((height + 1) // 2, (width + 1) // 2)
        pixels = halved[0] * halved[1]
        pointer = self._next = self._next or self._resources.memory(3 * pixels)
        look = Look(photo=photo, photo_pitch=width, halved=pointer)
        look.level_height, look.level_width = height, width
        self._pinned[:] = np.frombuffer(bytes(look), np.uint8)
        self._driver.upload(self._parameters, self._pinned, self._stream)
        self._kernels.launch("halve", pixels, self._parameters, self._stream)
        self._driver.synchronise(self._stream)  # the parameters are free for the next level
        self._levels.append((pointer, *halved))
        self._next = 0
