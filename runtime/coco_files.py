"""Masks of several photos in one file, as COCO's instance annotations (cocodataset.org, "Data
format")."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss import rle
from ioebss.origin_mark import write_marked

CATEGORY = 1


def common_folder(photos: Sequence[Path]) -> Path:
    """The folder that holds all photos, they themselves or folders with them."""
    folders = {photo.parent for photo in photos}
    if len(folders) == 1:
        return folders.pop()  # as it was given, for messages
    return Path(os.path.commonpath([folder.resolve() for folder in folders]))


class CocoFile:
    """One object of one category on each photo, collected and then written.

    Args:
        path: of the file, .json.
        photos: all that may be added; they are named from the folder that holds them all.
        label: name of the category.
    """

    def __init__(self, path: Path, photos: Sequence[Path], label: str) -> None:
        self._path, self._label = path, label
        self._root = common_folder(photos).resolve()
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    @property
    def photos(self) -> int:
        """How many were added."""
        return len(self._images)

    def add(self, photo: Path, mask: NDArray[np.bool_]) -> None:
        """Adds a photo and, unless it is empty, its mask: bool (H, W)."""
        height, width = mask.shape
        number = len(self._images) + 1
        # Not what a link leads to: that may have any name, as in stores of large files.
        name = (photo.parent.resolve() / photo.name).relative_to(self._root).as_posix()
        self._images.append({"id": number, "file_name": name, "width": width, "height": height})
        if mask.any():
            self._annotations.append(
                {
                    "id": number,
                    "image_id": number,
                    "category_id": CATEGORY,
                    "segmentation": rle.encode(mask),
                    "area": int(mask.sum()),
                    "bbox": rle.box(mask),
                    "iscrowd": 0,
                }
            )

    def write(self) -> None:
        """Writes what was added.

        Raises:
            OutputError: the file cannot be written, or something lies there that did not come from
                here, or was edited since.
        """
        document = {
            "info": {"description": "Masks from clicks, by IOEBSS"},
            "licenses": [],
            "images": self._images,
            "annotations": self._annotations,
            "categories": [{"id": CATEGORY, "name": self._label, "supercategory": ""}],
        }
        write_marked(self._path, document)
