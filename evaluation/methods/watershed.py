"""Marker-controlled watershed: Meyer & Beucher 1990, "Morphological segmentation"."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

from ioebss.evaluation.methods.seed_session import SeedSession, Segment
from ioebss.evaluation.methods.seeds import Seeds

FOREGROUND, BACKGROUND = 1, 2  # markers


@dataclass(frozen=True)
class Watershed:
    """Floods the colour gradient from the clicks (scikit-image); where floods meet is the outline.

    The foreground discs are one marker, the background discs and the frame the other.

    Args:
        blur: standard deviation, in pixels, of the Gaussian before the gradient.
    """

    blur: float = 1.0

    def open(self, photo: NDArray[np.uint8]) -> SeedSession:
        """Prepares a photo, RGB uint8 (H, W, 3).

        Raises:
            ImageError: the array is no RGB photo.
        """
        return SeedSession(photo, self._prepare)

    def _prepare(self, photo: NDArray[np.uint8]) -> Segment:
        relief = colour_gradient(photo, self.blur)

        def segment(seeds: Seeds) -> NDArray[np.bool_]:
            markers = FOREGROUND * seeds.foreground + BACKGROUND * seeds.outside
            basins = watershed(relief, markers)  # type: ignore[no-untyped-call]
            return np.asarray(basins == FOREGROUND, np.bool_)

        return segment


def colour_gradient(photo: NDArray[np.uint8], blur: float) -> NDArray[np.float32]:
    """Length of the gradient over the three channels of CIELAB (Scharr), float32 (h, w)."""
    lab = cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), blur)
    squared = sum(np.square(cv2.Scharr(lab, cv2.CV_32F, *axes)) for axes in ((1, 0), (0, 1)))
    return np.asarray(np.sqrt(np.sum(squared, axis=-1)), np.float32)
