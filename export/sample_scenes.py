"""The sample photographs as a data set, for users who bring none."""

from __future__ import annotations

import cv2
import numpy as np

from ioebss.export.photographs import photo_paths
from ioebss.image_files import read_photo
from ioebss.trainer.datasets.scene import Scene


class SampleScenes:
    """The photographs that come with IOEBSS. In the middle of each stands an ellipse, half as high
    and wide: nobody knows an object there, but it makes a user click, on it and off it."""

    def __init__(self) -> None:
        self._paths = photo_paths(None)

    def __len__(self) -> int:
        return len(self._paths)

    def scene(self, index: int) -> Scene:
        """See `ioebss.trainer.datasets.scene.SceneDataset`."""
        path = self._paths[index]
        image = read_photo(path)
        height, width = image.shape[:2]
        labels = np.zeros((height, width), np.uint8)
        centre, axes = (width // 2, height // 2), (width // 4, height // 4)
        cv2.ellipse(labels, centre, axes, 0, 0, 360, 1, -1)
        return Scene(path.stem, image, labels)
