"""COCO instances (Lin et al. 2014): one JSON file with polygons and run lengths for all photos."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import DataError, MissingExtraError
from ioebss.image_files import MAX_PIXELS, read_photo
from ioebss.json_files import read_json
from ioebss.trainer.datasets.names import MissingSplitError, check_inside
from ioebss.trainer.datasets.scene import MAX_OBJECTS, VOID, Scene, check_scene

MAX_JSON_BYTES = 2 * 1024**3  # instances_train2017.json has 0.45 GB


@dataclass
class _Photo:
    """One photo of the JSON file: its name, its size in pixels, and what is drawn on it; `classes`
    are those of the objects, "" where the file names none."""

    name: str
    height: int
    width: int
    objects: list[Any] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    crowds: list[Any] = field(default_factory=list)


class CocoDataset:
    """`annotations/instances_SPLIT.json`, photos in `SPLIT/`, `images/SPLIT/` or `images/`.

    Photos without an object are left out. See `paint` for how objects become labels.

    Args:
        root: the folder that holds them.
        split: as in the name of the JSON file: "train2017".

    Raises:
        MissingSplitError: no such split; the message says which there are.
        DataError: no folder of photos, a JSON
            file that is not COCO's, or a file name that leaves the folder.
    """

    def __init__(self, root: Path, split: str) -> None:
        self.path = root / "annotations" / f"instances_{split}.json"
        if not self.path.is_file():
            raise MissingSplitError(f"{self.path} is missing", coco_splits(root))
        self.folder = _photo_folder(root, split)
        table = read_json(self.path, MAX_JSON_BYTES, DataError, "a COCO instances file")
        photos = _photos(table, self.path)
        self.photos = [photo for photo in photos if photo.objects]
        if not self.photos:
            raise DataError(f"{self.path} has no photo with an object; choose another split")

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def names(self) -> list[str]:
        """See `ListedDataset`."""
        return [photo.name for photo in self.photos]

    def scene(self, index: int) -> Scene:
        """See `SceneDataset`."""
        photo = self.photos[index]
        try:
            objects = [decode(s, photo.height, photo.width) for s in photo.objects]
            crowds = [decode(s, photo.height, photo.width) for s in photo.crowds]
        except DataError as error:
            raise DataError(f"{self.path}, photo {photo.name}: {error}") from None
        labels, order = paint(objects, crowds, photo.height, photo.width)
        named = [photo.classes[i] for i in order[:MAX_OBJECTS]]
        categories = {label: name for label, name in enumerate(named, 1) if name}
        image = read_photo(self.folder / photo.name)
        return check_scene(Scene(photo.name, image, labels, categories))


def coco_splits(root: Path) -> list[str]:
    """The splits under `root` by the names of the JSON files."""
    files = (root / "annotations").glob("instances_*.json")
    return [path.stem.removeprefix("instances_") for path in files]


def paint(
    objects: Sequence[NDArray[np.bool_]],
    crowds: Iterable[NDArray[np.bool_]],
    height: int,
    width: int,
) -> tuple[NDArray[np.uint8], list[int]]:
    """Labels of overlapping objects: the smaller is in front of the larger.

    Crowds (regions with several objects not told apart) are void, behind all objects. Objects are
    numbered from the largest on; those beyond `MAX_OBJECTS`, the smallest, become void.

    Args:
        objects, crowds: bool (height, width) each.

    Returns:
        uint8 (height, width): 0 background, 1..254 objects, 255 void. And the places of all objects
        from the largest to the smallest, as they are numbered; equal ones keep their order.
    """
    labels = np.zeros((height, width), np.uint8)
    for mask in crowds:
        labels[mask] = VOID
    areas = [int(mask.sum()) for mask in objects]
    order = sorted(range(len(objects)), key=lambda place: -areas[place])
    for label, place in enumerate(order, 1):
        labels[objects[place]] = label if label <= MAX_OBJECTS else VOID
    return labels, order


def decode(segmentation: Any, height: int, width: int) -> NDArray[np.bool_]:
    """The mask of one COCO segmentation: polygons, run lengths, or compressed run lengths.

    Polygons of fewer than three points enclose nothing and are passed over.

    Returns:
        bool (height, width).

    Raises:
        DataError: it is none of the three, or does not fit the photo.
        MissingExtraError: pycocotools is not installed.
    """
    try:
        from pycocotools import mask as coco
    except ImportError:
        raise MissingExtraError(
            'reading COCO needs pycocotools: pip install "ioebss[train]"'
        ) from None
    try:
        if isinstance(segmentation, list):
            polygons = _checked_polygons(segmentation, height, width)
            if not polygons:
                return np.zeros((height, width), bool)
            runs = coco.merge(coco.frPyObjects(polygons, height, width))
        else:
            runs = _checked_runs(segmentation, height, width)
            if isinstance(runs["counts"], list):
                runs = coco.frPyObjects(runs, height, width)
        return np.asarray(coco.decode(runs), bool)
    except ValueError as error:
        raise DataError(f"a segmentation cannot be decoded: {error}") from None


def _checked_polygons(polygons: list[Any], height: int, width: int) -> list[list[float]]:
    """The polygons of three points or more.

    Their rasteriser's memory grows with the outline, so points may lie off the photo by its size at
    most.
    """
    checked = []
    for polygon in polygons:
        numbers = isinstance(polygon, list) and all(type(v) in (int, float) for v in polygon)
        if not numbers or len(polygon) % 2:
            raise DataError("a polygon is not a list of x, y, x, y, ...")
        x, y = polygon[::2], polygon[1::2]
        inside = all(-width <= v <= 2 * width for v in x)
        if not inside or not all(-height <= v <= 2 * height for v in y):
            raise DataError(f"a polygon lies far outside the photo of {width}x{height} pixels")
        if len(x) >= 3:
            checked.append([float(v) for v in polygon])
    return checked


def _checked_runs(runs: Any, height: int, width: int) -> dict[str, Any]:
    """Run lengths that fill the photo exactly; the C code below trusts them."""
    if not isinstance(runs, dict) or runs.get("size") != [height, width]:
        raise DataError(f"run lengths are not of the photo's size, [{height}, {width}]")
    counts = runs.get("counts")
    if isinstance(counts, str):
        lengths = run_lengths(counts)
    elif isinstance(counts, list) and all(type(count) is int for count in counts):
        lengths = counts
    else:
        raise DataError("run lengths are neither a list of integers nor a string")
    if min(lengths, default=0) < 0 or sum(lengths) != height * width:
        raise DataError(f"run lengths do not add up to {height * width} pixels")
    return {"size": [height, width], "counts": counts}


def run_lengths(text: str) -> list[int]:
    """The integers of a compressed run-length string (pycocotools' own coding).

    Little-endian groups of five bits, offset by 48, a sixth bit where more follow; from the fourth
    number on each is the difference to the one two places before.

    Raises:
        DataError: a character outside the code, an endless number, or an unfinished one.
    """
    lengths: list[int] = []
    value = shift = 0
    for character in text:
        code = ord(character) - 48
        if not 0 <= code < 64 or shift > 30:
            raise DataError("a compressed run-length string is damaged")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    if shift:
        raise DataError("a compressed run-length string ends within a number")
    return lengths


def _photo_folder(root: Path, split: str) -> Path:
    folders = (root / split, root / "images" / split, root / "images")
    for folder in folders:
        if folder.is_dir():
            return folder
    listed = ", ".join(str(folder) for folder in folders)
    raise DataError(f"no folder of photos for the split {split!r}; looked for {listed}")


def _photos(table: Any, path: Path) -> list[_Photo]:
    """The photos in the order of the file, with their annotations."""
    try:
        photos = {entry["id"]: _photo(entry, path) for entry in table["images"]}
        if len(photos) < len(table["images"]):
            raise DataError(
                f"{path} gives several photos one id, so that objects cannot be told apart; number "
                "images anew, and image_id of the annotations with them"
            )
        names = {entry["id"]: str(entry["name"]) for entry in table.get("categories", [])}
        for annotation in table["annotations"]:
            photo = photos[annotation["image_id"]]
            if annotation.get("iscrowd"):
                photo.crowds.append(annotation["segmentation"])
            else:
                photo.objects.append(annotation["segmentation"])
                photo.classes.append(names.get(annotation.get("category_id"), ""))
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is no COCO instances file ({type(error).__name__}: {error}); it needs images "
            "with id, file_name, width, height, and annotations with image_id and segmentation"
        ) from None
    return list(photos.values())


def _photo(entry: dict[str, Any], path: Path) -> _Photo:
    name, height, width = entry["file_name"], entry["height"], entry["width"]
    if not isinstance(name, str):
        raise DataError(f"{path}: file_name {name!r} is no text")
    sizes = type(height) is int and type(width) is int and height > 0 and width > 0
    if not sizes or height * width > MAX_PIXELS:
        raise DataError(f"{path}: {name} is said to be {width!r}x{height!r}; sizes are pixels")
    return _Photo(check_inside(name, path), height, width)
