"""Photos with files of their own beside them that say what is on them: `cat.jpg`, `cat.json`."""

from __future__ import annotations

import logging
from pathlib import Path

from ioebss.errors import DataError
from ioebss.image_files import is_photo_name
from ioebss.result_files import is_result_name
from ioebss.trainer.datasets.splits import find_split

logger = logging.getLogger("ioebss")


def holds_annotated(folder: Path, ending: str) -> bool:
    """Whether a photo in the folder has the file `STEM + ending` beside it."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return any(photo.stem + ending in names for photo in _photos(folder))


def annotated_photos(root: Path, split: str, ending: str) -> list[tuple[Path, Path]]:
    """The photos of a split that have the file `STEM + ending` beside them, with that file, in the
    order of their names. A warning says how many have none: nobody has been at those yet.

    Raises:
        MissingSplitError: no such split; see `find_split`.
        DataError: no photo is left, or two photos share a file.
    """
    folder, chosen = find_split(root, split, lambda place: holds_annotated(place, ending))
    names = {path.name for path in folder.iterdir()}
    photos = _photos(folder)
    pairs = [(p, p.with_name(p.stem + ending)) for p in photos if p.stem + ending in names]
    if len(pairs) < len(photos):
        logger.warning(
            "%d of %d photos in %s have no %s beside them and are passed over",
            len(photos) - len(pairs),
            len(photos),
            folder,
            f"NAME{ending}",
        )
    owners: dict[Path, Path] = {}
    for photo, file in pairs:
        if owners.setdefault(file, photo) != photo:
            raise DataError(
                f"{owners[file].name} and {photo.name} in {folder} share {file.name}; rename one"
            )
    pairs = [pair for place, pair in enumerate(pairs) if chosen(place)]
    if not pairs:
        raise DataError(f"{folder} holds no photo for the split {split!r}; annotate some more")
    return pairs


def _photos(folder: Path) -> list[Path]:
    paths = sorted(folder.iterdir())
    return [path for path in paths if is_photo_name(path) and not is_result_name(path)]
