"""A model, loaded: the door to everything."""

from __future__ import annotations

from numbers import Integral
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.backends import AUTO
from ioebss.backends.onnxruntime_graph import MAX_THREADS
from ioebss.choice import open_model, read_model_manifest
from ioebss.errors import UsageError
from ioebss.image_files import as_photo
from ioebss.manifest import MAX_SIDE, Manifest
from ioebss.model_bytes import ModelBytes, Source
from ioebss.precision import cpu_int8_path
from ioebss.session import Session

BUNDLED = Path(__file__).parent / "models" / "default.onnx"
BUNDLED_INT8 = cpu_int8_path(BUNDLED)  # about half the time on CPUs with VNNI


class Segmenter:
    """Turns clicks on photos into masks.

    A segmenter holds no photo: `open` makes a `Session` for each. It may be shared by threads.

    Args:
        model: an ONNX file or an engine with its manifest beside it, or the bytes of an ONNX file
            and its manifest (`ModelBytes`); None takes the bundled model.
        backend: "auto", or the name of an engine (`ioebss.backends.BACKENDS`), which is then never
            replaced by another.
        precision: "auto" may run what lies beside a float32 ONNX file and was made from it: an
            engine, or on CPUs with 8-bit dot products `NAME.int8.cpu.onnx`. "exact" runs the very
            file that is named, and "fp32" and "int8" run nothing of another precision. A file that
            is no float32 ONNX file is always run itself.
        threads: CPU threads of the network; None takes what IOEBSS_THREADS says, else leaves it to
            the engine.
        size: longer side of the network's input in pixels, a multiple of the manifest's
            `size_multiple`; None takes the recommended one.
        zoom: look at the object closely, where the manifest says how; False always looks at the
            whole photo.
        flip: average each prediction with that of the mirrored input: a little better, twice the
            time.

    Attributes:
        manifest: what is known about the model in use.
        model: path of the file in use, or the bytes that were given.
        precision: it is in: "fp32", "fp16" or "int8".
        backend: name of the engine in use.
        reasons: why the engines before it were refused, and why this file is in use; a line each.
        size: longer side of the network's input in pixels.
        zoom: how it zooms in, or None.
        flip: whether mirrored predictions are averaged in.

    Raises:
        ModelError: the model or its manifest is missing, damaged, or they do not fit each other.
        BackendError: no engine can be used, or not the one asked for.
        UsageError: unknown backend or precision, a precision that the file named is not in, or a
            size that the model does not take.
    """

    def __init__(
        self,
        model: str | Path | ModelBytes | None = None,
        *,
        backend: str = AUTO,
        precision: str = AUTO,
        threads: int | None = None,
        size: int | None = None,
        zoom: bool = True,
        flip: bool = False,
    ) -> None:
        source = _source_of(model)
        named = read_model_manifest(source)
        whole = isinstance(threads, Integral)
        if threads is not None and not (whole and 1 <= threads <= MAX_THREADS):
            raise UsageError(f"threads = {threads!r}; it must be 1 to {MAX_THREADS}")
        self.size = _checked_size(named, size)
        loaded = open_model(source, named, self.size, backend, precision, threads)
        self._backend = loaded.backend
        self.manifest, self.model, self.reasons = loaded.manifest, loaded.path, loaded.reasons
        self.precision = loaded.manifest.precision
        self.backend = loaded.backend.name
        self.zoom = loaded.manifest.zoom if zoom else None
        self.flip = flip

    def open(self, photo: str | Path | NDArray[np.uint8]) -> Session:
        """Prepares a photo for clicking.

        Args:
            photo: path of a photo (see `ioebss.image_files.read_photo`), or RGB uint8 (H, W, 3).

        Raises:
            ImageError: the file cannot be read, or the array is no RGB photo.
        """
        pixels = as_photo(photo)
        return Session(pixels, self.manifest, self._backend, self.size, self.zoom, self.flip)


def _source_of(model: str | Path | ModelBytes | None) -> Source:
    if model is None:
        return BUNDLED
    return model if isinstance(model, ModelBytes) else Path(model)


def _checked_size(manifest: Manifest, size: int | None) -> int:
    step, fixed = manifest.size_multiple, manifest.fixed_size
    if size is None:
        return max(fixed or manifest.recommended_sizes[:1])
    if fixed is not None and size != max(fixed):
        raise UsageError(f"this model takes {fixed[1]}x{fixed[0]} only; leave size out")
    if not isinstance(size, Integral) or not 0 < size <= MAX_SIDE or size % step:
        raise UsageError(f"size = {size!r}; it must be a multiple of {step} up to {MAX_SIDE}")
    return size
