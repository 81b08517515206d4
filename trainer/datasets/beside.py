"""Photos with files of their own beside them that say what is on them: `cat.jpg`, `cat.json`."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from ioebss.errors import DataError
from ioebss.image_files import is_photo_beside_results

logger = logging.getLogger("ioebss")
Chosen = Callable[[int], bool]  # whether the photo at that place, in the order of names, is taken


def holds_annotated(folder: Path, ending: str) -> bool:
    """Whether a photo in the folder has the file `STEM + ending` beside it. A folder that is
    missing or cannot be read has none."""
    try:
        names = _names(folder)
    except OSError:
        return False
    return any(Path(name).stem + ending in names for name in names if _is_photo(name))


def annotated_photos(folder: Path, chosen: Chosen, ending: str) -> list[tuple[Path, Path]]:
    """Photos of a folder that have the file `STEM + ending` beside them, each with that file, in
    the order of their names. A warning says how many have none: nobody has been at those yet.

    Raises:
        DataError: none is chosen, or two photos share a file.
    """
    names = _names(folder)
    photos = sorted(filter(_is_photo, names))
    owners: dict[str, str] = {}
    for name in photos:
        file = Path(name).stem + ending
        if file in names and owners.setdefault(file, name) != name:
            raise DataError(f"{owners[file]} and {name} in {folder} share {file}; rename one")
    if len(owners) < len(photos):
        logger.warning(
            "%d of %d photos in %s have no NAME%s beside them and are passed over",
            len(photos) - len(owners),
            len(photos),
            folder,
            ending,
        )
    pairs = [(folder / name, folder / file) for file, name in owners.items()]
    pairs = [pair for place, pair in enumerate(pairs) if chosen(place)]
    if not pairs:
        raise DataError(f"{folder} holds no photo of that split; annotate some more")
    return pairs


def _names(folder: Path) -> set[str]:
    with os.scandir(folder) as entries:  # no path is made of each of what may be 100,000 names
        return {entry.name for entry in entries}


def _is_photo(name: str) -> bool:
    return is_photo_beside_results(Path(name))
