"""Which side's clicked colours a pixel is more like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import FOREGROUND
from ioebss.evaluation.methods.seeds import Seeds

FRAME_COLOURS = 32  # pixels of the frame, at even distances, that stand for the background


def likeness(lab: NDArray[np.float32], seeds: Seeds) -> NDArray[np.float32]:
    """How much more each pixel's colour is like the foreground's seeds than like the background's:
    float32 (h, w), 0..1."""
    colours: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])
    for number, click in enumerate(seeds.clicks, 1):
        disc = lab[seeds.owner == number]
        if disc.size:  # not covered whole by a later click on the same pixel
            colours[click.label == FOREGROUND].append(disc.mean(axis=0))
    frame = lab[seeds.frame]
    colours[0].extend(frame[:: 1 + len(frame) // FRAME_COLOURS])
    background, foreground = (_distance(lab, some) for some in colours)
    return np.asarray(background / np.maximum(foreground + background, 1e-6), np.float32)


def _distance(lab: NDArray[np.float32], colours: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """To the nearest of some colours; of none, farther than any colour is."""
    nearest = np.full(lab.shape[:2], 1e6, np.float32)
    for colour in colours:
        np.minimum(nearest, np.square(lab - colour).sum(-1), out=nearest)
    return np.sqrt(nearest)
