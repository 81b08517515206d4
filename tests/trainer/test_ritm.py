"""GrabCut, Berkeley and DAVIS as RITM lays them out, drawn on the fly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ioebss.errors import DataError
from ioebss.trainer.datasets import open_dataset

VALUES = np.zeros((6, 8), np.uint8)
VALUES[1:4, 2:6], VALUES[4], VALUES[5, 0] = 255, 128, 64


def write(root: Path, photos: str, masks: str, mask: np.ndarray, suffix: str) -> Path:
    for folder in (photos, masks):
        (root / folder).mkdir(parents=True)
    for name in ("b.c", "a"):
        Image.fromarray(np.full((6, 8, 3), 90, np.uint8)).save(root / photos / f"{name}.jpg")
    for name in ("a", "b"):
        Image.fromarray(mask).save(root / masks / f"{name}{suffix}")
    return root


def test_grabcut(tmp_path: Path) -> None:
    dataset = open_dataset([write(tmp_path, "data_GT", "boundary_GT", VALUES, ".bmp")], "test")
    assert [dataset.scene(i).name for i in range(len(dataset))] == ["a", "b"] == dataset.names
    labels = dataset.scene(1).labels
    assert (labels[1:4, 2:6] == 1).all() and (labels[4] == 255).all()
    assert labels.astype(int).sum() == 12 + 8 * 255  # 64 is background


def test_davis_has_objects_of_any_value_and_masks_in_colour(tmp_path: Path) -> None:
    colour = np.zeros((6, 8, 3), np.uint8)
    colour[..., 1] = VALUES
    dataset = open_dataset([write(tmp_path, "img", "gt", colour, ".png")], "test")
    assert np.array_equal(dataset.scene(0).labels, VALUES > 0)


def test_values_are_brightnesses_whatever_numbers_a_palette_gives_them(tmp_path: Path) -> None:
    numbers = np.select([VALUES == 255, VALUES == 128, VALUES == 64], [0, 1, 3], 2)
    palette = [255, 255, 255, 128, 128, 128, 0, 0, 0, 64, 64, 64]
    mask = Image.fromarray(numbers.astype(np.uint8), "L")
    mask.putpalette(palette)
    root = write(tmp_path / "grabcut", "data_GT", "boundary_GT", VALUES, ".png")
    mask.save(root / "boundary_GT" / "a.png")
    assert Image.open(root / "boundary_GT" / "a.png").mode == "P"
    labels = open_dataset([root], "test").scene(0).labels
    assert np.array_equal(labels == 1, VALUES == 255)
    assert np.array_equal(labels == 255, VALUES == 128)
    bits = write(tmp_path / "davis", "img", "gt", VALUES > 100, ".png")
    assert Image.open(bits / "gt" / "a.png").mode == "1"
    assert np.array_equal(open_dataset([bits], "test").scene(0).labels, VALUES > 100)


def test_berkeley_is_the_split_test_of_images_and_masks(tmp_path: Path) -> None:
    mask = np.where(VALUES == 255, VALUES, 0)
    root = write(tmp_path, "images", "masks", mask, ".png")
    assert np.array_equal(open_dataset([root], "test").scene(0).labels, mask > 0)
    (root / "images" / "b.c.jpg").rename(root / "images" / "b.jpg")
    assert len(open_dataset([root], "all")) == 2  # a plain folder of photos and masks


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    root = write(tmp_path, "img", "gt", VALUES, ".png")
    with pytest.raises(DataError, match="splits that exist: test"):
        open_dataset([root], "val")
    (root / "gt" / "a.png").unlink()
    with pytest.raises(DataError, match=r"1 photos .* have no mask .*: a\.jpg"):
        open_dataset([root], "test")


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    root = write(tmp_path, "img", "gt", VALUES[:3], ".png")
    with pytest.raises(DataError, match="the photo is 8x6 but its mask is 8x3"):
        open_dataset([root], "test").scene(0)
