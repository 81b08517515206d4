"""How long clicks take: methods take turns within one run, so that what else the machine does hits
all alike. Only ratios within a run mean something on a shared machine.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.evaluation.failures import Failures
from ioebss.evaluation.foreign_graphs import ForeignGraphs
from ioebss.evaluation.protocol import Method
from ioebss.progress import Progress
from ioebss.robot import InteractiveSession

LATER_CLICKS = 4  # after the first, on each photo
# Parts of a session's `timing`: of the photo once, then of each click.
STAGES = ("prepare", "input", "network", "mask")


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
    """Times of one method on one photo.

    Attributes:
        first: from the decoded photo to the first mask: opening the session and the first click.
        later: a click after the first, from its coordinates to the mask.
        stages: "prepare" is part of `first`, the others of `later`. Empty for methods that do not
            tell.
        spent: seconds, warming up included.
    """

    first: Times = field(default_factory=Times)
    later: Times = field(default_factory=Times)
    stages: dict[str, Times] = field(default_factory=lambda: {s: Times() for s in STAGES})
    spent: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Each as median, minimum and n."""
        stages = {name: times.as_json() for name, times in self.stages.items() if times.values}
        return {"first": self.first.as_json(), "later": self.later.as_json(), **stages}


@dataclass(frozen=True)
class Subject:
    """A method and the photo that it is timed on: uint8 (H, W, 3)."""

    method: Method
    photo: NDArray[np.uint8]


def measure_clicks(
    subjects: Mapping[tuple[str, int], Subject],
    foreign: Mapping[str, ForeignGraphs],
    repeats: int,
    budget: float,
    progress: Progress,
    failures: Failures,
) -> tuple[dict[tuple[str, int], ClickTimes], dict[str, Times]]:
    """Times clicks of every subject, and runs of other systems' graphs, in turns.

    Args:
        subjects: by name and side of the photo in pixels.
        foreign: what to compare with, by name.
        repeats: sessions per subject, and runs of the graphs; one more warms up.
        budget: seconds for each subject. One that has used them up makes one later click at least
            in the session it is in, sits the other rounds out, and keeps the times of warming up
            if it has no others.
        failures: is told which subject failed. What failed, now or before, makes no more clicks
            and has no times.

    Returns:
        By subject, and by name of the graphs.
    """
    clicks = {key: ClickTimes() for key in subjects}
    graphs = {name: Times() for name in foreign}
    with progress.task("timing", repeats + 1) as advance:
        for repeat in range(repeats + 1):
            for key, subject in subjects.items():
                if _part(key) not in failures.reasons and clicks[key].spent < budget:
                    with failures.noted(_part(key)):
                        _one_session(subject, repeat, clicks[key], budget)
                    if repeat == 0 and clicks[key].spent < budget:
                        clicks[key] = ClickTimes(spent=clicks[key].spent)
            for name, times_of_graph in graphs.items():
                milliseconds = [foreign[name].run() for _ in range(LATER_CLICKS)]
                if repeat:
                    times_of_graph.values += milliseconds
            advance()
    return {k: times for k, times in clicks.items() if _part(k) not in failures.reasons}, graphs


def measure_growth(
    method: Method, photo: NDArray[np.uint8], counts: Sequence[int], budget: float
) -> dict[int, float]:
    """Milliseconds of the k-th click on one photo, as clicks gather.

    Args:
        counts: the k, ascending. The first click, which may have to warm up, is taken alone; of
            each later one and its two neighbours, but never the first, the median is. One click
            more than the last k is made.
        budget: seconds; what would come after is left out.

    Raises:
        IoebssError: whatever the method raises.
    """
    rng = np.random.default_rng(0)
    started = time.perf_counter()
    session = method.open(photo)
    taken: list[float] = []
    for number in range(1, counts[-1] + 2):
        if time.perf_counter() - started > budget:
            break
        taken.append(timed_click(session, photo, number - 1, rng))
    reached = [k for k in counts if k <= len(taken)]
    return {
        k: float(np.median(taken[max(k - 2, 1) : k + 1] if k > 1 else taken[:1])) for k in reached
    }


def timed_click(
    session: InteractiveSession, photo: NDArray[np.uint8], number: int, rng: np.random.Generator
) -> float:
    """Makes a click and returns its milliseconds: the first in the middle, then others around it,
    on and off the object."""
    height, width = photo.shape[:2]
    x, y = rng.uniform(0.3, 0.7, 2) if number else (0.5, 0.5)
    started = time.perf_counter()
    session.click(int(x * width), int(y * height), (number + 1) % 2)
    return 1e3 * (time.perf_counter() - started)


def _part(key: tuple[str, int]) -> str:
    name, side = key
    return f"{name} at {side} pixels"


def _one_session(subject: Subject, seed: int, times: ClickTimes, budget: float) -> None:
    rng = np.random.default_rng(seed)
    started = time.perf_counter()
    end = started + budget - times.spent
    session = subject.method.open(subject.photo)
    timed_click(session, subject.photo, 0, rng)
    times.first.values.append(1e3 * (time.perf_counter() - started))
    timing = getattr(session, "timing", None)
    if timing is not None:
        times.stages["prepare"].values.append(timing.prepare)
    for number in range(1, LATER_CLICKS + 1):
        times.later.values.append(timed_click(session, subject.photo, number, rng))
        timing = getattr(session, "timing", None)
        if timing is not None:
            for stage in STAGES[1:]:
                times.stages[stage].values.append(_stage(timing, stage))
        if time.perf_counter() > end:
            break
    times.spent += time.perf_counter() - started


def _stage(timing: Any, stage: str) -> float:
    """Milliseconds of a stage; what is a network in ours is called the method elsewhere."""
    name = stage if hasattr(timing, stage) else "method"
    return float(getattr(timing, name))
