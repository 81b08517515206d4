"""The standard click protocol: a robot user clicks in the middle of the larger error until the
clicks are used up, as in RITM (Sofiiuk et al. 2022, section 4) and the work after it; and NoC, the
number that it is summed up by.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ioebss.clicks import Click
from ioebss.errors import UsageError
from ioebss.simulation import centre_click

MAX_CLICKS = 20


class InteractiveSession(Protocol):
    """One photo being clicked on, by whatever method."""

    def click(self, x: float, y: float, label: int = 1) -> NDArray[np.bool_]:
        """Adds a click at a pixel of the photo (label 1 on the object, 0 off it) and returns the
        new mask, bool (H, W)."""
        ...


@dataclass(frozen=True)
class Step:
    """A click, the mask after it, bool (H, W), and the wall time that it took."""

    click: Click
    mask: NDArray[np.bool_]
    milliseconds: float


def steps(
    session: InteractiveSession,
    truth: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    max_clicks: int = MAX_CLICKS,
) -> Iterator[Step]:
    """Clicks on one object until the clicks are used up, or the mask is equal to the truth.

    Args:
        session: is clicked on; no click was made yet.
        truth: the object, bool (H, W).
        valid: bool (H, W), False where pixels are void: never clicked.

    Raises:
        IoebssError: whatever the session raises.
    """
    mask = np.zeros_like(truth)
    clicks: list[Click] = []
    while len(clicks) < max_clicks:
        click = centre_click(mask, truth, valid, clicks)
        if click is None:
            return
        step = click_once(session, click)
        mask = step.mask
        clicks.append(click)
        yield step


def click_once(session: InteractiveSession, click: Click) -> Step:
    """Makes one click and takes its time."""
    started = time.perf_counter()
    mask = session.click(click.x, click.y, click.label)
    return Step(click, mask, 1e3 * (time.perf_counter() - started))


def number_of_clicks(ious: ArrayLike, target: float) -> NDArray[np.int64]:
    """NoC@target (Xu et al. 2016): how many clicks each object takes to reach an IoU.

    Args:
        ious: (N, K), IoU of N objects after 1..K clicks.
        target: 0..1; an IoU equal to it has reached it.

    Returns:
        int64 (N,), 1..K. An object that never gets there counts K, as is customary; `failures`
        tells how many those are.
    """
    reached = _table(ious) >= target
    first = reached.argmax(axis=1) + 1
    return np.asarray(np.where(reached.any(axis=1), first, reached.shape[1]), np.int64)


def failures(ious: ArrayLike, target: float) -> int:
    """How many objects of `ious` (N, K) do not reach an IoU of `target` within all K clicks."""
    return int(np.count_nonzero(~(_table(ious) >= target).any(axis=1)))


def _table(ious: ArrayLike) -> NDArray[np.float64]:
    table = np.asarray(ious, np.float64)
    if table.ndim != 2 or 0 in table.shape:
        raise UsageError(f"IoUs come as (objects, clicks), not as an array of shape {table.shape}")
    return table
