"""GraphCut: Boykov & Jolly 2001, "Interactive graph cuts for optimal boundary & region segmentation
of objects in N-D images"."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ioebss.evaluation.methods.max_flow import NEVER, contrast_weights, minimum_cut
from ioebss.evaluation.methods.seed_session import SeedSession, Segment
from ioebss.evaluation.methods.seeds import Seeds


@dataclass(frozen=True)
class GraphCut:
    """The cheapest cut between the clicks' discs, by colour and by contrast.

    A pixel's cost of a side is -log of how frequent its colour is among that side's seeds: discs
    of foreground clicks, discs of background clicks and the frame. Seeds are hard. Neighbours
    are parted where the photo's contrast is high (`max_flow`).

    Args:
        bins: of the colour histograms, in each of red, green and blue.
        blur: standard deviation, in bins, of the Gaussian that the histograms are smoothed with:
            the discs hold few pixels.
        floor: share of the even distribution in each histogram, so that no colour is impossible.
        smoothness: weight of the contrast against the colours. On 12 val objects, scaled to 200
            pixels: 30 was better than 10 (mIoU 0.735 against 0.628 after 5 clicks, 0.882 against
            0.871 after 20).
    """

    bins: int = 16
    blur: float = 1.0
    floor: float = 0.05
    smoothness: float = 30.0

    def open(self, photo: NDArray[np.uint8]) -> SeedSession:
        """Prepares a photo, RGB uint8 (H, W, 3).

        Raises:
            ImageError: the array is no RGB photo.
        """
        return SeedSession(photo, self._prepare)

    def _prepare(self, photo: NDArray[np.uint8]) -> Segment:
        weights = contrast_weights(photo)
        colours = _colour_bins(photo, self.bins)

        def segment(seeds: Seeds) -> NDArray[np.bool_]:
            foreground = self._costs(colours, seeds.foreground)
            background = self._costs(colours, seeds.outside)
            foreground[seeds.outside] = background[seeds.foreground] = NEVER
            return minimum_cut(foreground, background, weights, self.smoothness)

        return segment

    def _costs(self, colours: NDArray[np.intp], seeds: NDArray[np.bool_]) -> NDArray[np.float64]:
        """-log of each pixel's colour among those of the seeds: float64 (h, w)."""
        counts = np.bincount(colours[seeds], minlength=self.bins**3).astype(np.float64)
        grid = gaussian_filter(counts.reshape([self.bins] * 3), self.blur, mode="nearest").ravel()
        share = (1 - self.floor) * grid / max(grid.sum(), 1.0) + self.floor / grid.size
        return np.asarray(-np.log(share)[colours], np.float64)


def _colour_bins(photo: NDArray[np.uint8], bins: int) -> NDArray[np.intp]:
    """Number of each pixel's bin, 0 to bins^3 - 1: (h, w)."""
    red, green, blue = np.moveaxis(photo.astype(np.intp) * bins // 256, 2, 0)
    return np.asarray((red * bins + green) * bins + blue, np.intp)
