"""How near the clicks are when edges are long ways (geodesic distances)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.graph import MCP_Geometric

from ioebss.evaluation.methods.seeds import Seeds


def edge_costs(lab: NDArray[np.float32], floor: float) -> NDArray[np.float64]:
    """What a step over each pixel costs: its gradient in units of the photo's mean gradient.

    Args:
        lab: CIELAB float32 (h, w, 3).
        floor: cost of a pixel without any gradient, above 0: the share of plain distance.

    Returns:
        float64 (h, w), `floor` or more.
    """
    along_x, along_y = (cv2.Sobel(lab, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    gradient = np.sqrt((np.square(along_x) + np.square(along_y)).sum(-1, dtype=np.float64))
    return np.asarray(floor + gradient / max(float(gradient.mean()), 1e-6), np.float64)


def nearness(costs: NDArray[np.float64], seeds: Seeds) -> NDArray[np.float32]:
    """b / (f + b), where f and b are each pixel's geodesic distances to the foreground's seeds and
    to the background's: float32 (h, w), 0 on the background's, 1 on the foreground's, 1/2 half way.
    1 everywhere where the background has none.

    Args:
        costs: of `edge_costs`; a path costs their sum along it, diagonal steps sqrt(2) as much.
    """
    foreground, background = (_distance(costs, some) for some in (seeds.foreground, seeds.outside))
    with np.errstate(divide="ignore"):
        return np.asarray(1 / (1 + foreground / background), np.float32)


def _distance(costs: NDArray[np.float64], sources: NDArray[np.bool_]) -> NDArray[np.float64]:
    if not sources.any():
        return np.full(costs.shape, np.inf)
    paths = MCP_Geometric(costs)
    distances, _ = paths.find_costs(np.argwhere(sources))
    return np.asarray(distances, np.float64)
