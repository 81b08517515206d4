from __future__ import annotations

from pathlib import Path

import pytest

from ioebss.errors import OutputError, UsageError
from ioebss.export import cli
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


@pytest.mark.parametrize(
    ("options", "onnx", "engine"),
    [
        (["m.onnx", "--fp16"], "m.fp16.onnx", None),
        (["--fp16"], "default.fp16.onnx", None),
        (["m.onnx", "--fp16", "-o", "a/x.onnx"], "a/x.onnx", None),
        (["m.onnx", "--engine", "auto"], None, "m.tensorrt.engine"),
        (["m.fp16.onnx", "--engine", "auto", "-o", "a/x.engine"], None, "a/x.engine"),
        (["m.onnx", "--fp16", "--engine", "auto"], "m.fp16.onnx", "m.tensorrt.engine"),
        (
            ["m.onnx", "--fp16", "--engine", "auto", "-o", "a/x.engine"],
            "a/x.fp16.onnx",
            "a/x.engine",
        ),
        (
            ["m.onnx", "--fp16", "--engine", "auto", "-o", "a/x.onnx"],
            "a/x.fp16.onnx",
            "a/x.tensorrt.engine",
        ),
        (["runs/r", "--fp16"], "r.fp16.onnx", None),
    ],
)
def test_outputs(
    options: list[str],
    onnx: str | None,
    engine: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").mkdir()
    arguments = cli._parser().parse_args(options)
    cli._check(arguments)
    if onnx:
        assert cli._onnx_output(arguments, ".fp16") == Path(onnx)
    if engine:
        assert cli._engine_output(arguments, "tensorrt") == Path(engine)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["m.onnx", "--fp16", "-o", "x.engine"], r"x\.engine: the file must be named \.onnx"),
        (["m.onnx", "--engine", "auto", "-o", "x.onnx"], r"x\.onnx: .* named \.engine"),
        (["runs/r", "--engine", "auto", "-o", "x.plan"], r"named \.onnx or \.engine"),
        (["runs/r", "--mean-iou", "0.9"], "--mean-iou goes with --fp16, --int8 or --engine"),
        (["m.onnx", "--fp16", "--max-batch", "0"], "--max-batch goes with --engine"),
        ([], "the bundled model is exported already"),
    ],
)
def test_what_is_refused(options: list[str], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        cli._check(cli._parser().parse_args(options))
