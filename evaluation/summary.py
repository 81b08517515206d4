"""From measurements of single objects to the numbers of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ioebss.errors import UsageError
from ioebss.evaluation.metrics import Estimate, estimate
from ioebss.evaluation.protocol import Measurement
from ioebss.robot import failures, number_of_clicks

SHOWN_CLICKS = (1, 2, 3, 5, 10, 20)
TARGETS = (0.85, 0.90)


@dataclass(frozen=True)
class TargetResult:
    """NoC of a target IoU, and how many objects never reach it."""

    noc: Estimate
    failures: int


@dataclass(frozen=True)
class Summary:
    """What a run comes down to.

    Attributes:
        objects: how many were measured (n).
        max_clicks: allowed for each.
        mean_iou: by number of clicks, 0..1.
        pixel_accuracy: likewise.
        boundary_iou: likewise.
        targets: by target IoU; none where one mask is all there is: every NoC would be 1.
        median_ms: wall time of a click, over all clicks made.
    """

    objects: int
    max_clicks: int
    mean_iou: dict[int, Estimate]
    pixel_accuracy: dict[int, Estimate]
    boundary_iou: dict[int, Estimate]
    targets: dict[float, TargetResult]
    median_ms: float


def summarise(measurements: Sequence[Measurement]) -> Summary:
    """The means over objects, with bootstrap intervals.

    Raises:
        UsageError: there are no measurements.
    """
    if not measurements:
        raise UsageError("nothing was measured, so there is nothing to summarise")
    ious = np.array([m.course.ious for m in measurements])
    max_clicks = ious.shape[1]
    shown = sorted({k for k in SHOWN_CLICKS if k <= max_clicks} | {max_clicks})

    def means(scores: Sequence[Sequence[float]]) -> dict[int, Estimate]:
        table = np.array(scores)
        return {k: estimate(table[:, k - 1]) for k in shown}

    return Summary(
        objects=len(ious),
        max_clicks=max_clicks,
        mean_iou=means([m.course.ious for m in measurements]),
        pixel_accuracy=means([m.course.accuracies for m in measurements]),
        boundary_iou=means([m.course.boundary_ious for m in measurements]),
        targets={
            t: TargetResult(estimate(number_of_clicks(ious, t)), failures(ious, t))
            for t in (TARGETS if max_clicks > 1 else ())
        },
        median_ms=float(np.median([t for m in measurements for t in m.course.milliseconds])),
    )
