"""Models come to their place all together, and those that were there stay if they cannot."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ioebss.errors import OutputError
from ioebss.export.placing import put_in_place
from ioebss.manifest import read_manifest


def test_a_model_that_cannot_be_written_takes_no_other_with_it(
    make_model: Callable[..., Path], tmp_path: Path
) -> None:
    graph = make_model()
    manifest = read_manifest(graph)
    folder = tmp_path / "models"
    folder.mkdir()
    made = [(tmp_path / f"{name}.onnx", manifest, folder / f"{name}.onnx") for name in "ab"]
    for name in ("a.onnx", "a.json", "b.onnx", "b.json"):
        (folder / name).write_text(f"old {name}")
    shutil.copy(graph, made[0][0])
    with pytest.raises(OutputError, match=r"b\.onnx cannot be written"):  # it was not made
        put_in_place(made)
    assert sorted(path.read_text() for path in folder.iterdir()) == [
        "old a.json",
        "old a.onnx",
        "old b.json",
        "old b.onnx",
    ]
    shutil.copy(graph, made[1][0])
    put_in_place(made)
    assert len(list(folder.iterdir())) == 4
    assert [read_manifest(output) for _, _, output in made] == [manifest, manifest]
