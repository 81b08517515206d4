"""How what is made of a model is called: `mine.onnx`, `mine.fp16.onnx`, `mine.int8.cpu.onnx`,
`mine.int8.trt.onnx`, `mine.tensorrt.engine`, `mine.tensorrt-rtx.engine`.
"""

from __future__ import annotations

from pathlib import Path

from ioebss.atomic import check_parent
from ioebss.engine_files import FLAVOURS, SUFFIX
from ioebss.errors import ModelError, OutputError, UsageError
from ioebss.manifest import manifest_path, read_manifest

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


def check_model_output(output: Path) -> None:
    """Checks that a model can be written here, before the work is done.

    Raises:
        UsageError: it is no .onnx file.
        OutputError: there is no such folder, or the manifest's place holds another JSON file, a
            run's own for example.
    """
    if output.suffix != ONNX:
        raise UsageError(f"{output}: an ONNX model is written as {ONNX}")
    check_parent(output)
    place = manifest_path(output)
    if place.exists():
        try:
            read_manifest(output)
        except ModelError:
            raise OutputError(
                f"{place} exists and is no manifest; choose another name for {output.name}"
            ) from None


def check_engine_output(output: Path) -> None:
    """Checks that an engine can be written here, before the work is done.

    Raises:
        UsageError: it is no .engine file.
        OutputError: there is no such folder.
    """
    if output.suffix != SUFFIX:
        raise UsageError(f"{output}: an engine is written as {SUFFIX}")
    check_parent(output)
