"""COCO instances, against pycocotools' own reading of the same file."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ioebss.errors import DataError
from ioebss.trainer.datasets import coco as reader
from ioebss.trainer.datasets import open_dataset
from ioebss.trainer.datasets.coco import open_coco
from ioebss.trainer.datasets.painting import paint
from ioebss.trainer.datasets.segmentations import decode, run_lengths

coco_mask = pytest.importorskip("pycocotools.mask")
HEIGHT, WIDTH = 30, 40


def rectangle(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


def compressed(mask: np.ndarray) -> dict[str, Any]:
    runs = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": list(runs["size"]), "counts": runs["counts"].decode()}


def uncompressed(mask: np.ndarray) -> dict[str, Any]:
    flat = mask.ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat[0] else counts}


def table(annotations: list[dict[str, Any]], name: str = "a.png") -> dict[str, Any]:
    return {
        "images": [{"id": 7, "file_name": name, "width": WIDTH, "height": HEIGHT}],
        "annotations": [
            {"id": i + 1, "image_id": 7, "category_id": 1, "iscrowd": 0, **annotation}
            for i, annotation in enumerate(annotations)
        ],
        "categories": [{"id": 1, "name": "thing"}],
    }


def write(root: Path, content: Any, photos: str = "train2017", split: str = "train2017") -> Path:
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    path = root / "annotations" / f"instances_{split}.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    (root / photos).mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (WIDTH, HEIGHT), "red").save(root / photos / "a.png")
    return path


POLYGON = {"segmentation": [[2.5, 3.0, 20.2, 4.4, 11.0, 25.7], [30, 2, 38, 2, 38, 9, 30, 9.5]]}
RUNS = {"segmentation": uncompressed(rectangle(5, 20, 25, 28))}
COMPRESSED = {"segmentation": compressed(rectangle(0, 0, 4, 4))}


def test_masks_are_those_of_pycocotools(tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    path = write(tmp_path, table([POLYGON, RUNS, COMPRESSED]))
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = COCO(str(path))
        masks = [theirs.annToMask(theirs.anns[i]) > 0 for i in (1, 2, 3)]
    masks.sort(key=lambda mask: -int(mask.sum()))
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    for label, mask in enumerate(masks, 1):
        expected[mask] = label
    scene = open_dataset([tmp_path], "train2017").scene(0)
    assert np.array_equal(scene.labels, expected)
    assert (masks[0] & masks[1]).any(), "the objects of this test should overlap"
    assert scene.image.shape == (HEIGHT, WIDTH, 3) and scene.objects() == [1, 2, 3]


@pytest.mark.parametrize("photos", ["train2017", "images/train2017", "images"])
def test_places_of_the_photos(tmp_path: Path, photos: str) -> None:
    write(tmp_path, table([RUNS]), photos)
    assert len(open_dataset([tmp_path], "train2017")) == 1


def test_crowds_are_void_behind_the_objects(tmp_path: Path) -> None:
    crowd = {"iscrowd": 1, "segmentation": uncompressed(rectangle(0, 0, 40, 10))}
    write(tmp_path, table([COMPRESSED, crowd]))
    labels = open_dataset([tmp_path], "train2017").scene(0).labels
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[:10] = 255
    expected[:4, :4] = 1
    assert np.array_equal(labels, expected)


def test_objects_keep_their_classes(tmp_path: Path) -> None:
    small, large = rectangle(0, 0, 4, 4), rectangle(10, 5, 30, 25)
    content = table(
        [
            {"segmentation": compressed(small), "category_id": 3},
            {"segmentation": compressed(large), "category_id": 1},
            {"segmentation": compressed(rectangle(35, 0, 40, 2)), "category_id": 99},
        ]
    )
    content["categories"] = [{"id": 1, "name": "cat"}, {"id": 3, "name": "kite"}]
    write(tmp_path, content)
    scene = open_coco(tmp_path, "train2017").scene(0)
    assert scene.categories[scene.labels[10, 15]] == "cat"
    assert scene.categories[scene.labels[1, 1]] == "kite"
    assert len(scene.categories) == 2  # class 99 has no name


def test_smallest_objects_beyond_254_become_void() -> None:
    rng = np.random.default_rng(0)
    cells = [(x, y) for y in range(0, 30) for x in range(0, 40, 2)][:300]
    sizes = {cell: 2 if i < 254 else 1 for i, cell in enumerate(cells)}
    order = [cells[i] for i in rng.permutation(300)]
    masks = [rectangle(x, y, x + sizes[x, y], y + 1) for x, y in order]
    labels, _ = paint(masks, [], HEIGHT, WIDTH, lambda mask, height, width: mask)
    assert {labels[y, x] for (x, y), size in sizes.items() if size == 1} == {255}
    assert sorted(labels[y, x] for (x, y), size in sizes.items() if size == 2) == list(
        range(1, 255)
    )


def test_photos_without_objects_are_left_out(tmp_path: Path) -> None:
    content = table([RUNS])
    content["images"].insert(0, {"id": 1, "file_name": "b.png", "width": 5, "height": 5})
    write(tmp_path, content)
    dataset = open_coco(tmp_path, "train2017")
    assert dataset.names == ["a.png"] == [dataset.scene(0).name]
    write(tmp_path, table([]))
    with pytest.raises(DataError, match="no photo with an outlined object"):
        open_coco(tmp_path, "train2017")


def test_missing_split_names_those_there_are(tmp_path: Path) -> None:
    write(tmp_path, table([RUNS]))
    write(tmp_path, table([RUNS]), split="val2017")
    with pytest.raises(DataError, match="splits that exist: train2017, val2017"):
        open_dataset([tmp_path], "train")


def test_photos_of_one_id_are_refused(tmp_path: Path) -> None:
    """As in files that were joined without numbering them anew: masks would be on other photos."""
    content = table([RUNS])
    content["images"] += [{**content["images"][0], "file_name": "b.png"}]
    write(tmp_path, content)
    with pytest.raises(DataError, match="several photos one id"):
        open_coco(tmp_path, "train2017")


@pytest.mark.parametrize("name", ["../a.png", "/etc/passwd", "x/../../a.png", "..\\a.png", "", "."])
def test_file_names_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    write(tmp_path, table([RUNS], name))
    with pytest.raises(DataError, match="no path below the folder"):
        open_coco(tmp_path, "train2017")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "7",
        "[" * 100_000,
        {"images": [], "annotations": [{"image_id": 3, "segmentation": []}]},
        {"images": [{"id": 1}], "annotations": []},
        {"images": "no", "annotations": []},
        {"images": [{"id": 1, "file_name": 3, "width": 1, "height": 1}], "annotations": []},
        {"images": [{"id": 1, "file_name": "a", "width": -1, "height": 1}], "annotations": []},
        {"images": [{"id": 1, "file_name": "a", "width": 10**9, "height": 10}], "annotations": []},
        {"images": [{"id": [], "file_name": "a", "width": 9, "height": 9}], "annotations": []},
    ],
)
def test_other_json_is_refused(tmp_path: Path, content: Any) -> None:
    path = write(tmp_path, content)
    with pytest.raises(DataError, match=path.name):
        open_coco(tmp_path, "train2017")


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[1, 2, 3]], "x, y, x, y"),
        ([["1", "2", "3", "4", "5", "6"]], "x, y, x, y"),
        ([5, 6, 7, 8], "x, y, x, y"),
        ([[0, 0, 1e9, 0, 5, 5]], "far outside"),
        ([[0, 0, float("nan"), 0, 5, 5]], "far outside"),
        (None, "photo's size"),
        ("abc", "photo's size"),
        ({"size": [WIDTH, HEIGHT], "counts": [HEIGHT * WIDTH]}, "photo's size"),
        ({"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH + 1]}, "add up"),
        ({"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH + 5, -5]}, "add up"),
        ({"size": [HEIGHT, WIDTH], "counts": 12}, "neither"),
        ({"size": [HEIGHT, WIDTH], "counts": [1.5]}, "neither"),
        ({"size": [HEIGHT, WIDTH], "counts": "0"}, "add up"),
        ({"size": [HEIGHT, WIDTH], "counts": "é"}, "damaged"),
        ({"size": [HEIGHT, WIDTH], "counts": "oooooooooooo0"}, "damaged"),
        ({"size": [HEIGHT, WIDTH], "counts": "o"}, "within a number"),
    ],
)
def test_segmentations_that_do_not_fit_are_refused(segmentation: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        decode(segmentation, HEIGHT, WIDTH)


def test_polygons_of_two_points_enclose_nothing() -> None:
    assert not decode([[1, 1, 9, 9]], HEIGHT, WIDTH).any()
    assert not decode([], HEIGHT, WIDTH).any()
    assert decode([[1, 1, 9, 9], [1, 1, 9, 1, 9, 9]], HEIGHT, WIDTH).any()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31), share=st.floats(0, 1))
def test_all_run_length_codings_give_the_mask_back(seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((17, 23)) < share
    assert np.array_equal(decode(compressed(mask), 17, 23), mask)
    assert np.array_equal(decode(uncompressed(mask), 17, 23), mask)
    assert run_lengths(compressed(mask)["counts"]) == uncompressed(mask)["counts"]


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=30))
def test_any_string_of_run_lengths_is_decoded_or_refused(text: str) -> None:
    with contextlib.suppress(DataError):
        mask = decode({"size": [4, 5], "counts": text}, 4, 5)
        assert mask.shape == (4, 5)


def test_a_json_file_beyond_the_bound_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, table([RUNS]))
    monkeypatch.setattr(reader, "MAX_JSON_BYTES", 10)
    with pytest.raises(DataError, match="larger than 10 bytes"):
        open_coco(tmp_path, "train2017")
