"""How what is made of a model is called: `mine.onnx`, `mine.fp16.onnx`, `mine.int8.cpu.onnx`,
`mine.int8.trt.onnx`, `mine.tensorrt.engine`, `mine.tensorrt-rtx.engine`.
"""

from __future__ import annotations

from pathlib import Path

from ioebss.engine_files import FLAVOURS, SUFFIX
from ioebss.errors import OutputError, UsageError

ONNX = ".onnx"
FP16, CPU, TRT = ".fp16", ".int8.cpu", ".int8.trt"
_ENDINGS = (ONNX, SUFFIX, FP16, CPU, TRT, ".int8", *(f".{flavour}" for flavour in FLAVOURS))


def base_of(path: Path) -> Path:
    """A path without what says in which form the model is: `a/mine.int8.cpu.onnx` -> `a/mine`."""
    name = path.name
    while ending := next((e for e in _ENDINGS if name.endswith(e) and name != e), None):
        name = name.removesuffix(ending)
    return path.with_name(name)


def default_base(source: Path) -> Path:
    """In the current folder, called as the model file or the run's folder is."""
    if source.suffix == ONNX:
        return Path(base_of(source).name)
    folder = source.parent if source.suffix == ".json" else source
    return Path(folder.resolve().name or "model")


def with_ending(base: Path, ending: str) -> Path:
    """`a/mine` -> `a/mine.fp16.onnx`."""
    return base.with_name(base.name + ending)


def check_engine_output(output: Path) -> None:
    """Checks that an engine can be written here, before the work is done.

    Raises:
        UsageError: it is no .engine file.
        OutputError: there is no such folder.
    """
    if output.suffix != SUFFIX:
        raise UsageError(f"{output}: an engine is written as {SUFFIX}")
    if not output.parent.is_dir():
        raise OutputError(f"{output.parent} is not a folder; make it first")
