"""IOEBSS, measured through its runtime: what a user gets is what is measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.backends import AUTO
from ioebss.clicks import FOREGROUND
from ioebss.evaluation.methods.timing import Timing
from ioebss.precision import EXACT
from ioebss.segmenter import Segmenter
from ioebss.session import Session


class Ioebss:
    """Any model file on any engine; clicks are the model's planes.

    Args:
        model, backend, precision, threads, size, zoom, flip: as `ioebss.Segmenter` takes them; the
            precision is by default that of the very file named.

    Attributes:
        segmenter: that is measured.

    Raises:
        ModelError, BackendError, UsageError: see `ioebss.Segmenter`.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        backend: str = AUTO,
        precision: str = EXACT,
        threads: int | None = None,
        size: int | None = None,
        zoom: bool = True,
        flip: bool = False,
    ) -> None:
        self.segmenter = Segmenter(
            model,
            backend=backend,
            precision=precision,
            threads=threads,
            size=size,
            zoom=zoom,
            flip=flip,
        )

    def open(self, photo: NDArray[np.uint8]) -> IoebssSession:
        """Prepares a photo, RGB uint8 (H, W, 3).

        Raises:
            ImageError: the array is no RGB photo.
        """
        return IoebssSession(self.segmenter.open(photo))


class IoebssSession:
    """A runtime session whose times have the names that all methods share."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def timing(self) -> Timing:
        """Of the last click; on a GPU `method` holds the input, too."""
        timing = self.session.timing
        return Timing(timing.prepare, timing.input, timing.network, timing.mask)

    def click(self, x: float, y: float, label: int = FOREGROUND) -> NDArray[np.bool_]:
        """See `ioebss.Session.click`."""
        return self.session.click(x, y, label)
