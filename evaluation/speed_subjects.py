"""What is timed: each method in the ways that it is used, on each size of photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ioebss.choice import is_engine, read_model_manifest
from ioebss.errors import EngineMismatchError, UsageError
from ioebss.evaluation.candidates import Candidate, Options
from ioebss.evaluation.protocol import Method
from ioebss.evaluation.speed import timed_click
from ioebss.segmenter import Segmenter

WHOLE = ", whole photo"  # behind the name of a model; no method's own name has a comma
Key = tuple[str, int]  # name, and longer side of the photo in pixels


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


@dataclass(frozen=True)
class LineUp:
    """What a plan comes to; all of it was opened once.

    Attributes:
        options: how models are run.
        table: by name and side, for the table.
        curve: likewise, for the curve of cost against resolution.
        left_out: method, side and reason of each that an engine does not take.
        identities: of the table, in its order; see `identity`.
    """

    options: Options
    table: Mapping[Key, Candidate]
    curve: Mapping[Key, Candidate]
    left_out: Sequence[Mapping[str, Any]]
    identities: Sequence[Mapping[str, Any]]


def line_up(
    plan: SpeedPlan, candidates: Sequence[Candidate], photo: NDArray[np.uint8], instead: str
) -> LineUp:
    """Opens whatever a plan times, so that what cannot be timed is found before the measuring.

    Args:
        candidates: one or more, of the same options.
        photo: uint8 (H, W, 3).
        instead: what to do where a model does not take a size of the plan, for the message.

    Raises:
        UsageError: a model does not take a size.
        IoebssError: whatever opening a method raises.
    """
    found: dict[Key, Candidate] = {}
    identities: dict[Candidate, Mapping[str, Any]] = {}
    left_out = []
    for side in sorted({*plan.sides, *plan.resolutions}):
        for name, candidate in variants(candidates, plan.sizes, side).items():
            try:
                if candidate not in identities:
                    identities[candidate] = identity(_tried(candidate, scaled(photo, side)))
            except (UsageError, EngineMismatchError) as error:
                if not name.endswith(WHOLE):
                    raise
                if isinstance(error, UsageError):
                    where = f"{name} of {side} pixels"
                    raise UsageError(f"{where} cannot be timed: {error}; {instead}") from None
                left_out.append({"method": name, "side": side, "reason": str(error)})
                continue
            found[name, side] = candidate
    names = list(dict.fromkeys(name for name, _ in found))
    table, curve = (
        {(n, side): found[n, side] for side in sides for n in names if (n, side) in found}
        for sides in (plan.sides, plan.resolutions)
    )
    of_table = [identities[candidate] for candidate in table.values()]
    return LineUp(candidates[0].options, table, curve, left_out, of_table)


def variants(
    candidates: Sequence[Candidate], sizes: Sequence[int], side: int
) -> dict[str, Candidate]:
    """Candidates by name; of those that the runtime runs one for each size of the input.

    Args:
        sizes: see `SpeedPlan`.
        side: of the photo in pixels.

    Raises:
        ModelError: a model or its manifest is missing or damaged.
    """
    result = {}
    for candidate in candidates:
        if not candidate.is_ours:
            result[candidate.name] = candidate
        elif sizes:
            for size in sizes:
                named = replace(candidate, options=replace(candidate.options, size=size))
                result[f"{candidate.name} {size}"] = named
        else:
            result[candidate.name] = candidate
            whole = _whole(candidate, side)
            if whole is not None:
                result[candidate.name + WHOLE] = whole
    return result


def scaled(photo: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The photo with a longer side of `side` pixels."""
    height, width = photo.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def identity(method: Method) -> dict[str, Any]:
    """Which file a method runs, and how: what its accuracy is matched by."""
    if not isinstance(method, Segmenter):
        return {}
    return {
        "sha256": method.manifest.sha256,
        "size": method.size,
        "zoom": asdict(method.zoom) if method.zoom else None,
        "flip": method.flip,
        "backend": method.backend,
    }


def _whole(candidate: Candidate, side: int) -> Candidate | None:
    """A model that looks at the whole photo at the photo's own size, or at the only size that it
    takes. None where it does that anyway."""
    options, manifest = candidate.options, read_model_manifest(candidate.files[0])
    if manifest.fixed_size is None:
        return replace(candidate, options=replace(options, size=side, zoom=False))
    if manifest.zoom is None or not options.zoom:
        return None
    return replace(candidate, options=replace(options, zoom=False))


def _tried(candidate: Candidate, photo: NDArray[np.uint8]) -> Method:
    """The method, opened. An engine makes a click too: only then it tells which sizes it takes."""
    method = candidate.open()
    if candidate.is_ours and is_engine(candidate.files[0]):
        timed_click(method.open(photo), photo, 0, np.random.default_rng(0))
    return method
