"""SLIC superpixels (Achanta et al. 2012), joined from the clicks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra
from skimage.segmentation import slic

from ioebss.evaluation.methods.seed_session import SeedSession, Segment
from ioebss.evaluation.methods.seeds import Seeds, nearer

STEP = 2.0  # added to a colour difference, so that among like colours the shorter way counts


@dataclass(frozen=True)
class Slic:
    """Superpixels (scikit-image) take the label of the click that is nearest along neighbours.

    A step between neighbouring superpixels is as long as their mean colours differ in CIELAB, plus
    `STEP`. Each superpixel goes to the side that has the shorter way to it, from the superpixels
    that were clicked (the frame's are background); one that holds clicks of both sides is divided
    between them by distance. A click is its pixel here, not a disc: a disc would give its label
    to every superpixel that it touches, across the outline too.

    Args:
        count: of superpixels, about.
        compactness: weight of closeness against colour within a superpixel.
    """

    count: int = 600
    compactness: float = 10.0

    def open(self, photo: NDArray[np.uint8]) -> SeedSession:
        """Prepares a photo, RGB uint8 (H, W, 3).

        Raises:
            ImageError: the array is no RGB photo.
        """
        return SeedSession(photo, self._prepare, radius=0)

    def _prepare(self, photo: NDArray[np.uint8]) -> Segment:
        pieces = slic(
            photo, n_segments=self.count, compactness=self.compactness, start_label=0
        ).astype(np.int64)
        graph = _neighbours(photo, pieces)

        def segment(seeds: Seeds) -> NDArray[np.bool_]:
            clicked, taken = pieces[seeds.foreground], pieces[seeds.background]
            inside = _way(graph, np.unique(clicked))
            outside = _way(graph, np.unique(pieces[seeds.outside]))
            mask = (inside < outside)[pieces]
            divided = np.isin(pieces, np.intersect1d(clicked, taken))
            mask[divided] = nearer(seeds.foreground, seeds.background)[divided]
            # An object at the border: where it was clicked, the frame does not count.
            mask[np.isin(pieces, np.setdiff1d(clicked, taken))] = True
            return np.asarray(mask, bool)

        return segment


def _neighbours(photo: NDArray[np.uint8], pieces: NDArray[np.int64]) -> Any:
    """Lengths of the steps between neighbouring superpixels: sparse, each pair once."""
    lab = cv2.cvtColor(photo.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    count = int(pieces.max()) + 1
    flat = pieces.ravel()
    sums = [np.bincount(flat, plane.ravel(), count) for plane in np.moveaxis(lab, 2, 0)]
    means = np.stack(sums, axis=1) / np.bincount(flat, minlength=count)[:, None]
    one = np.concatenate([pieces[:, :-1].ravel(), pieces[:-1].ravel()])
    other = np.concatenate([pieces[:, 1:].ravel(), pieces[1:].ravel()])
    pairs = np.unique(np.sort(np.stack([one, other])[:, one != other], axis=0), axis=1)
    lengths = np.linalg.norm(means[pairs[0]] - means[pairs[1]], axis=1) + STEP
    return csr_array((lengths, (pairs[0], pairs[1])), shape=(count, count))


def _way(graph: Any, sources: NDArray[np.int64]) -> NDArray[np.float64]:
    """Length of the shortest way from any of the sources to each superpixel."""
    if not sources.size:
        return np.full(graph.shape[0], np.inf)
    found = dijkstra(graph, directed=False, indices=sources, min_only=True)
    return np.asarray(found, np.float64)
