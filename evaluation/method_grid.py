"""A picture of what methods make of the same photos, as the paper's figure 4: a row for each photo,
a column for each method.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ioebss.atomic import write_atomically
from ioebss.evaluation.case_grid import ground_of, masks_along, paint, say_differences
from ioebss.evaluation.instances import Instance, evenly_spread, scene_of
from ioebss.evaluation.protocol import Measurement, Method, masks_of
from ioebss.overlap import iou
from ioebss.progress import Progress
from ioebss.trainer.datasets.scene import SceneDataset

ROWS = 4  # objects, at most
CLICKS = 5  # after which the masks are drawn


def draw_methods(
    path: Path,
    methods: Mapping[str, Callable[[], Method]],
    dataset: SceneDataset,
    measured: Mapping[str, Mapping[Instance, Measurement]],
    title: str,
    photos: bool,
    progress: Progress,
) -> None:
    """Draws masks after `CLICKS` clicks, or all if fewer were allowed, on evenly spread objects.
    The clicks are made again to get the masks; the IoU is that of the mask that is drawn.

    Args:
        path: the picture to write, e.g. a PNG.
        methods: what opens each.
        measured: by method, the same objects for all, with their clicks.
        photos: whether the photographs are shown, or masks on plain ground.
        progress: is told where masks are not those that were measured.

    Raises:
        OutputError: it cannot be written.
        IoebssError: whatever a method or the data set raises.
    """
    from matplotlib.figure import Figure

    instances = evenly_spread(list(next(iter(measured.values()))), ROWS)
    figure = Figure(
        figsize=(2.2 * (1 + len(methods)), 1.9 * len(instances) + 0.6), layout="constrained"
    )
    allowed = min(len(m.course.ious) for one in measured.values() for m in one.values())
    shown = min(CLICKS, allowed)
    figure.suptitle(
        f"{title}: after {shown} click{'s' * (shown > 1)}\n"
        "yellow: truth; blue: mask; dots: clicks on (green), off (red)"
    )
    grid = figure.subplots(len(instances), 1 + len(methods), squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    scenes = [scene_of(dataset, [instance]) for instance in instances]
    grounds = [ground_of(scene.image, photos) for scene in scenes]
    for row, (instance, scene) in enumerate(zip(instances, scenes, strict=True)):
        grid[row][0].imshow(paint(grounds[row], masks_of(scene, instance.label)[0], None, []))
        grid[row][0].set_title(f"{instance.scene} #{instance.label}", fontsize=7)
    ious: list[tuple[float, float]] = []
    for column, (name, open_method) in enumerate(methods.items(), 1):
        method = open_method()
        for row, (instance, scene) in enumerate(zip(instances, scenes, strict=True)):
            course = measured[name][instance].course
            clicks = course.clicks[:shown]
            mask = masks_along(method, scene.image, clicks)[-1]
            truth, valid = masks_of(scene, instance.label)
            grid[row][column].imshow(paint(grounds[row], truth, mask, clicks))
            ious.append((course.ious[len(clicks) - 1], iou(mask, truth, valid)))
            grid[row][column].set_title(f"{name}: IoU {ious[-1][1]:.2f}", fontsize=7)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=100))
    say_differences(path, ious, progress)
