"""Where the time of a click goes, in the same four parts for every method."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Milliseconds: of preparing the photo, once; and of the last click.

    Attributes:
        prepare: what depends on the photo alone.
        input: from the click to what the method reads: planes, seeds, a trimap.
        method: the network or the segmentation itself.
        mask: from its result to a mask of the photo's size.
    """

    prepare: float
    input: float = 0.0
    method: float = 0.0
    mask: float = 0.0


def milliseconds_since(started: float) -> float:
    """Since a reading of `time.perf_counter`."""
    return 1e3 * (time.perf_counter() - started)
