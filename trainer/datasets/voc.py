"""Pascal VOC layout with instance masks: VOC2012 itself, and every folder laid out like it."""

from __future__ import annotations

from pathlib import Path

from ioebss.image_files import read_index_mask, read_photo
from ioebss.trainer.datasets.names import read_list
from ioebss.trainer.datasets.scene import Scene, check_scene, find_image


class VocDataset:
    """`JPEGImages/NAME.*`, `SegmentationObject/NAME.png` (indexed: 0 background, object ids, 255
    void) and `ImageSets/Segmentation/SPLIT.txt` with one name a line.

    Args:
        root: the folder that holds the three.
        split: name of the list.

    Raises:
        MissingSplitError: there is no such list; the message says which there are.
        DataError: it is empty, or names what lies outside the folder.
    """

    def __init__(self, root: Path, split: str) -> None:
        self.root = root
        self.names = read_list(root / "ImageSets" / "Segmentation" / f"{split}.txt")

    def __len__(self) -> int:
        return len(self.names)

    def scene(self, index: int) -> Scene:
        """See `SceneDataset`."""
        name = self.names[index]
        image = read_photo(find_image(self.root / "JPEGImages", name))
        mask = self.root / "SegmentationObject" / f"{name}.png"
        return check_scene(Scene(name, image, read_index_mask(mask)))
