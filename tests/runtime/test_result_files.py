from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from ioebss.clicks import Click
from ioebss.errors import OutputError, UsageError
from ioebss.result_files import overlay, write_result
from ioebss.result_names import default_path

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (40, 60, 3), np.uint8)
MASK = np.zeros((40, 60), bool)
MASK[10:30, 20:50] = True
CLICKS = [Click(30, 20, 1), Click(5, 5, 0)]


def write(path: Path, kind: str) -> Path:
    write_result(path, kind, PHOTO, MASK, CLICKS, "photo.jpg")
    return path


def test_mask(tmp_path: Path) -> None:
    read = cv2.imread(str(write(tmp_path / "m.png", "mask")), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(read, MASK * np.uint8(255))


def test_cutout(tmp_path: Path) -> None:
    read = cv2.imread(str(write(tmp_path / "c.png", "cutout")), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(read[..., 2::-1], PHOTO)
    np.testing.assert_array_equal(read[..., 3], MASK * np.uint8(255))


def test_json(tmp_path: Path) -> None:
    table = json.loads(write(tmp_path / "r.json", "json").read_text())
    np.testing.assert_array_equal(coco.decode(table["segmentation"]), MASK)
    assert table["area"] == 600
    assert table["bbox"] == [20, 10, 30, 20]
    assert table["clicks"] == [{"x": 30, "y": 20, "label": 1}, {"x": 5, "y": 5, "label": 0}]
    assert (table["photo"], table["width"], table["height"]) == ("photo.jpg", 60, 40)


def test_overlay_marks_clicks_and_mask_and_nothing_else(tmp_path: Path) -> None:
    picture = overlay(PHOTO, MASK, CLICKS)
    np.testing.assert_array_equal(picture[20, 30], (46, 204, 64))
    np.testing.assert_array_equal(picture[5, 5], (255, 65, 54))
    far = np.ones_like(MASK)
    far[8:32, 18:52] = False
    far[:12, :12] = False
    np.testing.assert_array_equal(picture[far], PHOTO[far])
    assert (picture[25, 45] != PHOTO[25, 45]).any()
    read = cv2.imread(str(write(tmp_path / "o.png", "overlay")))[..., ::-1]
    np.testing.assert_array_equal(read, picture)


def test_unknown_format_and_unwritable_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no format 'svg'"):
        write(tmp_path / "x.svg", "svg")
    with pytest.raises(OutputError, match="cannot be written"):
        write(tmp_path / "none" / "m.png", "mask")


def test_default_paths() -> None:
    photo = Path("a/photo.jpg")
    assert default_path(photo, "mask") == Path("a/photo.mask.png")
    assert default_path(photo, "json") == Path("a/photo.mask.json")
