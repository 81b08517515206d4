"""Semantic Boundaries Dataset (Hariharan et al. 2011): instance masks for 11,355 VOC photos."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.errors import DataError, MissingExtraError
from ioebss.image_files import read_photo
from ioebss.trainer.datasets.names import read_list
from ioebss.trainer.datasets.scene import Scene, check_scene, find_image

MAX_MAT_BYTES = 2 * 1024 * 1024  # bounds what inflating it can yield


class SbdDataset:
    """`img/NAME.jpg`, `inst/NAME.mat` and `SPLIT.txt` with one name a line.

    The MATLAB file holds a struct `GTinst` whose field `Segmentation` is 0 on the background and
    1..n on the objects. Unlike VOC, SBD leaves no unlabelled border around objects; a 255 counts as
    void all the same.

    Args:
        root: the folder that holds them (`benchmark_RELEASE/dataset` of the published archive).
        split: name of the list.

    Raises:
        MissingSplitError: there is no such list; the message says which there are.
        DataError: it is empty, or names what lies outside the folder.
    """

    def __init__(self, root: Path, split: str) -> None:
        self.root = root
        self.names = read_list(root / f"{split}.txt")

    def __len__(self) -> int:
        return len(self.names)

    def scene(self, index: int) -> Scene:
        """See `SceneDataset`."""
        name = self.names[index]
        image = read_photo(find_image(self.root / "img", name))
        return check_scene(Scene(name, image, read_instances(self.root / "inst" / f"{name}.mat")))


def read_instances(path: Path) -> NDArray[np.uint8]:
    """`GTinst.Segmentation` of a MATLAB file (version 5; nothing in it is executed).

    Returns:
        uint8 (H, W): 0 background, 1..254 objects, 255 void.

    Raises:
        DataError: no such file, too large, damaged, or without that field.
        MissingExtraError: SciPy is not installed.
    """
    if not path.is_file():
        raise DataError(f"{path} is missing: it holds the objects of the photo of that name")
    if path.stat().st_size > MAX_MAT_BYTES:
        raise DataError(f"{path} is larger than {MAX_MAT_BYTES} bytes; no instance mask is")
    labels = _segmentation(path)
    if labels.ndim != 2 or labels.size == 0 or labels.dtype.kind not in "buif":
        raise DataError(f"{path}: GTinst.Segmentation is no matrix of numbers")
    small = np.asarray(labels, np.uint8) if labels.min() >= 0 and labels.max() <= 255 else None
    if small is None or not np.array_equal(small, labels):
        raise DataError(f"{path}: GTinst.Segmentation holds values other than the integers 0..255")
    return small


def _segmentation(path: Path) -> NDArray[Any]:
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError:
        raise MissingExtraError('reading SBD needs SciPy: pip install "ioebss[train]"') from None
    try:
        struct = loadmat(path, variable_names=["GTinst"])["GTinst"]
        return np.asarray(struct["Segmentation"].item())
    except KeyError:
        raise DataError(f"{path} holds no struct GTinst; it is no SBD instance mask") from None
    except NotImplementedError:
        raise DataError(f"{path} is a MATLAB 7.3 file; save it as version 5 (-v7)") from None
    except (OSError, ValueError, TypeError, IndexError, zlib.error, MatReadError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
