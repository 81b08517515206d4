"""The plainest layouts: photos, and a mask for each in a folder of masks or beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import DataError
from ioebss.image_files import is_photo_name, read_index_mask
from ioebss.result_names import MASK_ENDING
from ioebss.trainer.datasets.beside import Chosen, annotated_photos, holds_annotated
from ioebss.trainer.datasets.pairs import PairDataset
from ioebss.trainer.datasets.scene import VOID

MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff")  # lossless ones only: a mask's values are exact


class MaskDataset(PairDataset):
    """Photos and their masks. How a mask is read is said in `objects_of_mask`."""

    def read(self, file: Path, height: int, width: int) -> tuple[NDArray[np.uint8], dict[int, str]]:
        """See `PairDataset`."""
        return objects_of_mask(read_index_mask(file)), {}


def open_folder(folder: Path, chosen: Chosen) -> MaskDataset:
    """`images/STEM.*` and `masks/STEM.png` (or .bmp, .tif) in a folder.

    Raises:
        DataError: no photo is chosen, one has no mask, or two photos or masks are of one stem.
    """
    photos = _by_stem(folder / "images", is_photo_name)
    masks = _by_stem(folder / "masks", _is_mask_name)
    lonely = [path.name for stem, path in photos.items() if stem not in masks]
    if lonely:
        raise DataError(
            f"{len(lonely)} photos in {folder / 'images'} have no mask of the same name "
            f"({', '.join(MASK_SUFFIXES)}) in {folder / 'masks'}: {', '.join(lonely[:5])}"
        )
    stems = [stem for place, stem in enumerate(sorted(photos)) if chosen(place)]
    if not stems:
        raise DataError(f"{folder / 'images'} holds no photo of that split; add some")
    return MaskDataset([(photos[stem], masks[stem]) for stem in stems])


def open_masks_beside(folder: Path, chosen: Chosen) -> MaskDataset:
    """Photos with `STEM.mask.png` beside them, as `ioebss-run` writes it; see `annotated_photos`,
    also for what is raised."""
    return MaskDataset(annotated_photos(folder, chosen, MASK_ENDING))


def has_masks_beside(folder: Path) -> bool:
    """Whether a photo in the folder has its mask beside it."""
    return holds_annotated(folder, MASK_ENDING)


def has_pair_of_folders(folder: Path) -> bool:
    """Whether `images` and `masks` lie in the folder."""
    return (folder / "images").is_dir() and (folder / "masks").is_dir()


def objects_of_mask(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What the values of a mask mean.

    - All nonzero values are 255 (black and white): the mask is binary and 255 is object 1. This
      holds for a mask that is 255 everywhere, too.
    - Otherwise as in VOC: 0 background, 1..254 one object each, 255 void. So a mask of 0 and 1 has
      one object, one of 0, 1 and 255 has one object with void pixels, and one of 0 and 128 has one
      object.
    - All 0: no object.

    A smooth-edged mask would therefore be read as many objects; threshold it first.

    Args:
        values: uint8 (H, W), palette indices or grey values.

    Returns:
        uint8 (H, W): 0 background, 1..254 objects, 255 void.
    """
    if np.isin(values, (0, VOID)).all():
        return np.asarray(values == VOID, np.uint8)
    return values


def _is_mask_name(path: Path) -> bool:
    return is_photo_name(path) and path.suffix.lower() in MASK_SUFFIXES


def _by_stem(folder: Path, is_one: Callable[[Path], bool]) -> dict[str, Path]:
    paths: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if is_one(path) and path.is_file():
            if path.stem in paths:
                raise DataError(f"{folder} holds both {paths[path.stem].name} and {path.name}")
            paths[path.stem] = path
    return paths
