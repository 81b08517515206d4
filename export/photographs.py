"""The photographs of a proof: with their objects, or alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

import ioebss
from ioebss.clicks import Click
from ioebss.errors import DataError
from ioebss.image_files import is_photo_beside_results, read_photo
from ioebss.trainer.datasets.scene import MIN_AREA, VOID, SceneDataset

SAMPLES = Path(ioebss.__file__).parent / "samples"
SEED = 0
MAX_PHOTOS = 100  # of a proof, unless told otherwise
T = TypeVar("T")


@dataclass(frozen=True)
class Photograph:
    """A photo to click on.

    Attributes:
        name: of it.
        number: its place among those chosen; it seeds the clicks where there is no object.
        image: uint8 (H, W, 3), RGB.
        truth: the object, bool (H, W), or None where nobody knows.
        valid: bool (H, W), False where pixels count nowhere.
    """

    name: str
    number: int
    image: NDArray[np.uint8]
    truth: NDArray[np.bool_] | None
    valid: NDArray[np.bool_]


class Photographs(Protocol):
    """Photographs that are read one at a time."""

    def __len__(self) -> int: ...

    def at_most(self, count: int) -> Photographs:
        """So many of them, evenly spread, or all if there are fewer."""
        ...

    def __iter__(self) -> Iterator[Photograph | None]:
        """Each photograph; None in place of one that has nothing to click on.

        Raises:
            DataError, ImageError: one cannot be read.
        """
        ...


class WithObjects:
    """The largest object of each scene of a data set."""

    def __init__(self, dataset: SceneDataset, chosen: Sequence[int] | None = None) -> None:
        self._dataset = dataset
        self._chosen = range(len(dataset)) if chosen is None else chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def at_most(self, count: int) -> WithObjects:
        """See `Photographs`."""
        return WithObjects(self._dataset, evenly(self._chosen, count))

    def __iter__(self) -> Iterator[Photograph | None]:
        for number, index in enumerate(self._chosen):
            scene = self._dataset.scene(index)
            largest = scene.largest(MIN_AREA)
            if largest is None:
                yield None
            else:
                truth, valid = scene.labels == largest, scene.labels != VOID
                yield Photograph(scene.name, number, scene.image, truth, valid)


class Alone:
    """Photographs without masks."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def at_most(self, count: int) -> Alone:
        """See `Photographs`."""
        return Alone(evenly(self._paths, count))

    def __iter__(self) -> Iterator[Photograph | None]:
        for number, path in enumerate(self._paths):
            image = read_photo(path)
            yield Photograph(path.name, number, image, None, np.ones(image.shape[:2], bool))


def photo_paths(folder: Path | None) -> list[Path]:
    """All photos of a folder and the folders in it, by name, but for what is hidden, and results of
    our own beside them.

    Args:
        folder: None takes the sample photographs that come with IOEBSS.

    Raises:
        DataError: there is none.
    """
    root = SAMPLES if folder is None else folder
    files = root.rglob("*")
    found = sorted(p for p in files if is_photo_beside_results(p) and not _is_hidden(p, root))
    if not found:
        raise DataError(f"{root} holds no photo (.jpg, .png, .webp, ...) to prove the export on")
    return found


def _is_hidden(path: Path, root: Path) -> bool:
    """In a folder such as `.thumbnails`."""
    return any(part.startswith(".") for part in path.relative_to(root).parts)


def evenly(items: Sequence[T], count: int) -> list[T]:
    """At most `count` of them, in order, from the first to the last at even distances."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).astype(int)
    return [items[i] for i in places]


def seeded_click(number: int, height: int, width: int, rng: np.random.Generator) -> Click:
    """A click on a photo of which no object is known.

    The first click is foreground near the middle, where objects are; later ones are anywhere.

    Args:
        number: how many clicks there are already.
        height, width: of the photo, or of the network's input.
    """
    if number == 0:
        x, y = rng.uniform(0.35, 0.65, 2)
    else:
        x, y = rng.random(2)
    label = 1 if number == 0 else int(rng.integers(2))
    return Click(int(x * width), int(y * height), label)
