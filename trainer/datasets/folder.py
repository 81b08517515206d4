"""The plainest layout: a folder of photos and a folder of masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import DataError
from ioebss.image_files import is_photo_name, read_index_mask, read_photo
from ioebss.trainer.datasets.names import MissingSplitError
from ioebss.trainer.datasets.scene import VOID, Scene, check_scene

MASK_SUFFIXES = (".png", ".bmp", ".tif", ".tiff")  # lossless ones only: a mask's values are exact
VALIDATION_EVERY = 10


class FolderDataset:
    """`images/STEM.*` and `masks/STEM.png` (or .bmp, .tif), either under `ROOT/SPLIT` or under
    `ROOT`.

    Without folders of splits, every tenth photo in the order of the names, the first one included,
    is the split "val", the others are "train", and "all" is all of them. How a mask is read is said
    in `objects_of_mask`.

    Args:
        root: the folder.
        split: name of the split.

    Raises:
        MissingSplitError: no such split; the message says which there are.
        DataError: no photos, a photo without its mask, or two photos or masks of one stem.
    """

    def __init__(self, root: Path, split: str) -> None:
        folder, stems_of_split = _place(root, split)
        photos = _by_stem(folder / "images", is_photo_name)
        masks = _by_stem(folder / "masks", _is_mask_name)
        lonely = [path.name for stem, path in photos.items() if stem not in masks]
        if lonely:
            raise DataError(
                f"{len(lonely)} photos in {folder / 'images'} have no mask of the same name "
                f"({', '.join(MASK_SUFFIXES)}) in {folder / 'masks'}: {', '.join(lonely[:5])}"
            )
        stems = stems_of_split(sorted(photos))
        if not stems:
            raise DataError(f"{folder / 'images'} holds no photo for the split {split!r}; add some")
        self.pairs = [(photos[stem], masks[stem]) for stem in stems]

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def names(self) -> list[str]:
        """See `ListedDataset`."""
        return [photo.stem for photo, _ in self.pairs]

    def scene(self, index: int) -> Scene:
        """See `SceneDataset`."""
        photo, mask = self.pairs[index]
        labels = objects_of_mask(read_index_mask(mask))
        return check_scene(Scene(photo.stem, read_photo(photo), labels))


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


def has_pair_of_folders(folder: Path) -> bool:
    """Whether `images` and `masks` lie in the folder."""
    return (folder / "images").is_dir() and (folder / "masks").is_dir()


def split_folders(root: Path) -> list[str]:
    """Names of the folders in `root` that hold `images` and `masks`."""
    return [path.name for path in root.iterdir() if has_pair_of_folders(path)]


def _place(root: Path, split: str) -> tuple[Path, Callable[[list[str]], list[str]]]:
    """The folder that holds `images` and `masks`, and which of its sorted stems are the split's."""
    if has_pair_of_folders(root / split):
        return root / split, lambda stems: stems
    if not has_pair_of_folders(root):
        raise MissingSplitError(f"{root} has no split {split!r}", split_folders(root))
    parts: dict[str, Callable[[list[str]], list[str]]] = {
        "all": lambda stems: stems,
        "train": lambda stems: [s for i, s in enumerate(stems) if i % VALIDATION_EVERY],
        "val": lambda stems: stems[::VALIDATION_EVERY],
    }
    if split not in parts:
        raise MissingSplitError(f"{root} has no split {split!r}", parts)
    return root, parts[split]


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
