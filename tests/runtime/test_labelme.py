"""labelme's files. What they mean is decided by a reader written from labelme's own: Pillow's
polygons, and masks pasted at their first corner."""

from __future__ import annotations

import base64
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from ioebss import Segmenter
from ioebss.errors import OutputError
from ioebss.image_files import read_photo
from ioebss.labelme_files import shapes, write_labelme

READER = """
import json, sys
import numpy as np
from labelme._label_file import read_label_file
from labelme.utils import shapes_to_label
request = json.load(sys.stdin)
found = read_label_file(request["file"])
size = request["height"], request["width"]
classes, objects = shapes_to_label(size, found.shapes, {request["label"]: 1})
print(json.dumps([classes.tolist(), int(objects.max()), len(found.image_data)]))
"""
Command = Callable[..., "subprocess.CompletedProcess[str]"]
Mask = NDArray[np.bool_]


def drawn(found: list[dict[str, object]], size: tuple[int, int]) -> Mask:
    """The mask of labelme's shapes."""
    picture = Image.new("1", size[::-1])
    for shape in found:
        points = [tuple(point) for point in shape["points"]]  # type: ignore[attr-defined]
        if shape["shape_type"] == "polygon":
            assert len(points) > 2
            ImageDraw.Draw(picture).polygon(points, outline=1, fill=1)
            continue
        (x1, y1), (x2, y2) = points
        part = Image.open(io.BytesIO(base64.b64decode(str(shape["mask"]))))
        assert part.size == (x2 - x1 + 1, y2 - y1 + 1)
        picture.paste(part, (int(x1), int(y1)))
    return np.asarray(picture)


def ellipse(hole: bool = False) -> Mask:
    picture = np.zeros((120, 160), np.uint8)
    cv2.ellipse(picture, (80, 60), (60, 40), 20, 0, 360, 1, -1)
    if hole:
        cv2.circle(picture, (80, 60), 10, 0, -1)
    return picture.astype(bool)


def test_a_whole_object_is_a_polygon_with_few_corners() -> None:
    found = shapes(ellipse(), "plate")
    assert [(s["shape_type"], s["label"], s["group_id"]) for s in found] == [
        ("polygon", "plate", None)
    ]
    again = drawn(found, (120, 160))
    assert (again & ellipse()).sum() / (again | ellipse()).sum() > 0.98
    assert 8 <= len(found[0]["points"]) <= 40


def test_parts_are_one_group() -> None:
    mask = ellipse()
    mask[:, 75:85] = False
    found = shapes(mask, "plate")
    assert [(s["shape_type"], s["group_id"]) for s in found] == [("polygon", 0)] * 2


def test_holes_are_kept_by_a_mask() -> None:
    found = shapes(ellipse(hole=True), "ring")
    assert [s["shape_type"] for s in found] == ["mask"]
    np.testing.assert_array_equal(drawn(found, (120, 160)), ellipse(hole=True))


@given(arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24))))
def test_any_mask_is_told_well_or_exactly(mask: Mask) -> None:
    found = shapes(mask, "x")
    assert bool(found) == bool(mask.any())
    if not found:
        return
    again = drawn(found, mask.shape)  # type: ignore[arg-type]
    if found[0]["shape_type"] == "mask":
        np.testing.assert_array_equal(again, mask)
    else:
        assert (again & mask).sum() / (again | mask).sum() >= 0.98


def test_fields_are_those_that_labelme_documents(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    photo = tmp_path / "photos" / "Größe.jpg"
    write_labelme(tmp_path / "a.json", photo, ellipse(), "plate")
    table = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert {key: table[key] for key in table if key not in ("shapes", "ioebss")} == {
        "version": "6.3.1",
        "flags": {},
        "imagePath": "photos/Größe.jpg",
        "imageData": None,
        "imageHeight": 120,
        "imageWidth": 160,
    }
    fields = {"label", "points", "group_id", "description", "shape_type", "flags", "mask"}
    assert all(set(shape) == fields for shape in table["shapes"])


def test_a_photo_that_is_a_link_is_named_as_it_lies(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "0c5a").write_bytes(b"")
    photo, path = tmp_path / "photo.jpg", tmp_path / "photo.json"
    photo.symlink_to(tmp_path / "store" / "0c5a")
    write_labelme(path, photo, ellipse(), "plate")
    assert json.loads(path.read_text())["imagePath"] == "photo.jpg"


def test_only_its_own_unchanged_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "photo.json"
    write_labelme(path, tmp_path / "photo.jpg", ellipse(), "plate")
    write_labelme(path, tmp_path / "photo.jpg", ellipse(hole=True), "ring")
    table = json.loads(path.read_text())
    table["shapes"][0]["label"] = "edited by a person"
    for text in (json.dumps(table), '{"shapes": []}', "[1, 2]", "no JSON", "[" * 100_000):
        path.write_text(text)
        with pytest.raises(OutputError, match="it stays as it is"):
            write_labelme(path, tmp_path / "photo.jpg", ellipse(), "plate")
        assert path.read_text() == text


def test_the_command_on_a_real_photo(command: Command, samples: Path, tmp_path: Path) -> None:
    photo = tmp_path / "chelsea.jpg"
    photo.write_bytes((samples / "chelsea.jpg").read_bytes())
    arguments = (photo, "--clicks", "230,110 100,290", "--format", "labelme", "--label", "cat")
    result = command("ioebss-run", *arguments)
    assert result.returncode == 0, result.stderr
    table = json.loads((tmp_path / "chelsea.json").read_text())
    assert table["imagePath"] == "chelsea.jpg"
    assert {shape["label"] for shape in table["shapes"]} == {"cat"}
    session = Segmenter().open(read_photo(photo))
    session.click(230, 110)
    mask = session.click(100, 290)
    again = drawn(table["shapes"], mask.shape)  # type: ignore[arg-type]
    assert (again & mask).sum() / (again | mask).sum() > 0.98
    (tmp_path / "chelsea.json").write_text('{"mine": true}')
    result = command("ioebss-run", *arguments)
    assert result.returncode == 1
    assert "it stays as it is" in result.stderr
    assert (tmp_path / "chelsea.json").read_text() == '{"mine": true}'


@pytest.mark.annotation_tools
@pytest.mark.parametrize("kind", ["whole", "parts", "ring"])
def test_labelmes_own_reader(
    tmp_path: Path, kind: str, tools_python: Callable[[str, object], list[object]]
) -> None:
    mask = ellipse(hole=kind == "ring")
    if kind == "parts":
        mask[:, 75:85] = False
    Image.new("RGB", (160, 120)).save(tmp_path / "photo.png")
    path = tmp_path / "photo.json"
    write_labelme(path, tmp_path / "photo.png", mask, "plate")
    request = {"file": str(path), "label": "plate", "height": 120, "width": 160}
    classes, objects, photo_bytes = tools_python(READER, request)
    again = np.array(classes).astype(bool)
    assert (again & mask).sum() / (again | mask).sum() > (0.98 if kind != "ring" else 0.999)
    assert objects == 1  # all parts are one object
    assert photo_bytes == (tmp_path / "photo.png").stat().st_size
