"""Data sets: folders of photos and masks in the layouts people have."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from ioebss.errors import DataError
from ioebss.trainer.datasets.coco import coco_splits, open_coco
from ioebss.trainer.datasets.names import MissingSplitError
from ioebss.trainer.datasets.photos import open_photos
from ioebss.trainer.datasets.ritm import RitmDataset, ritm_layout
from ioebss.trainer.datasets.sbd import SbdDataset
from ioebss.trainer.datasets.scene import JoinedDataset, ListedDataset
from ioebss.trainer.datasets.voc import VocDataset

logger = logging.getLogger("ioebss")
# Where the layout may lie below the folder that is given: people name the top of what they
# unpacked.
VOC_PLACES = (".", "VOC2012", "VOCdevkit/VOC2012")
SBD_PLACES = (".", "dataset", "benchmark_RELEASE/dataset")


def open_dataset(roots: list[Path], split: str) -> ListedDataset:
    """The data sets under some folders, joined, each by the layout it is recognised by.

    Args:
        roots: one folder for each data set: VOC, SBD or COCO layout, images and masks, annotated
            photos, or a benchmark of interactive segmentation.
        split: of those folders that have it; what has none adds nothing, and a warning says so.

    Raises:
        DataError: not a folder, of no known layout, or none has that split.
    """
    parts: list[ListedDataset] = []
    missing: list[MissingSplitError] = []
    for root in roots:
        try:
            parts.append(_open_one(root, split))
        except MissingSplitError as error:
            missing.append(error)
    if not parts:
        raise DataError("; ".join(str(lack) for lack in missing))
    for lack in missing:
        logger.warning("%s; the other folders' %s is taken", lack, split)
    return parts[0] if len(parts) == 1 else JoinedDataset(parts)


def described_data(roots: Sequence[Path], lists: Sequence[tuple[str, ListedDataset]]) -> list[str]:
    """What a run learns from, for its records: the folders' names, then its lists, each with the
    number of its photos and a digest of their names in order.

    Args:
        lists: each with its name, those to learn from first, the one to validate on last.
    """
    described = [
        f"{name} ({len(part)} photos, names {_digest(part.names)})" for name, part in lists
    ]
    return [*(root.resolve().name for root in roots), *described]


def _digest(names: Sequence[str]) -> str:
    """The first 8 hexadecimal digits of the SHA-256 of the names, a line each."""
    return hashlib.sha256("\n".join(names).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _open_one(root: Path, split: str) -> ListedDataset:
    if not root.is_dir():
        raise DataError(f"{root} is not a folder")
    for place in VOC_PLACES:
        if _holds(root / place, "JPEGImages", "SegmentationObject"):
            return VocDataset(root / place, split)
    for place in SBD_PLACES:
        if _holds(root / place, "img", "inst"):
            return SbdDataset(root / place, split)
    if coco_splits(root):
        return open_coco(root, split)
    layout = ritm_layout(root, split)
    if layout is not None:
        return RitmDataset(root, layout, split)
    photos = open_photos(root, split)
    if photos is not None:
        return photos
    raise DataError(
        f"{root} has none of the layouts that are known: VOC (JPEGImages/, SegmentationObject/, "
        "ImageSets/Segmentation/SPLIT.txt), SBD (img/, inst/, SPLIT.txt), COCO "
        "(annotations/instances_SPLIT.json), GrabCut (data_GT/, boundary_GT/), DAVIS (img/, gt/); "
        "or, as they are or under SPLIT/, images/ and masks/, or photos and beside them labelme's "
        "NAME.json, coco.json, or NAME.mask.png"
    )


def _holds(folder: Path, *names: str) -> bool:
    return all((folder / name).is_dir() for name in names)
