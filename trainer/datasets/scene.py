"""What every data set yields: a photo with its objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import DataError
from ioebss.image_files import SUFFIXES

VOID = 255  # label of pixels that count nowhere
MIN_AREA = 300  # pixels; smaller pieces in VOC and COCO are mostly crumbs of crowds
MAX_OBJECTS = 254  # objects per photo; the smallest beyond that are void


@dataclass(frozen=True)
class Scene:
    """A photo and the objects in it.

    Attributes:
        name: unique within the data set.
        image: uint8 (H, W, 3), RGB.
        labels: uint8 (H, W): 0 background, 1..254 objects, `VOID` where pixels count nowhere.
        categories: class of each label, in the data set's words; empty where it names none.
    """

    name: str
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    categories: Mapping[int, str] = field(default_factory=dict)

    def objects(self, min_pixels: int = 1) -> list[int]:
        """Labels of the objects that have at least `min_pixels` pixels."""
        counts = np.bincount(self.labels.ravel(), minlength=256)
        return [int(i) for i in range(1, VOID) if counts[i] >= min_pixels]

    def largest(self, min_pixels: int = 1) -> int | None:
        """Label of the object with the most pixels, the lowest of several; None if there is none of
        at least `min_pixels`."""
        counts = np.bincount(self.labels.ravel(), minlength=256)[1:VOID]
        return 1 + int(counts.argmax()) if counts.max() >= min_pixels else None


class SceneDataset(Protocol):
    """A data set of scenes. `scene(i)` reads from disk each time; see `cache` for keeping them."""

    def __len__(self) -> int: ...

    def scene(self, index: int) -> Scene:
        """Reads one scene.

        Raises:
            DataError: annotations are missing, unreadable or do not match their photo.
            ImageError: the photo or its mask is missing or unreadable.
        """
        ...


class ListedDataset(SceneDataset, Protocol):
    """A data set that knows which photos it has without opening one."""

    @property
    def names(self) -> Sequence[str]:
        """Of the scenes, in order."""
        ...


def find_image(folder: Path, name: str) -> Path:
    """The photo `name` in a folder, whatever its format."""
    for suffix in (*SUFFIXES, *map(str.upper, SUFFIXES)):  # cameras write .JPG
        path = folder / f"{name}{suffix}"
        if path.is_file():
            return path
    raise DataError(f"no photo {name} (.jpg, .png, .webp, ...) in {folder}")


def check_scene(scene: Scene) -> Scene:
    """The scene, if photo and labels have the same size.

    Raises:
        DataError: they do not.
    """
    if scene.image.shape[:2] != scene.labels.shape:
        height, width = scene.image.shape[:2]
        rows, columns = scene.labels.shape
        raise DataError(
            f"{scene.name}: the photo is {width}x{height} but its mask is {columns}x{rows}; draw "
            "the mask on the photo as it stands upright (EXIF), or take both out of the data"
        )
    return scene


class RepeatedDataset:
    """A data set whose scenes come several times in a pass: the weight of a list.

    Args:
        counts: how often each scene comes, at least once.
    """

    def __init__(self, dataset: SceneDataset, counts: list[int]) -> None:
        self._dataset = dataset
        self._indices = np.repeat(np.arange(len(counts)), counts)

    def __len__(self) -> int:
        return len(self._indices)

    def scene(self, index: int) -> Scene:
        """See `SceneDataset`."""
        return self._dataset.scene(int(self._indices[index]))


class JoinedDataset:
    """Several data sets one after the other."""

    def __init__(self, parts: Sequence[ListedDataset]) -> None:
        self.parts = parts
        self.ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self.ends[-1])

    @property
    def names(self) -> list[str]:
        """See `ListedDataset`."""
        return [name for part in self.parts for name in part.names]

    def scene(self, index: int) -> Scene:
        """The scene at a position of the whole."""
        part = int(np.searchsorted(self.ends, index, side="right"))
        return self.parts[part].scene(index - (int(self.ends[part - 1]) if part else 0))
