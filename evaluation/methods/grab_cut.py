"""GrabCut (Rother, Kolmogorov & Blake 2004), as OpenCV has it: the method people use today."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.evaluation.methods.seed_session import SeedSession, Segment
from ioebss.evaluation.methods.seeds import Seeds, nearer

COMPONENTS = 5  # of OpenCV's colour mixtures: each side needs so many pixels
NUMBERS_PER_MODEL = 13 * COMPONENTS
NOWHERE = (0, 0, 0, 0)  # the rectangle, which is not read where there are labels


@dataclass(frozen=True)
class GrabCut:
    """Colour mixtures and cuts in turn, from the clicks' discs as sure pixels.

    The discs are sure foreground and sure background, the frame is sure background. The rest is
    probably what the nearer seeds are; the mixtures start from that division at each click, or,
    with `restart` off, from the last mask.

    Args:
        iterations: of mixtures and cut, at each click.
        restart: start each click from the division by distance.
    """

    iterations: int = 2
    restart: bool = True

    def open(self, photo: NDArray[np.uint8]) -> SeedSession:
        """Prepares a photo, RGB uint8 (H, W, 3).

        Raises:
            ImageError: the array is no RGB photo.
        """
        return SeedSession(photo, self._prepare)

    def _prepare(self, photo: NDArray[np.uint8]) -> Segment:
        last: NDArray[np.bool_] | None = None

        def segment(seeds: Seeds) -> NDArray[np.bool_]:
            nonlocal last
            if last is None or self.restart:
                probably = nearer(seeds.foreground, seeds.outside)
            else:
                probably = last
            last = self._cut(photo, seeds, probably)
            return last

        return segment

    def _cut(
        self, photo: NDArray[np.uint8], seeds: Seeds, probably: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        labels = np.where(probably, np.uint8(cv2.GC_PR_FGD), np.uint8(cv2.GC_PR_BGD))
        labels[seeds.outside] = cv2.GC_BGD
        labels[seeds.foreground] = cv2.GC_FGD
        taken = np.count_nonzero(labels & 1)
        if COMPONENTS <= taken <= labels.size - COMPONENTS:
            models = np.zeros((2, 1, NUMBERS_PER_MODEL))
            cv2.setRNGSeed(0)  # k-means starts at random: the same clicks must give the same mask
            cv2.grabCut(
                photo, labels, NOWHERE, models[0], models[1], self.iterations, cv2.GC_INIT_WITH_MASK
            )
        return np.asarray(labels & 1, bool)
