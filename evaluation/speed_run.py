"""A whole measurement of speed: times, memory, and cost against resolution and clicks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.evaluation.candidates import Candidate
from ioebss.evaluation.failures import Failures
from ioebss.evaluation.foreign_graphs import ForeignGraphs
from ioebss.evaluation.peak_memory import peak_memory
from ioebss.evaluation.planes_speed import measure_planes
from ioebss.evaluation.protocol import Method
from ioebss.evaluation.speed import Subject, measure_clicks, measure_growth
from ioebss.evaluation.speed_subjects import LineUp, SpeedPlan, identity, scaled
from ioebss.progress import Progress

PLANES_REPEATS = 20  # they cost next to nothing, and of two times one may be an outlier


def measure_speed(
    plan: SpeedPlan,
    chosen: LineUp,
    photo: NDArray[np.uint8],
    foreign: Mapping[str, ForeignGraphs],
    progress: Progress,
    failures: Failures,
) -> Iterator[dict[str, Any]]:
    """Times everything in a plan. A method that fails on photos of a size has no times there and is
    not timed there again; all others are timed.

    Args:
        chosen: what the plan comes to.
        photo: uint8 (H, W, 3), scaled to every side.
        foreign: other systems' graphs, by name.
        failures: is told what failed.

    Yields:
        What is measured so far, ready for JSON, so that a run that is stopped keeps it: `flip` and
        `zoom` as asked for, `clicks` (a row for each method and side), `graphs` and `left_out`;
        then also `memory_mib`, `resolution` (milliseconds by method), `growth` (likewise), and at
        last `planes`.

    Raises:
        IoebssError: whatever opening a method raises.
    """
    methods = {candidate: candidate.open() for candidate in dict.fromkeys(chosen.table.values())}
    opened = {key: methods[candidate] for key, candidate in chosen.table.items()}
    photos = {side: scaled(photo, side) for side in (*plan.sides, *plan.resolutions)}
    subjects = {key: Subject(method, photos[key[1]]) for key, method in opened.items()}
    clicks, graphs = measure_clicks(
        subjects, foreign, plan.repeats, plan.budget, progress, failures
    )
    measured: dict[str, Any] = {
        "cpu_threads_of_opencv": cv2.getNumThreads(),
        "flip": chosen.options.flip,
        "zoom": chosen.options.zoom,
        "clicks": [
            {"method": n, "side": side, **identity(opened[n, side]), **times.as_json()}
            for (n, side), times in clicks.items()
        ],
        "graphs": {
            n: times.as_json() | {"inputs": foreign[n].shapes} for n, times in graphs.items()
        },
        "left_out": list(chosen.left_out),
    }
    yield measured
    candidates = {n: c for (n, side), c in chosen.table.items() if side == plan.middle}
    photo = photos[plan.middle]
    measured = measured | {"memory_mib": _memory(candidates, photo, progress, failures)}
    yield measured
    curves = _against_resolution(plan, chosen, methods, photos, progress, failures)
    measured = measured | {"resolution": curves}
    yield measured
    of_middle = {n: methods[candidate] for n, candidate in candidates.items()}
    measured = measured | {"growth": _against_clicks(of_middle, photo, plan, progress, failures)}
    yield measured
    planes = measure_planes(plan.sides, plan.clicks, PLANES_REPEATS, progress)
    yield measured | {"planes": planes}


def _memory(
    candidates: Mapping[str, Candidate],
    photo: NDArray[np.uint8],
    progress: Progress,
    failures: Failures,
) -> dict[str, float | None]:
    memory = {}
    with progress.task("memory", len(candidates)) as advance:
        for name, candidate in candidates.items():
            with failures.noted(f"memory of {name}"):
                taken = peak_memory(candidate, photo)
                memory[name] = None if taken is None else round(taken, 1)
            advance(name)
    return memory


def _against_resolution(
    plan: SpeedPlan,
    chosen: LineUp,
    methods: Mapping[Candidate, Method],
    photos: Mapping[int, NDArray[np.uint8]],
    progress: Progress,
    failures: Failures,
) -> dict[str, dict[int, float]]:
    """The median of later clicks; sides come in turns, and a method whose budget is used up at one
    is not timed at larger ones. Of `methods` are those that are open already; others are opened for
    one side at a time, since large inputs take much memory."""
    result: dict[str, dict[int, float]] = {}
    finished: set[str] = set()
    quiet = Progress(quiet=True)
    with progress.task("resolutions", len(plan.resolutions)) as advance:
        for side in plan.resolutions:
            left = {
                (name, side): Subject(methods.get(candidate) or candidate.open(), photos[side])
                for (name, of_side), candidate in chosen.curve.items()
                if of_side == side and name not in finished
            }
            times, _ = measure_clicks(left, {}, 1, plan.budget, quiet, failures)
            for (name, _), taken in times.items():
                result.setdefault(name, {})[side] = round(taken.later.median, 3)
                if taken.spent >= plan.budget:
                    finished.add(name)
            advance(f"{side} pixels")
    return result


def _against_clicks(
    methods: Mapping[str, Method],
    photo: NDArray[np.uint8],
    plan: SpeedPlan,
    progress: Progress,
    failures: Failures,
) -> dict[str, dict[int, float]]:
    result = {}
    with progress.task("clicks", len(methods)) as advance:
        for name, method in methods.items():
            with failures.noted(f"cost against clicks of {name}"):
                taken = measure_growth(method, photo, plan.clicks, plan.budget)
                result[name] = {k: round(v, 3) for k, v in taken.items()}
            advance(name)
    return result
