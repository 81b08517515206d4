from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ioebss.click_files import MAX_FILE_BYTES, parse_clicks, read_clicks
from ioebss.errors import ClickError, UsageError


@pytest.mark.parametrize(
    ("text", "clicks"),
    [
        ("3,4", [(3, 4, 1)]),
        ("3.5,4,0", [(3.5, 4, 0)]),
        (" 3,4  5,6,0 ", [(3, 4, 1), (5, 6, 0)]),
        ("3,4;5,6,1", [(3, 4, 1), (5, 6, 1)]),
        ("-1,4", [(-1, 4, 1)]),
        ("3, 4", [(3, 4, 1)]),
        ("3 ,4 , 0", [(3, 4, 0)]),
        ("3, 4; 5, 6, 0;", [(3, 4, 1), (5, 6, 0)]),
        ("3, 4 5, 6", [(3, 4, 1), (5, 6, 1)]),
        ("3,4;\t5,6\n", [(3, 4, 1), (5, 6, 1)]),
    ],
)
def test_text(text: str, clicks: list[tuple[float, float, int]]) -> None:
    assert parse_clicks(text) == clicks


@pytest.mark.parametrize("text", ["", ";", "3", "3 4", "a,b", "3,4,1,1", "3,4,", "3,4, 5,6"])
def test_text_that_is_no_click(text: str) -> None:
    with pytest.raises(ClickError, match=r'is no click; write X,Y .*"320,240 40,60,0"'):
        parse_clicks(text)


@pytest.mark.parametrize("label", ["2", "-1", "0.5", "nan"])
def test_text_with_an_unknown_label(label: str) -> None:
    with pytest.raises(ClickError, match="is not a click label"):
        parse_clicks(f"3,4,{label}")


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value))
    return path


@pytest.mark.parametrize(
    "value",
    [
        [{"x": 3, "y": 4}, {"x": 5, "y": 6, "label": 0}],
        [[3, 4], [5, 6, 0]],
        [
            {"type": "point", "data": [3, 4], "label": 1},
            {"type": "point", "data": [5, 6], "label": 0},
        ],
        {"photo": "a.jpg", "clicks": [{"x": 3, "y": 4, "label": 1}, {"x": 5, "y": 6, "label": 0}]},
    ],
)
def test_every_form_of_file(tmp_path: Path, value: object) -> None:
    assert read_clicks(write(tmp_path / "c.json", value)) == [(3, 4, 1), (5, 6, 0)]


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text("[[3, 4]]", "utf-8-sig")  # as editors on Windows write
    assert read_clicks(path) == [(3, 4, 1)]


def test_several_photos(tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", {"a.jpg": [[1, 2]], "b.jpg": [{"x": 3, "y": 4}]})
    assert read_clicks(path) == {"a.jpg": [(1, 2, 1)], "b.jpg": [(3, 4, 1)]}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "holds no clicks"),
        ({}, "holds no clicks"),
        ({"a.jpg": 3}, "a.jpg: expected a list"),
        ([{"x": 3}], "click 1: x, y and label must be numbers"),
        ([[1, 2], {"x": "3", "y": 4}], "click 2: x, y"),
        ([[1, 2, True]], "must be numbers"),
        ([{"x": 3, "y": 4, "label": 7}], "label 7"),
        ([{"type": "box", "data": [1, 2, 3, 4]}], "only points"),
        ([7], "click 1: expected"),
        ([[10**400, 1]], "click 1: x and y must be pixels"),
        ([[1, 1, 10**400]], "is not a click label"),
    ],
)
def test_json_that_holds_no_clicks(tmp_path: Path, value: object, message: str) -> None:
    with pytest.raises(ClickError, match=message):
        read_clicks(write(tmp_path / "c.json", value))


def test_files_that_are_no_json(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text("[1, 2")
    with pytest.raises(UsageError, match="cannot be read as JSON"):
        read_clicks(path)
    path.write_text("[" * 200_000)
    with pytest.raises(UsageError, match="cannot be read as JSON"):
        read_clicks(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read as JSON"):
        read_clicks(path)
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(UsageError, match="larger than"):
        read_clicks(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_clicks(tmp_path / "none.json")
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(UsageError, match="is a pipe, not a file of clicks: only files are read"):
        read_clicks(tmp_path / "pipe.json")


def test_nan_in_json_reaches_the_click_check(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('[{"x": NaN, "y": 1}]')
    clicks = read_clicks(path)
    assert isinstance(clicks, list)
    assert clicks[0][0] != clicks[0][0]
