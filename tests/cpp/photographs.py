"""Thirty photographs of the four samples, all different: crops, mirror images, sizes, exposures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.image_files import read_photo

COUNT = 30
LONGEST = (120, 300, 500, 777, 1400)  # sides, in pixels


def photographs(samples: Path) -> Iterator[NDArray[np.uint8]]:
    """uint8 (H, W, 3): from smaller to several times larger than the network's input."""
    originals = [read_photo(path) for path in sorted(samples.glob("*.jpg"))]
    rng = np.random.default_rng(30)
    for number in range(COUNT):
        photo: Any = originals[number % len(originals)]
        height, width = photo.shape[:2]
        rows, columns = (int(s * rng.uniform(0.45, 1)) for s in (height, width))
        top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        photo = photo[top : top + rows, left : left + columns]
        if rng.random() < 0.5:
            photo = photo[:, ::-1]
        scale = LONGEST[number % len(LONGEST)] / max(rows, columns)
        size = (max(1, round(columns * scale)), max(1, round(rows * scale)))
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        photo = cv2.resize(np.ascontiguousarray(photo), size, interpolation=kind)
        yield cv2.convertScaleAbs(photo, alpha=rng.uniform(0.7, 1.3))
