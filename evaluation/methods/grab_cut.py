from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.evaluation.methods.seed_session import SeedSession
from ioebss.evaluation.methods.seeds import Seeds, border


@dataclass(frozen=True)
class GrabCut:
    iterations: int = 3
    restart: bool = False
    frame_far: bool = True

    def open(self, photo: NDArray[np.uint8]) -> SeedSession:
        return SeedSession(photo, self._prepare)

    def _prepare(self, photo: NDArray[np.uint8]):
        frame = border(*photo.shape[:2])
        state = {}

        def segment(seeds: Seeds) -> NDArray[np.bool_]:
            outside = seeds.background | frame if self.frame_far else seeds.outside
            labels = state.get("m")
            if labels is None or self.restart:
                labels = np.where(
                    _distance(seeds.foreground) <= _distance(outside & ~seeds.foreground),
                    np.uint8(cv2.GC_PR_FGD),
                    np.uint8(cv2.GC_PR_BGD),
                )
            else:
                labels = np.where(labels, np.uint8(cv2.GC_PR_FGD), np.uint8(cv2.GC_PR_BGD))
            labels[seeds.foreground] = cv2.GC_FGD
            labels[seeds.background] = cv2.GC_BGD
            if seeds.frame.any():
                labels[seeds.frame] = cv2.GC_BGD
            cv2.setRNGSeed(0)
            cv2.grabCut(
                photo,
                labels,
                None,
                np.zeros((1, 65)),
                np.zeros((1, 65)),
                self.iterations,
                cv2.GC_INIT_WITH_MASK,
            )
            state["m"] = (labels & 1) == 1
            return state["m"]

        return segment


def _distance(seeds):
    return cv2.distanceTransform((~seeds).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
