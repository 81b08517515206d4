"""Every layout, drawn on the fly, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from ioebss.errors import DataError, ImageError
from ioebss.progress import Progress
from ioebss.trainer.datasets import open_dataset
from ioebss.trainer.datasets.cache import CachedDataset, cached
from ioebss.trainer.datasets.folder import objects_of_mask
from ioebss.trainer.datasets.sbd import read_instances
from ioebss.trainer.datasets.scene import JoinedDataset, RepeatedDataset, Scene

Labels = np.ndarray


def photo(path: Path, width: int = 12, height: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def grey(path: Path, values: Labels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).save(path)


@pytest.fixture
def labels() -> Labels:
    values = np.zeros((8, 12), np.uint8)
    values[1:4, 2:6], values[4:7, 5:11], values[0] = 1, 2, 255
    return values


# -- VOC -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [".", "VOC2012", "VOCdevkit/VOC2012"])
def test_voc_is_found_at_the_root_or_below(
    tmp_path: Path, write_voc: Callable[..., Path], place: str
) -> None:
    root = write_voc(tmp_path / "set" / place, train=3, val=1)
    train, val = (open_dataset([tmp_path / "set"], split) for split in ("train", "val"))
    assert (len(train), len(val)) == (3, 1)
    scene = train.scene(0)
    assert scene.image.shape == (40, 48, 3) and scene.image.dtype == np.uint8
    raw = np.asarray(Image.open(root / "SegmentationObject" / f"{scene.name}.png"))
    assert np.array_equal(scene.labels, raw)
    assert set(np.unique(raw)) <= {0, 1, 2, 255} and scene.labels[0, 0] == 255


def test_voc_names_the_splits_that_exist(tmp_path: Path, write_voc: Callable[..., Path]) -> None:
    write_voc(tmp_path / "set")
    with pytest.raises(DataError, match="splits that exist: train, val"):
        open_dataset([tmp_path / "set"], "trainval")


@pytest.mark.parametrize("name", ["../../secret", "/etc/hostname", "a\\..\\b", "C:x"])
def test_a_list_cannot_leave_the_folder(
    tmp_path: Path, write_voc: Callable[..., Path], name: str
) -> None:
    root = write_voc(tmp_path / "set")
    (root / "ImageSets" / "Segmentation" / "train.txt").write_text(f"scene0\n{name}\n")
    with pytest.raises(DataError, match="no path below the folder"):
        open_dataset([root], "train")


def test_names_with_spaces_and_lists_with_a_byte_order_mark(
    tmp_path: Path, write_voc: Callable[..., Path]
) -> None:
    root = write_voc(tmp_path / "set")
    for folder in ("JPEGImages", "SegmentationObject"):
        (root / folder / "scene0.png").rename(root / folder / "my photo.png")
    (root / "JPEGImages" / "my photo.png").rename(root / "JPEGImages" / "my photo.PNG")
    path = root / "ImageSets" / "Segmentation" / "train.txt"
    path.write_bytes(b"\xef\xbb\xbfmy photo\r\n\r\n scene1 \r\n")
    train = open_dataset([root], "train")
    assert [train.scene(i).name for i in range(len(train))] == ["my photo", "scene1"]


def test_an_empty_or_binary_list_is_refused(tmp_path: Path, write_voc: Callable[..., Path]) -> None:
    root = write_voc(tmp_path / "set")
    path = root / "ImageSets" / "Segmentation" / "train.txt"
    path.write_text("\n")
    with pytest.raises(DataError, match="lists no photo"):
        open_dataset([root], "train")
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot be read"):
        open_dataset([root], "train")


def test_photo_and_mask_must_have_one_size(tmp_path: Path, write_voc: Callable[..., Path]) -> None:
    root = write_voc(tmp_path / "set")
    photo(root / "JPEGImages" / "scene0.png", 50, 40)
    with pytest.raises(DataError, match="the photo is 50x40 but its mask is 48x40"):
        open_dataset([root], "train").scene(0)
    (root / "JPEGImages" / "scene0.png").unlink()
    with pytest.raises(DataError, match="no photo scene0"):
        open_dataset([root], "train").scene(0)


# -- SBD -------------------------------------------------------------------------------------------


def write_sbd(root: Path, values: Labels) -> Path:
    photo(root / "img" / "2008_1.jpg")
    (root / "inst").mkdir()
    struct = {"Segmentation": values, "Categories": np.array([[1], [2]])}
    savemat(root / "inst" / "2008_1.mat", {"GTinst": struct}, do_compression=True)
    (root / "train.txt").write_text("2008_1\n")
    return root


@pytest.mark.parametrize("place", [".", "dataset", "benchmark_RELEASE/dataset"])
def test_sbd(tmp_path: Path, labels: Labels, place: str) -> None:
    write_sbd(tmp_path / "sbd" / place, labels)
    dataset = open_dataset([tmp_path / "sbd"], "train")
    assert len(dataset) == 1
    assert np.array_equal(dataset.scene(0).labels, labels)
    with pytest.raises(DataError, match="splits that exist: train"):
        open_dataset([tmp_path / "sbd"], "val")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"GTinst": {"Boundaries": 1}}, "cannot be read|GTinst"),
        ({"other": np.zeros((2, 2))}, "no struct GTinst"),
        ({"GTinst": {"Segmentation": np.full((2, 2), 300)}}, "0..255"),
        ({"GTinst": {"Segmentation": np.full((2, 2), 0.5)}}, "0..255"),
        ({"GTinst": {"Segmentation": "text"}}, "no matrix"),
        ({"GTinst": np.zeros((2, 2))}, "cannot be read"),
    ],
)
def test_sbd_refuses_what_is_no_instance_mask(tmp_path: Path, content: dict, message: str) -> None:
    savemat(tmp_path / "x.mat", content)
    with pytest.raises(DataError, match=message):
        read_instances(tmp_path / "x.mat")


def test_sbd_refuses_damaged_files(tmp_path: Path, labels: Labels) -> None:
    path = write_sbd(tmp_path / "sbd", labels) / "inst" / "2008_1.mat"
    whole = path.read_bytes()
    for damaged in (b"", b"no matlab" * 50, whole[:200], whole[: len(whole) - 9]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"cannot be read|no struct"):
            read_instances(path)
    path.write_bytes(bytes(3_000_000))
    with pytest.raises(DataError, match="larger than"):
        read_instances(path)
    path.unlink()
    with pytest.raises(DataError, match="is missing"):
        read_instances(path)


# -- images and masks ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0, 255], [0, 0, 1]),  # black and white
        ([255, 255, 255], [1, 1, 1]),  # white everywhere is an object everywhere
        ([0, 0, 0], [0, 0, 0]),
        ([0, 1, 1], [0, 1, 1]),
        ([0, 1, 255], [0, 1, 255]),  # as VOC: 255 is void beside an object
        ([0, 128, 128], [0, 128, 128]),
        ([3, 7, 255], [3, 7, 255]),
    ],
)
def test_values_of_a_mask(values: list[int], expected: list[int]) -> None:
    got = objects_of_mask(np.array([values], np.uint8))
    assert got.dtype == np.uint8 and got.tolist() == [expected]


def test_folder_with_splits(tmp_path: Path, labels: Labels) -> None:
    for split in ("train", "test"):
        photo(tmp_path / split / "images" / "a.jpg")
        grey(tmp_path / split / "masks" / "a.png", labels)
    dataset = open_dataset([tmp_path], "test")
    assert len(dataset) == 1 and np.array_equal(dataset.scene(0).labels, labels)
    with pytest.raises(DataError, match="splits that exist: test, train"):
        open_dataset([tmp_path], "val")


def test_folder_without_splits_holds_every_tenth_photo_back(tmp_path: Path) -> None:
    for i in range(21):
        photo(tmp_path / "images" / f"{i:02}.png")
        grey(tmp_path / "masks" / f"{i:02}.bmp", np.full((8, 12), 255))
    names = {
        split: [open_dataset([tmp_path], split).scene(k).name for k in range(count)]
        for split, count in (("train", 18), ("val", 3), ("all", 21))
    }
    assert names["val"] == ["00", "10", "20"]
    assert sorted(names["train"] + names["val"]) == names["all"]
    assert {split: open_dataset([tmp_path], split).names for split in names} == names
    assert [len(open_dataset([tmp_path], split)) for split in names] == [18, 3, 21]
    with pytest.raises(DataError, match="splits that exist: all, train, val"):
        open_dataset([tmp_path], "dev")


def test_hidden_files_of_a_folder_are_passed_over(tmp_path: Path, labels: Labels) -> None:
    """Those that macOS leaves beside photos and masks hold neither."""
    photo(tmp_path / "images" / "a.jpg")
    grey(tmp_path / "masks" / "a.png", labels)
    for place in ("images/._a.jpg", "masks/._a.png", "images/.DS_Store"):
        (tmp_path / place).write_bytes(b"\0\5\x16\7")
    dataset = open_dataset([tmp_path], "all")
    assert [dataset.scene(i).name for i in range(len(dataset))] == ["a"]


def test_one_bit_masks_are_binary(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "a.png")
    (tmp_path / "masks").mkdir()
    shape = np.eye(8, 12) > 0
    Image.fromarray(shape).save(tmp_path / "masks" / "a.png")
    assert np.array_equal(open_dataset([tmp_path], "all").scene(0).labels, shape)


def test_folder_refuses_what_does_not_pair(tmp_path: Path, labels: Labels) -> None:
    photo(tmp_path / "images" / "a.png")
    photo(tmp_path / "images" / "b.png")
    grey(tmp_path / "masks" / "a.png", labels)
    with pytest.raises(DataError, match=r"1 photos .* no mask .*b\.png"):
        open_dataset([tmp_path], "all")
    photo(tmp_path / "masks" / "b.png")  # in colour
    with pytest.raises(ImageError, match="in colour"):
        open_dataset([tmp_path], "all").scene(1)
    photo(tmp_path / "images" / "a.bmp")
    with pytest.raises(DataError, match=r"both a\.bmp and a\.png"):
        open_dataset([tmp_path], "all")


def test_folder_without_photos_is_refused(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    with pytest.raises(DataError, match="no photo"):
        open_dataset([tmp_path], "train")


# -- all -------------------------------------------------------------------------------------------


def test_an_unknown_layout_lists_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        open_dataset([tmp_path], "train")
    for name in ("JPEGImages", "inst/", "instances_SPLIT.json", "masks/"):
        assert name in str(caught.value)
    with pytest.raises(DataError, match="not a folder"):
        open_dataset([tmp_path / "none"], "train")


def test_several_roots_are_joined_in_order(
    tmp_path: Path, labels: Labels, write_voc: Callable[..., Path]
) -> None:
    voc = write_voc(tmp_path / "voc", train=2)
    sbd = write_sbd(tmp_path / "sbd", labels)
    joined = open_dataset([voc, sbd, voc], "train")
    assert isinstance(joined, JoinedDataset) and len(joined) == 5
    names = [joined.scene(i).name for i in range(5)]
    assert names == ["scene0", "scene1", "2008_1", "scene0", "scene1"] == joined.names


def test_a_split_is_taken_of_the_folders_that_have_it(
    tmp_path: Path, labels: Labels, write_voc: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    voc = write_voc(tmp_path / "voc", train=2, val=1)
    sbd = write_sbd(tmp_path / "sbd", labels)
    assert open_dataset([voc, sbd], "val").names == ["scene2"]
    (warning,) = caplog.messages
    assert str(sbd / "val.txt") in warning and "splits that exist: train" in warning
    with pytest.raises(DataError) as caught:
        open_dataset([voc, sbd], "test")
    for folder, known in ((voc, "train, val"), (sbd, "train")):
        assert str(folder) in str(caught.value) and f"exist: {known}" in str(caught.value)


class Numbered:
    """Scenes whose names are their numbers."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def scene(self, index: int) -> Scene:
        return Scene(str(index), np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8))


@settings(max_examples=30, deadline=None)
@given(counts=st.lists(st.integers(1, 5), min_size=1, max_size=8))
def test_repeated_scenes_come_as_often_as_said(counts: list[int]) -> None:
    repeated = RepeatedDataset(Numbered(len(counts)), counts)
    names = [repeated.scene(i).name for i in range(len(repeated))]
    assert names == [str(i) for i, count in enumerate(counts) for _ in range(count)]


def test_cache_holds_the_same_scenes_if_they_fit(
    tmp_path: Path, write_voc: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = open_dataset([write_voc(tmp_path / "voc", train=3)], "train")
    size = 3 * 48 * 40 * 4
    kept = cached(dataset, size, Progress(quiet=True))
    assert isinstance(kept, CachedDataset) and len(kept) == 3
    for i in range(3):
        assert kept.scene(i).name == dataset.scene(i).name
        assert np.array_equal(kept.scene(i).image, dataset.scene(i).image)
        assert np.array_equal(kept.scene(i).labels, dataset.scene(i).labels)
    assert kept.scene(0) is kept.scene(0)
    assert cached(dataset, size - 1, Progress(terminal=False)) is dataset
    assert "reading them from disk" in capsys.readouterr().err


def test_json_of_another_kind_in_annotations_is_no_coco(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "captions_train.json").write_text(json.dumps({}))
    with pytest.raises(DataError, match="none of the layouts"):
        open_dataset([tmp_path], "train")


def test_the_largest_object_of_a_scene() -> None:
    labels = np.zeros((6, 6), np.uint8)
    labels[0, :3], labels[1, :5], labels[2, :5], labels[3:] = 7, 3, 2, 255
    scene = Scene("a", np.zeros((6, 6, 3), np.uint8), labels)
    assert scene.largest() == 2  # as large as 3; void and background are no objects
    assert scene.largest(5) == 2 and scene.largest(6) is None
    assert Scene("b", scene.image, np.zeros_like(labels)).largest() is None
