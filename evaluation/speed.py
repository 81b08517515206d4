"""How long clicks take: candidates take turns within one run, so that what else the machine does
hits all alike. Only ratios within a run mean something on a shared machine.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ioebss.evaluation.foreign_graphs import ForeignGraphs
from ioebss.progress import Progress
from ioebss.segmenter import Segmenter

LATER_CLICKS = 4  # after the first, on each photo
STAGES = ("input", "network", "mask")


@dataclass
class Times:
    """Milliseconds, as measured."""

    values: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Half of the measurements took longer."""
        return float(np.median(self.values))

    def as_json(self) -> dict[str, float]:
        """Median, minimum and n."""
        return {
            "median": round(self.median, 3),
            "minimum": round(min(self.values), 3),
            "n": len(self.values),
        }


@dataclass
class ClickTimes:
    """Times of one candidate on one photo.

    Attributes:
        first: from the decoded photo to the first mask: opening the session and the first click.
        later: a click after the first, from its coordinates to the mask.
        stages: parts of `later`.
    """

    first: Times = field(default_factory=Times)
    later: Times = field(default_factory=Times)
    stages: dict[str, Times] = field(default_factory=lambda: {s: Times() for s in STAGES})


def measure_clicks(
    candidates: Mapping[str, Segmenter],
    photos: Mapping[str, NDArray[np.uint8]],
    foreign: Mapping[str, ForeignGraphs],
    repeats: int,
    progress: Progress,
) -> tuple[dict[tuple[str, str], ClickTimes], dict[str, Times]]:
    """Times clicks of every candidate on every photo, and runs of other systems' graphs.

    Args:
        candidates: by name.
        photos: uint8 (H, W, 3), by name.
        foreign: what to compare with, by name.
        repeats: sessions per candidate and photo, and runs of the graphs; one more warms up.

    Returns:
        By (candidate, photo), and by name of the graphs.

    Raises:
        BackendError: an engine failed.
    """
    clicks = {(c, p): ClickTimes() for c in candidates for p in photos}
    graphs = {name: Times() for name in foreign}
    with progress.task("timing", repeats + 1) as advance:
        for repeat in range(repeats + 1):
            for (candidate, photo), times in clicks.items():
                kept = times if repeat else ClickTimes()
                _one_session(candidates[candidate], photos[photo], repeat, kept)
            for name, times_of_graph in graphs.items():
                milliseconds = [foreign[name].run() for _ in range(LATER_CLICKS)]
                if repeat:
                    times_of_graph.values += milliseconds
            advance()
    return clicks, graphs


def _one_session(
    segmenter: Segmenter, photo: NDArray[np.uint8], seed: int, times: ClickTimes
) -> None:
    """A click in the middle, then others around it, on and off the object."""
    rng = np.random.default_rng(seed)
    height, width = photo.shape[:2]
    started = time.perf_counter()
    session = segmenter.open(photo)
    session.click(width // 2, height // 2)
    times.first.values.append(1e3 * (time.perf_counter() - started))
    for number in range(LATER_CLICKS):
        x, y = rng.uniform(0.3, 0.7, 2)
        started = time.perf_counter()
        session.click(int(x * width), int(y * height), number % 2)
        times.later.values.append(1e3 * (time.perf_counter() - started))
        for stage, values in times.stages.items():
            values.values.append(getattr(session.timing, stage))
