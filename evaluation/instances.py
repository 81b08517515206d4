"""Which objects are measured, in which order."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ioebss.errors import DataError, UsageError
from ioebss.evaluation.scaled import ScaledDataset
from ioebss.progress import Progress
from ioebss.trainer.datasets.scene import MIN_AREA, Scene, SceneDataset


@dataclass(frozen=True)
class Instance:
    """One object of a data set.

    Attributes:
        index: of its scene in the data set.
        scene: name of the scene.
        label: of the object in the scene's labels, 1..254.
        area: in pixels.
        category: its class, where the data set names it, else "".
    """

    index: int
    scene: str
    label: int
    area: int
    category: str = ""


def list_instances(
    dataset: SceneDataset, min_area: int = MIN_AREA, progress: Progress | None = None
) -> list[Instance]:
    """Every object of every scene, by scene in the order of the data set, then by label.

    Args:
        min_area: objects of fewer pixels are left out (they stay background).
        progress: shows how far the reading of masks is.

    Raises:
        DataError: a scene cannot be read, or no object is large enough.
    """
    instances = []
    with (progress or Progress(quiet=True)).task("listing objects", len(dataset)) as advance:
        for index in range(len(dataset)):
            scene = dataset.scene(index)
            areas = np.bincount(scene.labels.ravel(), minlength=256)
            instances += [
                Instance(
                    index, scene.name, label, int(areas[label]), scene.categories.get(label, "")
                )
                for label in scene.objects(min_area)
            ]
            advance()
    if not instances:
        raise DataError(f"no object has {min_area} pixels or more; lower the least area")
    return instances


def evenly_spread(instances: Sequence[Instance], limit: int) -> list[Instance]:
    """At most `limit` of the objects, in order, at even distances over the whole list.

    Raises:
        UsageError: the limit is below 1.
    """
    if limit < 1:
        raise UsageError(f"a limit of {limit} objects leaves nothing to measure; use 1 or more")
    count = min(limit, len(instances))
    return [instances[i * len(instances) // count] for i in range(count)]


def of_each_category(instances: Sequence[Instance], limit: int) -> list[Instance]:
    """At most `limit` objects of each class, evenly spread over its objects, in order.

    Raises:
        UsageError: the limit is below 1, or the data set names no classes.
    """
    if not all(instance.category for instance in instances):
        raise UsageError("this data set names no classes; choose by --limit instead")
    places: dict[str, list[Instance]] = {}
    for instance in instances:
        places.setdefault(instance.category, []).append(instance)
    kept = {i for group in places.values() for i in evenly_spread(group, limit)}
    return [instance for instance in instances if instance in kept]


def one_of_each_photo(instances: Sequence[Instance]) -> list[Instance]:
    """The largest object of each photo, in order."""
    largest: dict[int, Instance] = {}
    for instance in instances:
        if instance.index not in largest or instance.area > largest[instance.index].area:
            largest[instance.index] = instance
    return list(largest.values())


def fingerprint(scene: Scene) -> str:
    """What tells a photo and its mask from others of the same name: the first 16 hexadecimal digits
    of the SHA-256 of their size and their decoded pixels."""
    digest = hashlib.sha256(repr(scene.labels.shape).encode())
    digest.update(scene.image.tobytes())
    digest.update(scene.labels.tobytes())
    return digest.hexdigest()[:16]


def scene_of(dataset: SceneDataset, objects: Sequence[Instance]) -> Scene:
    """The scene of objects of one photo, which may have been listed in an earlier run.

    Raises:
        DataError: the data set does not, or no longer, hold them there, or one of them vanished
            when it was scaled down.
    """
    index = objects[0].index
    if 0 <= index < len(dataset):
        scene = dataset.scene(index)
        missing = sorted({o.label for o in objects} - set(scene.objects()))
        if all(o.scene == scene.name for o in objects):
            if not missing:
                return scene
            if isinstance(dataset, ScaledDataset):
                raise DataError(
                    f"object {missing[0]} of {scene.name} has no pixel left in the photo scaled "
                    f"down to {dataset.side} pixels; give a larger --side"
                )
    raise DataError(
        f"place {index} of this data set does not hold the listed objects of {objects[0].scene}; "
        "give the data and split that the list was made from, or list the objects anew"
    )
