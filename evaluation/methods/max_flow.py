"""The cheapest cut of a photo in two: unary costs, and a smoothness that gives way at edges.

The energy is that of Boykov & Jolly 2001 (equations 1 to 3): the sum of every pixel's cost of its
side, plus, for every two neighbours on different sides, a weight that is small where their colours
differ. PyMaxflow (the algorithm of Boykov & Kolmogorov 2004) finds its minimum exactly.
"""

from __future__ import annotations

import maxflow
import numpy as np
from numpy.typing import NDArray

from ioebss.errors import UsageError

NEVER = 1e9  # cost of a side that a pixel must not be on; infinity would spoil the sums of flows

# To the right, down, down right, down left: each pair of the 8-neighbourhood once. (dy, dx)
NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


def contrast_weights(photo: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How much it costs to part neighbouring pixels: exp(-beta |difference|^2) / distance, where
    beta is half the inverse of the photo's mean squared difference (Rother et al. 2004, eq. 5).

    Args:
        photo: uint8 (H, W, 3).

    Returns:
        float64 (4, H, W), 0..1, one plane for each of `NEIGHBOURS`; 0 where there is no neighbour.
    """
    height, width = photo.shape[:2]
    squared = np.zeros((len(NEIGHBOURS), height, width))
    exists = np.zeros(squared.shape, bool)
    colours = photo.astype(np.float64)
    for plane, there, step in zip(squared, exists, NEIGHBOURS, strict=True):
        here, other = _pairs(height, width, *step)
        plane[here] = np.square(colours[here] - colours[other]).sum(-1)
        there[here] = True
    mean = squared[exists].mean() if exists.any() else 0.0
    beta = 0.5 / mean if mean > 0 else 0.0
    distance = np.array([np.hypot(*step) for step in NEIGHBOURS])[:, None, None]
    return np.asarray(np.where(exists, np.exp(-beta * squared) / distance, 0.0), np.float64)


def minimum_cut(
    foreground: NDArray[np.floating],
    background: NDArray[np.floating],
    weights: NDArray[np.float64],
    smoothness: float,
) -> NDArray[np.bool_]:
    """The mask whose energy is least.

    A refinement of a probability map p takes -log(p) and -log(1 - p) as its costs.

    Args:
        foreground, background: what it costs each pixel to be on that side, floats (H, W), finite;
            `NEVER` forbids it. Only their difference matters.
        weights: of `contrast_weights`, float64 (4, H, W).
        smoothness: factor of the weights, 0 or more; 0 decides every pixel by itself.

    Returns:
        bool (H, W). Where several masks cost the same it is always the same one of them.

    Raises:
        UsageError: shapes differ, a cost is not finite, or the smoothness is negative.
    """
    _check(foreground, background, weights, smoothness)
    graph = maxflow.GraphFloat()
    nodes = graph.add_grid_nodes(foreground.shape)
    for plane, (dy, dx) in zip(weights, NEIGHBOURS, strict=True):
        structure = np.zeros((3, 3))
        structure[1 + dy, 1 + dx] = 1
        graph.add_grid_edges(nodes, smoothness * plane, structure, symmetric=True)
    # Who ends on the source's side pays the capacity to the sink.
    lower = np.minimum(foreground, background).astype(np.float64)
    graph.add_grid_tedges(nodes, background - lower, foreground - lower)
    graph.maxflow()
    return np.asarray(~graph.get_grid_segments(nodes), bool)


def _pairs(
    height: int, width: int, dy: int, dx: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where the pixels that have a neighbour at (dy, dx) lie, and where those neighbours lie."""
    here = slice(0, max(height - dy, 0)), slice(max(-dx, 0), width - max(dx, 0))
    there = slice(dy, height), slice(max(dx, 0), width + min(dx, 0))
    return here, there


def _check(
    foreground: NDArray[np.floating],
    background: NDArray[np.floating],
    weights: NDArray[np.float64],
    smoothness: float,
) -> None:
    shape = foreground.shape
    expected = (len(NEIGHBOURS), *shape)
    if len(shape) != 2 or background.shape != shape or weights.shape != expected:
        raise UsageError(
            f"costs are two arrays (H, W) and weights ({len(NEIGHBOURS)}, H, W), not {shape}, "
            f"{background.shape} and {weights.shape}"
        )
    if not (np.isfinite(foreground).all() and np.isfinite(background).all()):
        raise UsageError("a cost is not finite; clip probabilities before their logarithm")
    if not (np.isfinite(smoothness) and smoothness >= 0):
        raise UsageError(f"smoothness = {smoothness}; it must be 0 or more")
