from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioebss.errors import OutputError
from ioebss.origin_mark import KEY, check_replaceable, write_marked

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.text().filter(lambda name: name != KEY)


@given(st.dictionaries(NAMES, VALUES, max_size=4))
def test_what_was_written_may_be_replaced(
    tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "marked.json"
    path.unlink(missing_ok=True)
    write_marked(path, document)
    read = json.loads(path.read_text("utf-8"))
    assert {key: value for key, value in read.items() if key != KEY} == document
    check_replaceable(path)
    path.write_text(json.dumps(read, indent=4))  # laid out anew, the same
    check_replaceable(path)


@pytest.mark.parametrize("change", [{"more": 1}, {"a": 2}, {KEY: None}, {KEY: {"sha256": "0"}}])
def test_what_was_changed_stays(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "marked.json"
    write_marked(path, {"a": 1})
    text = json.dumps(json.loads(path.read_text()) | change)
    path.write_text(text)
    with pytest.raises(OutputError, match="it stays as it is"):
        write_marked(path, {"a": 3})
    assert path.read_text() == text
    assert [p.name for p in tmp_path.iterdir()] == ["marked.json"]


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_marked(tmp_path, {})


def test_file_names_that_are_no_text(tmp_path: Path) -> None:
    path, name = tmp_path / "marked.json", os.fsdecode(b"caf\xe9.jpg")
    write_marked(path, {"imagePath": name, "label": "猫"})
    read = json.loads(path.read_text("utf-8"))
    assert (read["imagePath"], read["label"]) == (name, "猫")
    check_replaceable(path)
