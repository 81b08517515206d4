"""A whole measurement of speed: times, memory, and cost against resolution and clicks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.evaluation.candidates import Candidate
from ioebss.evaluation.foreign_graphs import ForeignGraphs
from ioebss.evaluation.peak_memory import peak_memory
from ioebss.evaluation.planes_speed import measure_planes
from ioebss.evaluation.protocol import Method
from ioebss.evaluation.speed import Subject, measure_clicks, measure_growth
from ioebss.progress import Progress
from ioebss.segmenter import Segmenter

WHOLE = "whole photo"
PLANES_REPEATS = 20  # they cost next to nothing, and of two times one may be an outlier


@dataclass(frozen=True)
class SpeedPlan:
    """What is timed.

    Attributes:
        sides: longer side of the photo in pixels, for the table.
        repeats: sessions of each method and side.
        budget: seconds for each method and side.
        resolutions: longer sides for the curve of cost against resolution.
        clicks: numbers of clicks for the curve of cost against clicks, at the middle side.
        sizes: longer sides of the networks' input; none takes the recommended one (a close look at
            the object), and as the paper does the photo's own (the whole photo).
    """

    sides: tuple[int, ...] = (256, 512, 1024)
    repeats: int = 20
    budget: float = 60.0
    resolutions: tuple[int, ...] = (256, 512, 1024, 2048, 4096)
    clicks: tuple[int, ...] = (1, 2, 5, 10, 20, 50, 100)
    sizes: tuple[int, ...] = ()

    @property
    def middle(self) -> int:
        """The side that memory and clicks are measured at."""
        return self.sides[len(self.sides) // 2]


def measure_speed(
    plan: SpeedPlan,
    candidates: Sequence[Candidate],
    photo: NDArray[np.uint8],
    foreign: Mapping[str, ForeignGraphs],
    progress: Progress,
) -> dict[str, Any]:
    """Times everything in a plan.

    Args:
        photo: uint8 (H, W, 3), scaled to every side.
        foreign: other systems' graphs, by name.

    Returns:
        Ready for JSON: `clicks` (a row for each method and side), `graphs`, `memory_mib`,
        `resolution` and `growth` (milliseconds by method), `planes`.

    Raises:
        IoebssError: whatever a method raises.
    """
    opened = {
        (name, side): (candidate, candidate.open())
        for side in plan.sides
        for name, candidate in variants(candidates, plan.sizes, side).items()
    }
    photos = {side: scaled(photo, side) for side in (*plan.sides, *plan.resolutions)}
    subjects = {key: Subject(method, photos[key[1]]) for key, (_, method) in opened.items()}
    clicks, graphs = measure_clicks(subjects, foreign, plan.repeats, plan.budget, progress)
    middle = {n: pair for (n, side), pair in opened.items() if side == plan.middle}
    return {
        "cpu_threads_of_opencv": cv2.getNumThreads(),
        "clicks": [
            {"method": n, "side": side, **identity(subjects[n, side].method), **times.as_json()}
            for (n, side), times in clicks.items()
        ],
        "graphs": {
            n: times.as_json() | {"inputs": foreign[n].shapes} for n, times in graphs.items()
        },
        "memory_mib": _memory({n: c for n, (c, _) in middle.items()}, photos, plan, progress),
        "resolution": _against_resolution(plan, candidates, photos, progress),
        "growth": _against_clicks({n: m for n, (_, m) in middle.items()}, photos, plan, progress),
        "planes": measure_planes(plan.sides, plan.clicks, PLANES_REPEATS, progress),
    }


def variants(
    candidates: Sequence[Candidate], sizes: Sequence[int], side: int
) -> dict[str, Candidate]:
    """Candidates by name; of those that the runtime runs one for each size of the input.

    Args:
        sizes: see `SpeedPlan`.
        side: of the photo in pixels.
    """
    result = {}
    for candidate in candidates:
        options = candidate.options
        if not candidate.is_ours:
            result[candidate.name] = candidate
        elif sizes:
            for size in sizes:
                named = replace(candidate, options=replace(options, size=size))
                result[f"{candidate.name} {size}"] = named
        else:
            result[candidate.name] = candidate
            whole = replace(options, size=side, zoom=False)
            result[f"{candidate.name}, {WHOLE}"] = replace(candidate, options=whole)
    return result


def identities(plan: SpeedPlan, candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
    """What accuracies can be matched with, before anything is timed; see `identity`."""
    every = [c for side in plan.sides for c in variants(candidates, plan.sizes, side).values()]
    return [identity(candidate.open()) for candidate in every]


def scaled(photo: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The photo with a longer side of `side` pixels."""
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def identity(method: Method) -> dict[str, Any]:
    """Which file a method runs, and at which size: what its accuracy is matched by."""
    if not isinstance(method, Segmenter):
        return {}
    return {
        "sha256": method.manifest.sha256,
        "size": method.size,
        "zoom": method.zoom is not None,
        "backend": method.backend,
    }


def _memory(
    candidates: Mapping[str, Candidate],
    photos: Mapping[int, NDArray[np.uint8]],
    plan: SpeedPlan,
    progress: Progress,
) -> dict[str, float | None]:
    memory = {}
    with progress.task("memory", len(candidates)) as advance:
        for name, candidate in candidates.items():
            taken = peak_memory(candidate, photos[plan.middle])
            memory[name] = None if taken is None else round(taken, 1)
            advance(name)
    return memory


def _against_resolution(
    plan: SpeedPlan,
    candidates: Sequence[Candidate],
    photos: Mapping[int, NDArray[np.uint8]],
    progress: Progress,
) -> dict[str, dict[int, float]]:
    """The median of later clicks; sides come in turns, and a method whose budget is used up at one
    is not timed at larger ones."""
    result: dict[str, dict[int, float]] = {}
    finished: set[str] = set()
    quiet = Progress(quiet=True)
    with progress.task("resolutions", len(plan.resolutions)) as advance:
        for side in plan.resolutions:
            left = {
                (name, side): Subject(candidate.open(), photos[side])
                for name, candidate in variants(candidates, plan.sizes, side).items()
                if name not in finished
            }
            times, _ = measure_clicks(left, {}, 1, plan.budget, quiet)
            for (name, _), taken in times.items():
                result.setdefault(name, {})[side] = round(taken.later.median, 3)
                if taken.spent >= plan.budget:
                    finished.add(name)
            advance(f"{side} pixels")
    return result


def _against_clicks(
    methods: Mapping[str, Method],
    photos: Mapping[int, NDArray[np.uint8]],
    plan: SpeedPlan,
    progress: Progress,
) -> dict[str, dict[int, float]]:
    result = {}
    with progress.task("clicks", len(methods)) as advance:
        for name, method in methods.items():
            taken = measure_growth(method, photos[plan.middle], plan.clicks, plan.budget)
            result[name] = {k: round(v, 3) for k, v in taken.items()}
            advance(name)
    return result
