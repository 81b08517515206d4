from __future__ import annotations

from pathlib import Path

import pytest

from ioebss.atomic import TEMPORARY, write_atomically, write_together
from ioebss.errors import OutputError


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_of_several_files_none_comes_before_all_are_written(tmp_path: Path) -> None:
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_text("old")

    def full(temporary: Path) -> None:
        assert first.read_text() == "old"
        raise OSError(28, "No space left on device")

    with pytest.raises(OutputError, match=r"b\.txt cannot be written: No space left"):
        write_together([(first, lambda t: t.write_text("new")), (second, full)])
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.txt": "old"}
    write_together([(p, lambda t: t.write_text("new")) for p in (first, second)])
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"a.txt": "new", "b.txt": "new"}


def test_the_temporary_file_has_the_suffix_and_the_result_the_usual_mode(tmp_path: Path) -> None:
    names = []
    write_atomically(tmp_path / "a.png", lambda t: (names.append(t.name), t.write_text("x")))
    assert names[0].startswith(TEMPORARY) and names[0].endswith(".png")
    plain = tmp_path / "plain"
    plain.write_text("x")
    assert (tmp_path / "a.png").stat().st_mode == plain.stat().st_mode


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written: No such file"):
        write_atomically(tmp_path / "none" / "a.txt", lambda t: t.write_text("x"))


def test_a_name_as_long_as_names_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("写" * 83 + "ab.png")  # 255 bytes
    write_atomically(path, lambda t: t.write_text("x"))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
