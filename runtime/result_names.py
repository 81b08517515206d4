"""Names of the files that results go to, and by which they are told from photos."""

from __future__ import annotations

from pathlib import Path

MASK_ENDING = ".mask.png"
PICTURE_ENDINGS = (MASK_ENDING, ".cutout.png", ".overlay.png")


def default_path(photo: Path, kind: str) -> Path:
    """Where a result goes unless told otherwise: `photo.mask.png` beside `photo.jpg`, as JSON
    `photo.mask.json`, so that nobody's `photo.json` is in the way. That is where labelme looks for
    its own, and COCO's file is for all photos of a folder, `coco.json`."""
    names = {
        "json": f"{photo.stem}.mask.json",
        "labelme": f"{photo.stem}.json",
        "coco": "coco.json",
    }
    return photo.with_name(names.get(kind, f"{photo.stem}.{kind}.png"))


def is_result_name(path: Path) -> bool:
    """Whether a picture in a folder should be a result, by its name, and no photo."""
    return path.name.lower().endswith(PICTURE_ENDINGS)
