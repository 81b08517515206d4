"""The benchmarks of interactive segmentation as RITM (Sofiiuk et al. 2022) and the work after it
lay them out: GrabCut, Berkeley and DAVIS, one object in each photo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import DataError
from ioebss.image_files import is_photo_name, read_photo
from ioebss.trainer.datasets.names import MissingSplitError
from ioebss.trainer.datasets.pairs import PairDataset
from ioebss.trainer.datasets.scene import VOID

SPLIT = "test"  # the only one: these are for measuring


@dataclass(frozen=True)
class Layout:
    """Where a benchmark keeps what.

    Attributes:
        name: of the benchmark.
        photos, masks: folders; a photo and its mask have one stem, up to the first dot.
        labels: from the mask's values, uint8 (H, W), to labels.
    """

    name: str
    photos: str
    masks: str
    labels: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]


def with_unknown(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """GrabCut: above 128 the object, 128 exactly void, below that 0 background. Berkeley's masks
    are 0 and 255."""
    return np.where(values == 128, VOID, np.where(values > 128, 1, 0)).astype(np.uint8)


def any_value(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """DAVIS: all values but 0 are the object."""
    return np.asarray(values > 0, np.uint8)


LAYOUTS = (
    Layout("GrabCut", "data_GT", "boundary_GT", with_unknown),
    Layout("DAVIS", "img", "gt", any_value),
    Layout("Berkeley", "images", "masks", with_unknown),
)


class RitmDataset(PairDataset):
    """GrabCut (`data_GT/`, `boundary_GT/`), Berkeley (`images/`, `masks/`), DAVIS (`img/`, `gt/`).

    Args:
        root: the folder that holds the two.
        layout: which it is.
        split: "test"; there is no other.

    Raises:
        MissingSplitError: another split.
        DataError: no photos, or a photo without its mask.
    """

    def __init__(self, root: Path, layout: Layout, split: str) -> None:
        if split != SPLIT:
            raise MissingSplitError(f"{root} has no split {split!r}", [SPLIT])
        self._layout = layout
        folder = root / layout.photos
        masks = {_stem(p): p for p in sorted((root / layout.masks).iterdir())}
        photos = [p for p in sorted(folder.iterdir()) if is_photo_name(p)]
        lonely = [p.name for p in photos if _stem(p) not in masks]
        if not photos:
            raise DataError(f"{folder} holds no photo")
        if lonely:
            raise DataError(
                f"{len(lonely)} photos in {folder} have no mask in {root / layout.masks}: "
                f"{', '.join(lonely[:5])}"
            )
        super().__init__([(photo, masks[_stem(photo)]) for photo in photos])

    def name_of(self, photo: Path) -> str:
        """See `PairDataset`."""
        return _stem(photo)

    def read(self, file: Path, height: int, width: int) -> tuple[NDArray[np.uint8], dict[int, str]]:
        """See `PairDataset`."""
        return self._layout.labels(_brightest(file)), {}


def ritm_layout(root: Path, split: str) -> Layout | None:
    """The benchmark that a folder is laid out as. `images/` and `masks/` are what many folders hold
    (see `ioebss.trainer.datasets.folder`): with the split "test" they are read as Berkeley's."""
    for layout in LAYOUTS:
        if layout.photos == "images" and split != SPLIT:
            continue
        if all((root / folder).is_dir() for folder in (layout.photos, layout.masks)):
            return layout
    return None


def _stem(path: Path) -> str:
    return path.name.partition(".")[0]


def _brightest(path: Path) -> NDArray[np.uint8]:
    """How bright a mask is: the largest of red, green and blue, whether its file holds them, greys,
    or numbers of a palette's colours."""
    return np.asarray(read_photo(path).max(axis=2), np.uint8)
