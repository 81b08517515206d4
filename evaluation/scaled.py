"""A data set whose large photos are scaled down: quicker to measure on, for a first look."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from ioebss.trainer.datasets.scene import Scene, SceneDataset


class ScaledDataset:
    """The scenes of a data set, those that are larger scaled down: photos by area, labels by the
    nearest pixel. Objects that vanish are gone.

    Args:
        side: longer side in pixels, at most.
    """

    def __init__(self, dataset: SceneDataset, side: int) -> None:
        self._dataset, self.side = dataset, side

    def __len__(self) -> int:
        return len(self._dataset)

    def scene(self, index: int) -> Scene:
        """See `SceneDataset`."""
        scene = self._dataset.scene(index)
        height, width = scene.labels.shape
        scale = self.side / max(height, width)
        if scale >= 1:
            return scene
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        image = cv2.resize(scene.image, size, interpolation=cv2.INTER_AREA)
        labels = cv2.resize(scene.labels, size, interpolation=cv2.INTER_NEAREST_EXACT)
        return replace(
            scene, image=np.asarray(image, np.uint8), labels=np.asarray(labels, np.uint8)
        )
