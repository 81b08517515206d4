"""Photos that have a file each which says what is on them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.image_files import read_photo
from ioebss.trainer.datasets.scene import Scene, check_scene


class PairDataset(ABC):
    """Pairs of a photo and its file, which each layout reads in its own way.

    Args:
        pairs: the files of each photo and of what is on it.
    """

    def __init__(self, pairs: Sequence[tuple[Path, Path]]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def names(self) -> list[str]:
        """See `ListedDataset`."""
        return [self.name_of(photo) for photo, _ in self.pairs]

    def scene(self, index: int) -> Scene:
        """See `SceneDataset`."""
        photo, file = self.pairs[index]
        image = read_photo(photo)
        labels, categories = self.read(file, image.shape[0], image.shape[1])
        return check_scene(Scene(self.name_of(photo), image, labels, categories))

    def name_of(self, photo: Path) -> str:
        """The name of a photo's scene."""
        return photo.stem

    @abstractmethod
    def read(self, file: Path, height: int, width: int) -> tuple[NDArray[np.uint8], dict[int, str]]:
        """Labels and categories as `Scene` has them.

        Args:
            file: of the photo.
            height, width: of the photo, for files that do not hold pixels.

        Raises:
            DataError, ImageError: see `SceneDataset`.
        """
