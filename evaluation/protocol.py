"""What is measured by the standard click protocol (`ioebss.robot`): the course of every object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ioebss.clicks import Click
from ioebss.errors import UsageError
from ioebss.evaluation.instances import Instance, scene_of
from ioebss.overlap import iou
from ioebss.progress import Progress
from ioebss.robot import MAX_CLICKS, InteractiveSession, steps
from ioebss.trainer.datasets.scene import VOID, Scene, SceneDataset


class Method(Protocol):
    """What can be measured. `ioebss.Segmenter` is one."""

    def open(self, photo: NDArray[np.uint8]) -> InteractiveSession:
        """Prepares a photo, RGB uint8 (H, W, 3)."""
        ...


@dataclass(frozen=True)
class Course:
    """What happened on one object.

    Attributes:
        clicks: in order; fewer than the protocol allows where the mask became equal to the truth.
        ious: after 1, 2, ... clicks, as many as the protocol allows; the last one is repeated where
            no click was left to make.
        milliseconds: wall time of each click made.
    """

    clicks: tuple[Click, ...]
    ious: tuple[float, ...]
    milliseconds: tuple[float, ...]


@dataclass(frozen=True)
class Measurement:
    """An object and what happened on it."""

    instance: Instance
    course: Course


def masks_of(scene: Scene, label: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The object, and where pixels count: truth and valid, bool (H, W). Other objects of the scene
    are background."""
    return scene.labels == label, scene.labels != VOID


def click_through(
    method: Method,
    image: NDArray[np.uint8],
    truth: NDArray[np.bool_],
    valid: NDArray[np.bool_],
    max_clicks: int = MAX_CLICKS,
) -> Course:
    """Clicks on one object until the clicks are used up; no IoU ends it earlier.

    Args:
        method: is measured.
        image: uint8 (H, W, 3), RGB.
        truth: the object, bool (H, W).
        valid: bool (H, W), False where pixels are void: never clicked, never counted.
        max_clicks: 1 or more.

    Raises:
        UsageError: no click is allowed, the object has no valid pixel, or the method returns
            something else than a bool mask of the photo's size.
        IoebssError: whatever the method raises.
    """
    if max_clicks < 1:
        raise UsageError(f"at most {max_clicks} clicks: allow at least 1")
    clicks: list[Click] = []
    ious: list[float] = []
    milliseconds: list[float] = []
    for step in steps(method.open(image), truth, valid, max_clicks):
        clicks.append(step.click)
        ious.append(iou(step.mask, truth, valid))
        milliseconds.append(step.milliseconds)
    if not clicks:
        raise UsageError("there is nothing to click on: the object has no valid pixel")
    ious += ious[-1:] * (max_clicks - len(ious))
    return Course(tuple(clicks), tuple(ious), tuple(milliseconds))


def measure(
    method: Method,
    dataset: SceneDataset,
    instances: Sequence[Instance],
    max_clicks: int = MAX_CLICKS,
    progress: Progress | None = None,
) -> list[Measurement]:
    """Clicks through objects of a data set, in the order given.

    Raises:
        DataError: a scene cannot be read, or does not hold the object.
        IoebssError: whatever the method raises.
    """
    measurements: list[Measurement] = []
    shown = min(3, max_clicks)
    total = 0.0
    with (progress or Progress(quiet=True)).task("clicking", len(instances)) as advance:
        for _, group in groupby(instances, key=lambda instance: instance.index):
            # Objects of one photo follow each other, so that it is decoded once.
            objects = list(group)
            scene = scene_of(dataset, objects)
            for instance in objects:
                truth, valid = masks_of(scene, instance.label)
                course = click_through(method, scene.image, truth, valid, max_clicks)
                measurements.append(Measurement(instance, course))
                total += course.ious[shown - 1]
                advance(f"mIoU@{shown} {total / len(measurements):.3f}")
    return measurements
