"""Folders of photos with masks or annotations, in whatever form, and what belongs to a split where
nothing lists it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ioebss.trainer.datasets.beside import Chosen
from ioebss.trainer.datasets.coco import has_coco_beside, open_coco_beside
from ioebss.trainer.datasets.folder import (
    has_masks_beside,
    has_pair_of_folders,
    open_folder,
    open_masks_beside,
)
from ioebss.trainer.datasets.labelme import LabelmeDataset, has_labelme
from ioebss.trainer.datasets.names import MissingSplitError
from ioebss.trainer.datasets.scene import ListedDataset

logger = logging.getLogger("ioebss")
VALIDATION_EVERY = 10
PARTS: dict[str, Chosen] = {
    "all": lambda place: True,
    "train": lambda place: place % VALIDATION_EVERY > 0,
    "val": lambda place: place % VALIDATION_EVERY == 0,
}


@dataclass(frozen=True)
class Kind:
    """A form of masks or annotations.

    Attributes:
        name: for messages.
        holds: whether a folder, which need not exist, has it.
        open: the data set in such a folder, of the photos at chosen places in the order of names.
    """

    name: str
    holds: Callable[[Path], bool]
    open: Callable[[Path, Chosen], ListedDataset]


# The first that a folder has is read: of those beside photos, what people correct by hand.
KINDS = (
    Kind("images/ and masks/", has_pair_of_folders, open_folder),
    Kind("labelme's NAME.json", has_labelme, LabelmeDataset),
    Kind("coco.json", has_coco_beside, open_coco_beside),
    Kind("NAME.mask.png", has_masks_beside, open_masks_beside),
)


def open_photos(root: Path, split: str) -> ListedDataset | None:
    """The photos of a split in `ROOT/SPLIT`, or else those in `ROOT`: every tenth in the order of
    their names, from the first one on, is "val", the others are "train", all of them "all".

    Returns:
        None if neither `root` nor a folder in it has photos with masks or annotations.

    Raises:
        MissingSplitError: no such split; the message says which there are.
        DataError: what is there does not fit together.
    """
    if kinds := _kinds(root / split):
        return kinds[0].open(root / split, PARTS["all"])
    if kinds := _kinds(root):
        if split not in PARTS:
            raise MissingSplitError(f"{root} has no split {split!r}", PARTS)
        return kinds[0].open(root, PARTS[split])
    if below := _folders_of_photos(root):
        raise MissingSplitError(
            f"{root} has no split {split!r}, and no photos itself; for all photos of one folder "
            f"give --data {root / below[0]}",
            below,
        )
    return None


def _kinds(folder: Path) -> list[Kind]:
    """All that the folder has; a warning says that one of several is read."""
    kinds = [kind for kind in KINDS if kind.holds(folder)]
    if len(kinds) > 1:
        others = ", ".join(kind.name for kind in kinds[1:])
        logger.warning(
            "%s has %s as well; only %s is read: move it elsewhere for another to be",
            folder,
            others,
            kinds[0].name,
        )
    return kinds


def _folders_of_photos(root: Path) -> list[str]:
    with os.scandir(root) as entries:
        folders = sorted(entry.name for entry in entries if entry.is_dir())
    return [name for name in folders if any(kind.holds(root / name) for kind in KINDS)]
