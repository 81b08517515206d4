"""COCO instances (Lin et al. 2014): one JSON file with polygons and run lengths for all photos."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ioebss.errors import DataError
from ioebss.image_files import MAX_PIXELS, read_photo
from ioebss.json_files import read_json
from ioebss.trainer.datasets.beside import Chosen
from ioebss.trainer.datasets.names import MissingSplitError, check_inside
from ioebss.trainer.datasets.painting import paint
from ioebss.trainer.datasets.scene import MAX_OBJECTS, Scene, check_scene
from ioebss.trainer.datasets.segmentations import decode

MAX_JSON_BYTES = 2 * 1024**3  # instances_train2017.json has 0.45 GB
# One for all photos, beside them: as `ioebss-run` writes it, and as Roboflow exports it.
NAMES_BESIDE = ("coco.json", "_annotations.coco.json")


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
    """A COCO file and its photos. Those without an outlined object are left out. See `paint` for
    how objects become labels.

    Args:
        path: the JSON file.
        folder: that the names of its photos are looked up in.
        chosen: if given, those photos, by their places in the order of names.

    Raises:
        DataError: a JSON file that is not COCO's, no photo with an object in it, none is chosen, or
            a name leaves the folder.
    """

    def __init__(self, path: Path, folder: Path, chosen: Chosen | None = None) -> None:
        self.path, self.folder = path, folder
        photos = _photos(read_json(path, MAX_JSON_BYTES, DataError, "a COCO instances file"), path)
        self.photos = [photo for photo in photos if photo.objects]
        if not self.photos:
            raise DataError(
                f"{path} has no photo with an outlined object (boxes alone do not tell what is "
                "inside); choose another split, or export instance segmentation"
            )
        if chosen:
            self.photos.sort(key=lambda photo: photo.name)
            self.photos = [photo for place, photo in enumerate(self.photos) if chosen(place)]
            if not self.photos:
                raise DataError(f"{path} holds no photo of that split; annotate some more")

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
            labels, order = paint(photo.objects, photo.crowds, photo.height, photo.width, decode)
        except DataError as error:
            raise DataError(f"{self.path}, photo {photo.name}: {error}") from None
        named = [photo.classes[i] for i in order[:MAX_OBJECTS]]
        categories = {label: name for label, name in enumerate(named, 1) if name}
        image = read_photo(self.folder / photo.name)
        return check_scene(Scene(photo.name, image, labels, categories))


def open_coco(root: Path, split: str) -> CocoDataset:
    """`annotations/instances_SPLIT.json`, photos in `SPLIT/`, `images/SPLIT/` or `images/`.

    Args:
        root: the folder that holds them.
        split: as in the name of the JSON file: "train2017".

    Raises:
        MissingSplitError: no such split; the message says which there are.
        DataError: no folder of photos, or see `CocoDataset`.
    """
    path = root / "annotations" / f"instances_{split}.json"
    if not path.is_file():
        raise MissingSplitError(f"{path} is missing", coco_splits(root))
    return CocoDataset(path, _photo_folder(root, split))


def open_coco_beside(folder: Path, chosen: Chosen) -> CocoDataset:
    """`coco.json` or `_annotations.coco.json` in the folder of its photos; see `CocoDataset`, also
    for what is raised."""
    path = next(folder / name for name in NAMES_BESIDE if (folder / name).is_file())
    return CocoDataset(path, folder, chosen)


def has_coco_beside(folder: Path) -> bool:
    """Whether a COCO file lies in the folder itself, by its name."""
    return any((folder / name).is_file() for name in NAMES_BESIDE)


def coco_splits(root: Path) -> list[str]:
    """The splits under `root` by the names of the JSON files."""
    files = (root / "annotations").glob("instances_*.json")
    return [path.stem.removeprefix("instances_") for path in files]


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
            if annotation["segmentation"] == []:
                continue  # a box alone
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
