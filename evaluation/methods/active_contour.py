from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import morphological_chan_vese

from ioebss.evaluation.methods.seed_session import SeedSession
from ioebss.evaluation.methods.seeds import Seeds


@dataclass(frozen=True)
class ActiveContour:
    side: int = 320
    rounds: int = 10
    steps: int = 10
    smoothing: int = 2
    mode: str = "distance"
    scale: float = 20.0

    def open(self, photo: NDArray[np.uint8]) -> SeedSession:
        return SeedSession(photo, self._prepare, self.side)

    def _prepare(self, photo: NDArray[np.uint8]):
        lab = cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        lab = cv2.GaussianBlur(lab, (0, 0), 1)

        def segment(seeds: Seeds) -> NDArray[np.bool_]:
            f = _nearest(lab, seeds, 1)
            b = _nearest(lab, seeds, 0)
            if self.mode == "distance":
                u = b / np.maximum(f + b, 1e-6)
            else:
                u = np.exp(-f / self.scale)
            mask = seeds.foreground.astype(np.int8)
            for _ in range(self.rounds):
                before = mask
                mask = morphological_chan_vese(u, self.steps, mask, self.smoothing)
                mask[seeds.foreground] = 1
                mask[seeds.outside] = 0
                if (mask == before).all():
                    break
            return mask == 1

        return segment


def _nearest(lab, seeds, label):
    d = np.full(lab.shape[:2], np.inf, np.float32)
    for i, c in enumerate(seeds.clicks, 1):
        if c.label == label:
            d = np.minimum(d, np.linalg.norm(lab - lab[seeds.owner == i].mean(0), axis=-1))
    if label == 0 and seeds.frame.any():
        px = lab[seeds.frame]
        px = px[:: max(1, len(px) // 40)]
        for p in px:
            d = np.minimum(d, np.linalg.norm(lab - p, axis=-1))
    return d
