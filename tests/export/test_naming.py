from __future__ import annotations

from pathlib import Path

import pytest

from ioebss.errors import OutputError, UsageError
from ioebss.export.naming import base_of, check_engine_output, default_base, with_ending


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("a/mine.onnx", "a/mine"),
        ("a/mine.fp16.onnx", "a/mine"),
        ("mine.int8.cpu.onnx", "mine"),
        ("mine.int8.trt.onnx", "mine"),
        ("mine.int8.onnx", "mine"),
        ("mine.tensorrt-rtx.engine", "mine"),
        ("mine.fp16.tensorrt.engine", "mine"),
        ("mine.v2.onnx", "mine.v2"),
        ("mine", "mine"),
        (".onnx", ".onnx"),
    ],
)
def test_bases(name: str, base: str) -> None:
    assert base_of(Path(name)) == Path(base)


def test_default_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_base(Path("models/mine.fp16.onnx")) == Path("mine")
    assert default_base(Path("runs/mine")) == Path("mine")
    assert default_base(Path("runs/mine/weights.json")) == Path("mine")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert default_base(Path()) == Path("here")
    assert with_ending(Path("a/mine.v2"), ".fp16.onnx") == Path("a/mine.v2.fp16.onnx")


def test_outputs_of_engines(tmp_path: Path) -> None:
    check_engine_output(tmp_path / "a.engine")
    with pytest.raises(UsageError, match=r"written as \.engine"):
        check_engine_output(tmp_path / "a.plan")
    with pytest.raises(OutputError, match="is not a folder; make it first"):
        check_engine_output(tmp_path / "none" / "a.engine")
