"""`ioebss-run --format coco`, read by pycocotools."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from ioebss import Segmenter
from ioebss.coco_files import CocoFile
from ioebss.errors import OutputError
from ioebss.trainer.datasets import open_dataset

Command = Callable[..., "subprocess.CompletedProcess[str]"]
CLICKS = {"chelsea.jpg": [[230, 110], [100, 290]], "coffee.jpg": [[300, 200]]}


@pytest.fixture
def photos(tmp_path: Path, samples: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in CLICKS:
        (folder / name).write_bytes((samples / name).read_bytes())
    (tmp_path / "clicks.json").write_text(json.dumps(CLICKS))
    return folder


def test_several_photos_in_one_file(command: Command, photos: Path, tmp_path: Path) -> None:
    arguments = (photos, "--clicks", tmp_path / "clicks.json", "--format", "coco")
    result = command("ioebss-run", *arguments, "--label", "thing")
    assert result.returncode == 0, result.stderr
    *lines, last = result.stdout.splitlines()
    assert [line.split(" (")[0] for line in lines] == [str(photos / name) for name in CLICKS]
    assert last == str(photos / "coco.json")
    coco = COCO(str(photos / "coco.json"))
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == ["thing"]
    images = {image["file_name"]: image for image in coco.loadImgs(coco.getImgIds())}
    assert set(images) == set(CLICKS)
    segmenter = Segmenter()
    for name, clicks in CLICKS.items():
        session = segmenter.open(photos / name)
        for x, y in clicks:
            mask = session.click(x, y)
        assert (images[name]["height"], images[name]["width"]) == mask.shape
        (annotation,) = coco.loadAnns(coco.getAnnIds(imgIds=images[name]["id"]))
        np.testing.assert_array_equal(coco.annToMask(annotation), mask)
        assert annotation["area"] == mask.sum()
        assert annotation["iscrowd"] == 0
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        x, y, width, height = annotation["bbox"]
        assert (x, x + width - 1) == (columns[0], columns[-1])
        assert (y, y + height - 1) == (rows[0], rows[-1])


def test_photos_of_several_folders_are_named_from_the_file_s_own(
    command: Command, photos: Path, tmp_path: Path
) -> None:
    """So that programs find them, which look for them from there; ours too."""
    (photos / "more").mkdir()
    (photos / "coffee.jpg").rename(photos / "more" / "coffee.jpg")
    files = (photos / "chelsea.jpg", photos / "more" / "coffee.jpg")
    result = command("ioebss-run", *files, "--clicks", tmp_path / "clicks.json", "--format", "coco")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == str(photos / "coco.json")
    scenes = open_dataset([photos], "all")
    assert list(scenes.names) == ["chelsea.jpg", "more/coffee.jpg"]
    assert [scenes.scene(place).objects() for place in range(2)] == [[1], [1]]


def test_what_worked_is_written_and_edits_are_kept(
    command: Command, photos: Path, tmp_path: Path
) -> None:
    (photos / "coffee.jpg").write_bytes(b"no photo")
    output = tmp_path / "all.json"
    arguments = (photos, "--clicks", tmp_path / "clicks.json", "--format", "coco", "-o", output)
    result = command("ioebss-run", *arguments)
    assert result.returncode == 1
    assert "1 of 2 photos failed; the others are written" in result.stderr
    table = json.loads(output.read_text())
    assert [image["file_name"] for image in table["images"]] == ["chelsea.jpg"]
    table["categories"][0]["name"] = "renamed by a person"
    output.write_text(json.dumps(table))
    result = command("ioebss-run", *arguments)
    assert result.returncode == 1
    assert "it stays as it is" in result.stderr
    assert json.loads(output.read_text()) == table


def test_names_and_empty_masks(tmp_path: Path) -> None:
    names = [tmp_path / "a" / "1.png", tmp_path / "b" / "1.png"]
    for name in names:
        name.parent.mkdir()
        Image.new("RGB", (6, 4)).save(name)
    path = tmp_path / "coco.json"
    file = CocoFile(path, names, "x")
    file.add(names[0], np.zeros((4, 6), bool))
    file.add(names[1], np.eye(4, 6, dtype=bool))
    file.write()
    coco = COCO(str(path))
    assert [i["file_name"] for i in coco.loadImgs(coco.getImgIds())] == ["a/1.png", "b/1.png"]
    assert coco.getAnnIds(imgIds=1) == []
    (annotation,) = coco.loadAnns(coco.getAnnIds(imgIds=2))
    np.testing.assert_array_equal(coco.annToMask(annotation), np.eye(4, 6))


def test_photos_that_are_links_keep_their_names(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "photos").mkdir()
    names = []
    for number in range(2):
        stored, link = tmp_path / "store" / f"{number}c5a", tmp_path / "photos" / f"{number}.png"
        stored.write_bytes(b"")
        link.symlink_to(stored)
        names.append(link)
    file = CocoFile(tmp_path / "coco.json", names, "x")
    for name in names:
        file.add(name, np.ones((2, 2), bool))
    file.write()
    images = json.loads((tmp_path / "coco.json").read_text())["images"]
    assert [image["file_name"] for image in images] == ["0.png", "1.png"]


def test_a_foreign_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "coco.json"
    path.write_text('{"images": []}')
    file = CocoFile(path, [tmp_path / "a.png"], "x")
    file.add(tmp_path / "a.png", np.ones((2, 2), bool))
    with pytest.raises(OutputError, match="it stays as it is"):
        file.write()
    assert path.read_text() == '{"images": []}'
