"""Photos with annotations beside them: what we write ourselves is read back, and labelme's shapes
mean the pixels that NumPy and scikit-image say, and labelme itself where it is installed."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from skimage.measure import points_in_poly

from ioebss.coco_files import CocoFile
from ioebss.errors import DataError
from ioebss.labelme_files import write_labelme
from ioebss.result_files import write_result
from ioebss.trainer.datasets import open_dataset
from ioebss.trainer.datasets.labelme import LabelmeDataset

HEIGHT, WIDTH = 60, 80
Mask = np.ndarray


def photo(path: Path, width: int = WIDTH, height: int = HEIGHT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def shape(kind: str, points: list[list[float]], label: str = "thing", **more: Any) -> dict:
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, **more}


def labelme(path: Path, **table: Any) -> None:
    size = {"imageHeight": HEIGHT, "imageWidth": WIDTH, "imageData": None}
    path.write_text(json.dumps({**size, **table}))


def labels_of(folder: Path, *shapes: dict, **more: Any) -> np.ndarray:
    photo(folder / "a.png")
    labelme(folder / "a.json", **{"shapes": list(shapes), **more})
    return open_dataset([folder], "all").scene(0).labels


def blob() -> Mask:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    disc = (rows - 30) ** 2 / 400 + (columns - 35) ** 2 / 900 < 1
    return disc & ((rows - 30) ** 2 + (columns - 35) ** 2 > 60)


def png(mask: Mask) -> str:
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


# -- What we write ---------------------------------------------------------------------------------


def test_masks_that_the_command_wrote_are_read_back(tmp_path: Path) -> None:
    path = photo(tmp_path / "cat.jpg")
    pixels = np.asarray(Image.open(path))
    for kind in ("mask", "cutout", "overlay"):
        write_result(tmp_path / f"cat.{kind}.png", kind, pixels, blob(), [], "cat.jpg")
    scenes = open_dataset([tmp_path], "all")
    assert list(scenes.names) == ["cat"]
    assert np.array_equal(scenes.scene(0).labels, blob())


def test_the_command_s_coco_file_is_read_back(tmp_path: Path) -> None:
    photos = [photo(tmp_path / "a.jpg"), photo(tmp_path / "below" / "b.jpg")]
    file = CocoFile(tmp_path / "coco.json", photos, "cat")
    for path, mask in zip(photos, (blob(), ~blob()), strict=True):
        file.add(path, mask)
    file.write()
    scenes = open_dataset([tmp_path], "all")
    assert list(scenes.names) == ["a.jpg", "below/b.jpg"]
    assert np.array_equal(scenes.scene(0).labels, blob())
    assert np.array_equal(scenes.scene(1).labels, ~blob())
    assert scenes.scene(1).categories == {1: "cat"}


@pytest.mark.parametrize("speckled", [False, True], ids=["polygons", "mask"])
def test_the_command_s_labelme_file_is_read_back(tmp_path: Path, speckled: bool) -> None:
    mask = blob()
    if speckled:  # too many holes for polygons
        mask[::3, ::3] = False
    path = photo(tmp_path / "a.jpg")
    write_labelme(tmp_path / "a.json", path, mask, "cat")
    scene = open_dataset([tmp_path], "all").scene(0)
    got = scene.labels == 1
    assert (got & mask).sum() / (got | mask).sum() >= 0.98
    assert scene.categories == {1: "cat"} and scene.objects() == [1]
    if speckled:
        assert np.array_equal(got, mask)


# -- Shapes ----------------------------------------------------------------------------------------


def test_a_rectangle_and_a_mask_to_the_pixel(tmp_path: Path) -> None:
    part = blob()[10:51, 5:66]
    labels = labels_of(
        tmp_path,
        shape("rectangle", [[70, 8], [60, 2]]),  # drawn from the lower right corner
        shape("mask", [[5.0, 10.0], [65.0, 50.0]], mask=png(part)),
        shape("mask", [[-3.0, 57.0], [1.0, 61.0]], mask=png(np.ones((5, 5), bool))),  # juts out
    )
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[10:51, 5:66][part] = 1
    expected[2:9, 60:71], expected[57:, :2] = 2, 3
    assert np.array_equal(labels, expected)


def test_a_circle_goes_through_its_second_point(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, shape("circle", [[40, 30], [52, 46]]))  # radius 20
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    distance = np.hypot(rows - 30, columns - 40)
    assert labels[distance < 19].all() and not labels[distance > 21].any()


@example([(0.0, 1.75), (1.0, 1.75), (15.0, 0.0)])  # a pixel of its edge is 1.51 away
@given(
    st.lists(
        st.tuples(st.floats(-20, 100), st.floats(-20, 80)), min_size=3, max_size=6, unique=True
    )
)
def test_polygons_are_what_is_inside_and_their_edge(
    tmp_path_factory: pytest.TempPathFactory, corners: list[tuple[float, float]]
) -> None:
    folder = tmp_path_factory.mktemp("polygon")
    got = labels_of(folder, shape("polygon", [list(c) for c in corners])) > 0
    columns, rows = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    pixels = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(float)
    inside = points_in_poly(pixels, corners).reshape(HEIGHT, WIDTH)  # by even and odd, as Pillow
    edge = edge_distance(pixels, np.array(corners)).reshape(HEIGHT, WIDTH)
    # Pillow cuts corners down to whole pixels, up to 1.41 away, and draws lines to half a pixel.
    assert got[inside & (edge > 2.2)].all()
    assert not got[~inside & (edge > 2.2)].any()


def edge_distance(pixels: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Of each pixel to the polygon's outline."""
    distances = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = end - start
        place = np.clip((pixels - start) @ along / max(along @ along, 1e-12), 0, 1)
        distances.append(np.linalg.norm(pixels - start - place[:, None] * along, axis=1))
    return np.min(distances, axis=0)


def test_groups_are_one_object_and_lines_are_none(tmp_path: Path) -> None:
    labels = labels_of(
        tmp_path,
        shape("rectangle", [[0, 0], [9, 9]], group_id=3),
        shape("rectangle", [[30, 0], [39, 9]], group_id=3),
        shape("rectangle", [[50, 0], [59, 9]], label="other", group_id=3),
        shape("rectangle", [[50, 40], [59, 44]]),
        shape("linestrip", [[0, 50], [79, 50]]),
        shape("point", [[5, 55]]),
    )
    assert labels[5, 5] == labels[5, 35] == 1  # the largest, of two parts
    assert {labels[5, 55], labels[42, 55]} == {2, 3}
    assert not labels[46:].any() and (labels > 0).sum() == 350


def test_the_smaller_is_in_front_and_ignore_is_void(tmp_path: Path) -> None:
    labels = labels_of(
        tmp_path,
        shape("rectangle", [[10, 10], [12, 12]], label="small"),
        shape("rectangle", [[0, 0], [39, 39]], label="large"),
        shape("rectangle", [[30, 30], [79, 59]], label="__ignore__"),
    )
    assert (labels[11, 11], labels[0, 0], labels[35, 35], labels[50, 50]) == (2, 1, 1, 255)
    scene = open_dataset([tmp_path], "all").scene(0)
    assert scene.categories == {1: "large", 2: "small"}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (shape("spiral", [[0, 0], [9, 9], [0, 9]]), "'spiral' with 3 points is no known"),
        (shape("circle", [[0, 0]]), "'circle' with 1 points is no known"),
        (shape("polygon", [[0, 0], [1e9, 9], [0, 9]]), "far outside"),
        (shape("polygon", [[0, 0], [float("nan"), 9], [0, 9]]), "far outside"),
        (shape("polygon", [[0, 0], [10**400, 9], [0, 9]]), "far outside"),  # beyond a double
        (shape("polygon", [[0, 0], [1, 2, 3]]), r"no list of \[x, y\]"),
        (shape("polygon", "all of it"), r"no list of \[x, y\]"),  # type: ignore[arg-type]
        (shape("mask", [[0, 0], [9, 9]]), "cannot be read"),
        (shape("mask", [[0, 0], [9, 9]], mask="%%"), "cannot be read"),
        (shape("mask", [[0, 0], [9, 9]], mask="ä"), "cannot be read"),
        (shape("mask", [[0, 0], [9, 9]], mask=7), "cannot be read"),
        (shape("mask", [[0, 0], [9, 9]], mask=png(np.ones((3, 30), bool))), "30x3 pixels in a box"),
        (shape("mask", [[0, 0]], mask=png(np.ones((3, 3), bool))), "no two corners"),
        (shape("polygon", [[0, 0], [9, 0], [9, 9]], label=3), "label of shape 1 is no text"),  # type: ignore[arg-type]
        ("shape", "no list of shapes; if it is no file of labelme, move it"),
    ],
)
def test_other_shapes_are_refused_with_their_file(tmp_path: Path, bad: Any, message: str) -> None:
    with pytest.raises(DataError, match=rf"a\.json: .*{message}"):
        labels_of(tmp_path, bad)


def test_files_of_old_versions_name_neither_size_nor_kind(tmp_path: Path) -> None:
    old = {"label": "thing", "points": [[0, 0], [9, 0], [9, 9], [0, 9]]}
    for kind in ({}, {"shape_type": None}):
        labels = labels_of(tmp_path, {**old, **kind}, imageHeight=None, imageWidth=None)
        assert labels[:10, :10].all() and labels.sum() == 100


def test_a_mask_larger_than_its_box_is_not_decoded(tmp_path: Path) -> None:
    bomb = png(np.zeros((4000, 4000), bool))
    with pytest.raises(DataError, match="cannot be read"):
        labels_of(tmp_path, shape("mask", [[0, 0], [9, 9]], mask=bomb))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"imageWidth": 81}, "photo of 81x60 pixels, not 80x60"),
        ({"imageHeight": "60" * 1000}, r"80x(60){10} pixels, not 80x60"),
        ({"shapes": None}, "no list of shapes"),
        ({"shapes": {"a": 1}}, "no list of shapes"),
    ],
)
def test_files_of_something_else_are_refused(tmp_path: Path, table: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        labels_of(tmp_path, **table)


# -- Splits ----------------------------------------------------------------------------------------


def test_every_tenth_annotated_photo_is_held_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for i in range(24):
        photo(tmp_path / f"{i:02}.jpg", 8, 6)
        if i % 2 == 0:
            labelme(tmp_path / f"{i:02}.json", shapes=[])
    with caplog.at_level(logging.WARNING, "ioebss"):
        names = {split: list(open_dataset([tmp_path], split).names) for split in ("train", "val")}
    assert names["val"] == ["00", "20"]
    assert names["train"] == [f"{i:02}" for i in range(2, 24, 2) if i != 20]
    assert "12 of 24 photos" in caplog.text and "NAME.json" in caplog.text
    with pytest.raises(DataError, match="splits that exist: all, train, val"):
        open_dataset([tmp_path], "valid")


def test_folders_of_the_splits_as_roboflow_exports_them(tmp_path: Path) -> None:
    for split, number in (("train", 3), ("valid", 1)):
        photos = [photo(tmp_path / split / f"{i}.jpg", 8, 6) for i in range(number)]
        images = [
            {"id": i, "file_name": path.name, "width": 8, "height": 6}
            for i, path in enumerate(photos)
        ]
        annotations = [
            {"id": i, "image_id": i, "category_id": 0, "segmentation": [[0, 0, 6, 0, 6, 4, 0, 4]]}
            for i in range(number)
        ]
        table = {"images": images, "annotations": annotations, "categories": []}
        (tmp_path / split / "_annotations.coco.json").write_text(json.dumps(table))
    assert [len(open_dataset([tmp_path], split)) for split in ("train", "valid")] == [3, 1]
    assert open_dataset([tmp_path], "valid").scene(0).labels[:4, :6].all()
    with pytest.raises(DataError, match="splits that exist: train, valid"):
        open_dataset([tmp_path], "val")


def test_two_photos_cannot_share_a_file(tmp_path: Path) -> None:
    for ending in ("jpg", "png"):
        photo(tmp_path / f"a.{ending}")
    labelme(tmp_path / "a.json", shapes=[])
    with pytest.raises(DataError, match=r"a\.jpg and a\.png .* share a\.json"):
        open_dataset([tmp_path], "all")


def test_a_folder_below_does_not_stand_for_the_photos_in_the_root(tmp_path: Path) -> None:
    for name in ("a", "b", "old/z"):
        photo(tmp_path / f"{name}.png")
        Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(tmp_path / f"{name}.mask.png")
    labelme(tmp_path / "old" / "z.json", shapes=[])
    (tmp_path / "lost").mkdir(0)
    assert list(open_dataset([tmp_path], "train").names) == ["b"]
    assert list(open_dataset([tmp_path], "old").names) == ["z"]


def test_a_folder_of_photos_below_is_named(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "a.jpg")
    labelme(tmp_path / "images" / "a.json", shapes=[])
    with pytest.raises(DataError, match=r"give --data .*images; splits that exist: images"):
        open_dataset([tmp_path], "train")


def test_of_several_kinds_one_is_read_and_a_warning_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = photo(tmp_path / "a.jpg")
    Image.fromarray(np.zeros((HEIGHT, WIDTH), np.uint8)).save(tmp_path / "a.mask.png")
    write_labelme(tmp_path / "a.json", path, blob(), "cat")
    with caplog.at_level(logging.WARNING, "ioebss"):
        assert isinstance(open_dataset([tmp_path], "all"), LabelmeDataset)
    assert "has NAME.mask.png as well; only labelme's NAME.json is read" in caplog.text


def test_a_coco_file_s_split_does_not_depend_on_its_order(tmp_path: Path) -> None:
    photos = [photo(tmp_path / f"{name}.jpg") for name in "cab"]
    file = CocoFile(tmp_path / "coco.json", photos, "cat")
    for path in photos:
        file.add(path, blob())
    file.write()
    assert list(open_dataset([tmp_path], "val").names) == ["a.jpg"]
    assert list(open_dataset([tmp_path], "train").names) == ["b.jpg", "c.jpg"]


def test_boxes_alone_are_no_objects(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    table = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": WIDTH, "height": HEIGHT}],
        "annotations": [{"id": 1, "image_id": 1, "bbox": [0, 0, 9, 9], "segmentation": []}],
    }
    (tmp_path / "_annotations.coco.json").write_text(json.dumps(table))
    with pytest.raises(DataError, match="no photo with an outlined object"):
        open_dataset([tmp_path], "all")


def test_one_annotated_photo_is_not_enough_to_hold_one_back(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    labelme(tmp_path / "a.json", shapes=[])
    with pytest.raises(DataError, match="no photo of that split; annotate some more"):
        open_dataset([tmp_path], "train")


# -- labelme itself --------------------------------------------------------------------------------

READER = """
import json, sys
from labelme._label_file import read_label_file
from labelme.utils import shapes_to_label
request = json.load(sys.stdin)
found = read_label_file(request["file"]).shapes
numbers = {name: n for n, name in enumerate(sorted({s["label"] for s in found}), 1)}
_, objects = shapes_to_label(request["size"], found, numbers)
print(json.dumps(objects.tolist()))
"""


@pytest.mark.annotation_tools
def test_labelme_draws_the_same_objects(
    tmp_path: Path, tools_python: Callable[[str, object], list[list[int]]]
) -> None:
    """Each object apart from the others, so that who is in front does not matter."""
    ours = labels_of(
        tmp_path,
        shape("polygon", [[2.3, 3.7], [21.4, 5.2], [10.9, 22.8]], flags={}),
        shape("rectangle", [[30.4, 2.6], [45.7, 11.2]], group_id=1, flags={}),
        shape("polygon", [[50, 20], [60, 18], [58.5, 29.5]], group_id=1, flags={}),
        shape("circle", [[62, 45], [70, 45.5]], flags={}),
        shape("mask", [[5, 35], [14, 44]], mask=png(np.eye(10, dtype=bool)), flags={}),
        imagePath="a.png",
        version="6.3.1",
        flags={},
    )
    request = {"file": str(tmp_path / "a.json"), "size": [HEIGHT, WIDTH]}
    theirs = np.asarray(tools_python(READER, request))
    pairs = {(int(a), int(b)) for a, b in zip(ours.ravel(), theirs.ravel(), strict=True)}
    assert len(pairs) == 5 == len({a for a, _ in pairs}) == len({b for _, b in pairs})
