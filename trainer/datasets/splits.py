"""Which photos of a folder belong to a split, where nothing lists them: folders of the splits'
names, or else every tenth photo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ioebss.trainer.datasets.names import MissingSplitError

VALIDATION_EVERY = 10
Chosen = Callable[[int], bool]  # whether the photo at that place, in the order of names, is in it
PARTS: dict[str, Chosen] = {
    "all": lambda place: True,
    "train": lambda place: place % VALIDATION_EVERY > 0,
    "val": lambda place: place % VALIDATION_EVERY == 0,
}


def find_split(root: Path, split: str, holds: Callable[[Path], bool]) -> tuple[Path, Chosen]:
    """The folder of a split, and which of the photos there are the split's.

    Args:
        root: of the data set.
        split: a folder in `root`; if `root` itself holds the photos, "val" (every tenth of them in
            the order of the names, from the first one on), "train" (the others) or "all".
        holds: whether a folder holds photos of the layout; false for what is no folder.

    Raises:
        MissingSplitError: no such split; the message says which there are.
    """
    if holds(root / split):
        return root / split, PARTS["all"]
    if not holds(root):
        raise MissingSplitError(f"{root} has no split {split!r}", split_folders(root, holds))
    if split not in PARTS:
        raise MissingSplitError(f"{root} has no split {split!r}", PARTS)
    return root, PARTS[split]


def has_splits(root: Path, holds: Callable[[Path], bool]) -> bool:
    """Whether `find_split` finds one by some name."""
    return holds(root) or bool(split_folders(root, holds))


def split_folders(root: Path, holds: Callable[[Path], bool]) -> list[str]:
    """Names of the folders in `root` that hold photos of the layout."""
    return [path.name for path in root.iterdir() if holds(path)]
