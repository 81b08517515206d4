"""Which file of a model a CPU runs: the float32 one, or the 8-bit one that was made from it.

In 8 bits a model is several times smaller and, where the processor has 8-bit dot products, faster;
its masks are nearly the same (`ioebss-export --int8` proves it before it writes the file).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ioebss.errors import ModelError, UsageError
from ioebss.model_bytes import ModelBytes, Source
from ioebss.processor import eight_bit_dot_products

if TYPE_CHECKING:
    from ioebss.manifest import Manifest

AUTO = "auto"  # what is fast here and proven: other files and engines made from the one named
EXACT = "exact"  # the very file that is named, whatever lies beside it
FP32, INT8 = "fp32", "int8"
CHOICES = (AUTO, EXACT, FP32, INT8)


@dataclass(frozen=True)
class Chosen:
    """A file to run.

    Attributes:
        path: of the file, or what is run from memory.
        manifest: its own.
        why: it was chosen, in words.
    """

    path: Source
    manifest: Manifest
    why: str


def cpu_int8_path(model: Path) -> Path:
    """Where the 8-bit file for CPUs of a float32 model lies."""
    return model.with_suffix(".int8.cpu.onnx")


def check_precision(precision: str, model: Source, manifest: Manifest) -> None:
    """Checks that a precision can be asked for with this model.

    Raises:
        UsageError: unknown, or the file named is in another precision already.
    """
    if precision not in CHOICES:
        raise UsageError(f"no precision {precision!r}; choose one of {', '.join(CHOICES)}")
    own = manifest.precision
    if precision in (FP32, INT8) and own not in (FP32, precision):
        raise UsageError(
            f"{model} is in {own}, it cannot run in {precision}; name the float32 file it was made "
            "from, or leave the precision out"
        )
    if precision == INT8 and own == FP32 and isinstance(model, ModelBytes):
        raise UsageError(
            f"{model} is in {own}, and no 8-bit file lies beside it; take the bytes of that file"
        )


def named_file(model: Source, manifest: Manifest, precision: str) -> Chosen | None:
    """The file that is named, where nothing else may be taken for it: it was asked for exactly, or
    it is a float32 model's counterpart in another precision itself. None where others may."""
    if precision == EXACT:
        return Chosen(model, manifest, f"exactly {model.name} was asked for")
    if manifest.precision != FP32:
        return Chosen(model, manifest, f"{model.name} is in {manifest.precision} itself")
    return None


def file_for_cpu(model: Source, manifest: Manifest, precision: str) -> Chosen:
    """The file that a CPU runs.

    Args:
        model: the ONNX file that is named, or a model in memory.
        manifest: its manifest.
        precision: one of `CHOICES`.

    Raises:
        ModelError: 8 bits were asked for, and there is no file, or it is not made from this one.
    """
    if named := named_file(model, manifest, precision):
        return named
    if isinstance(model, ModelBytes):
        return Chosen(model, manifest, f"float32: nothing lies beside {model}")
    if precision == FP32:
        return Chosen(model, manifest, "float32 was asked for")
    if precision == INT8:
        path = cpu_int8_path(model)
        return Chosen(path, _counterpart(path, model, manifest), "8 bits were asked for")
    return _automatic(model, manifest)


def _automatic(model: Path, manifest: Manifest) -> Chosen:
    """The 8-bit file where it is there, is this model's, and is fast."""
    path = cpu_int8_path(model)
    if not path.is_file():
        return Chosen(model, manifest, f"float32: no {path.name} lies beside it")
    flag = eight_bit_dot_products()
    if flag is None:
        why = "float32: this processor is not known to have 8-bit dot products (VNNI)"
        return Chosen(model, manifest, why)
    try:
        lower = _counterpart(path, model, manifest)
    except ModelError as error:
        return Chosen(model, manifest, f"float32: {error}")
    return Chosen(path, lower, f"8 bits: {path.name}, as the processor has {flag}")


def _counterpart(path: Path, model: Path, manifest: Manifest) -> Manifest:
    """The manifest of an 8-bit file, checked to be this model's.

    Raises:
        ModelError: it is missing, damaged, or was made from another model.
    """
    from ioebss.manifest import check_graph, read_manifest  # with NumPy: commands begin without

    words = ["ioebss-export", str(model), "--int8", "--calibration", "DATA", "-o", str(model)]
    remedy = f"{shlex.join(words)} makes it, of photos and masks in DATA"
    if not path.is_file():
        raise ModelError(f"{path} does not exist; {remedy}")
    lower = read_manifest(path)
    check_graph(path, lower)
    quantisation = lower.training.get("quantisation")
    source = quantisation.get("from") if isinstance(quantisation, dict) else None
    if lower.precision != INT8 or source != manifest.sha256:
        raise ModelError(f"{path.name} is not made from {model.name} as it is now; {remedy}")
    return lower
