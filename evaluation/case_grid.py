"""A picture of the worst, the middle and the best cases of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.atomic import write_atomically
from ioebss.clicks import Click
from ioebss.drawing import (
    MASK_COLOUR,
    REFERENCE_COLOUR,
    blend,
    draw_clicks,
    draw_outline,
    fitted,
)
from ioebss.evaluation.instances import scene_of
from ioebss.evaluation.protocol import Measurement, Method, masks_of
from ioebss.overlap import iou
from ioebss.progress import Progress
from ioebss.trainer.datasets.scene import SceneDataset

SHOWN = (1, 3, 5)  # clicks after which the mask is drawn
EACH = 3  # cases of each kind
TOLERANCE = 0.001  # between the IoU that was measured and that of the mask made again
CELL = 400  # longer side of a drawn photo, in pixels
OPACITY = 0.5  # of a mask
GROUND = 48  # level of the plain ground: dark, so that the truth's outline is seen


@dataclass(frozen=True)
class Case:
    """A measurement and why it is shown: "worst", "middle" or "best"."""

    kind: str
    measurement: Measurement


def choose_cases(measurements: Sequence[Measurement]) -> list[Case]:
    """The worst, the middle and the best measurements by their mean IoU over the shown clicks, from
    worst to best; none twice. There are `EACH` of each kind at most, and at most a third of all:
    the best of few is not among the worst.
    """
    ranked = sorted(measurements, key=_score)
    count = len(ranked)
    each = min(EACH, max(1, count // 3))
    middle = max(0, (count - each) // 2)
    places = {
        "worst": range(min(each, count)),
        "middle": range(middle, min(middle + each, count)),
        "best": range(max(0, count - each), count),
    }
    kinds = {place: kind for kind in ("middle", "worst", "best") for place in places[kind]}
    return [Case(kinds[place], ranked[place]) for place in sorted(kinds)]


def draw_cases(
    path: Path,
    method: Method,
    dataset: SceneDataset,
    cases: Sequence[Case],
    title: str,
    photos: bool,
    progress: Progress,
) -> None:
    """Draws a row per case: the photo with all shown clicks and the outline of the truth, then the
    mask after 1, 3 and 5 clicks. The clicks are made again on the method to get its masks; the IoU
    is that of the mask that is drawn.

    Args:
        path: the picture to write, e.g. a PNG.
        photos: whether the photographs are shown, or masks on plain ground.
        progress: is told where masks are not those that were measured.

    Raises:
        OutputError: it cannot be written.
        IoebssError: whatever the method or the data set raises.
    """
    from matplotlib.figure import Figure

    shown = _shown(cases[0].measurement)
    columns = 1 + len(shown)
    figure = Figure(figsize=(3.2 * columns, 2.7 * len(cases) + 0.5), layout="constrained")
    figure.suptitle(f"{title}\nyellow: truth; blue: mask; dots: clicks on (green), off (red)")
    grid = figure.subplots(len(cases), columns, squeeze=False)
    ious: list[tuple[float, float]] = []
    for row, case in zip(grid, cases, strict=True):
        panels = _panels(method, dataset, case, shown, photos, ious)
        for axes, (picture, caption) in zip(row, panels, strict=True):
            axes.imshow(picture)
            axes.set_title(caption, fontsize=8)
            axes.set_axis_off()
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=100))
    say_differences(path, ious, progress)


def say_differences(path: Path, ious: Sequence[tuple[float, float]], progress: Progress) -> None:
    """Says in a line how many masks of a picture are not those that were measured, if any are.

    Args:
        ious: of each mask, as it was measured and as it is drawn.
    """
    gaps = [abs(measured - drawn) for measured, drawn in ious]
    other = [gap for gap in gaps if gap > TOLERANCE]
    if other:
        progress.say(
            f"{path.name}: {len(other)} of {len(gaps)} masks, made again to be drawn, have another "
            f"IoU than was measured, by up to {max(other):.3f}; the picture gives that of the mask "
            "it shows"
        )


def paint(
    image: NDArray[np.uint8],
    truth: NDArray[np.bool_],
    mask: NDArray[np.bool_] | None,
    clicks: Sequence[Click],
) -> NDArray[np.uint8]:
    """The photo, scaled to `CELL`, with a mask, the outline of the truth, and clicks.

    Args:
        image: uint8 (H, W, 3), RGB.
        truth, mask: bool (H, W).
        clicks: in pixels of the photo; foreground green, background red.

    Returns:
        uint8 (h, w, 3), RGB.
    """
    covered = np.zeros_like(truth) if mask is None else mask
    picture, (outlined, tinted), scale = fitted(image, (truth, covered), CELL)
    blend(picture, tinted, MASK_COLOUR, OPACITY)
    draw_outline(picture, outlined, REFERENCE_COLOUR)
    draw_clicks(picture, clicks, scale)
    return picture


def ground_of(image: NDArray[np.uint8], photos: bool) -> NDArray[np.uint8]:
    """What masks are painted on: the photo, uint8 (H, W, 3), or plain ground of its size."""
    return image if photos else np.full_like(image, GROUND)


def masks_along(
    method: Method, image: NDArray[np.uint8], clicks: Sequence[Click]
) -> list[NDArray[np.bool_]]:
    """The masks, bool (H, W), after each of some clicks that were made before."""
    session = method.open(image)
    return [session.click(c.x, c.y, c.label) for c in clicks]


def _panels(
    method: Method,
    dataset: SceneDataset,
    case: Case,
    shown: Sequence[int],
    photos: bool,
    ious: list[tuple[float, float]],
) -> list[tuple[NDArray[np.uint8], str]]:
    """The pictures of a row and what stands above them; adds to `ious`, see `say_differences`."""
    instance, course = case.measurement.instance, case.measurement.course
    scene = scene_of(dataset, [instance])
    truth, valid = masks_of(scene, instance.label)
    clicks = course.clicks[: shown[-1]]
    caption = f"{case.kind}: {instance.scene} #{instance.label}"
    ground = ground_of(scene.image, photos)
    panels = [(paint(ground, truth, None, clicks), caption)]
    masks = masks_along(method, scene.image, clicks)
    for k in shown:
        mask = masks[min(k, len(masks)) - 1]  # fewer clicks were made where the mask was perfect
        ious.append((course.ious[k - 1], iou(mask, truth, valid)))
        caption = f"{k} click{'s' * (k > 1)}: IoU {ious[-1][1]:.3f}"
        panels.append((paint(ground, truth, mask, clicks[:k]), caption))
    return panels


def _shown(measurement: Measurement) -> list[int]:
    return [k for k in SHOWN if k <= len(measurement.course.ious)]


def _score(measurement: Measurement) -> float:
    return float(np.mean([measurement.course.ious[k - 1] for k in _shown(measurement)]))
