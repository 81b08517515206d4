"""A model, loaded: the door to everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.backends import AUTO, open_backend
from ioebss.errors import ImageError, ModelError, UsageError
from ioebss.image_files import MAX_PIXELS, read_photo
from ioebss.manifest import MAX_SIDE, check_graph, read_manifest
from ioebss.session import Session

BUNDLED = Path(__file__).parent / "models" / "default.onnx"
BUNDLED_INT8 = BUNDLED.with_name("default.int8.cpu.onnx")  # about half the time on CPUs with VNNI


class Segmenter:
    """Turns clicks on photos into masks.

    A segmenter holds no photo: `open` makes a `Session` for each. It may be shared by threads.

    Args:
        model: an ONNX file with its manifest beside it; None takes the bundled model.
        backend: "auto", or the name of an engine (`ioebss.backends.BACKENDS`).
        threads: CPU threads of the network; None leaves it to the engine.
        size: longer side of the network's input in pixels, a multiple of the manifest's
            `size_multiple`; None takes the recommended one.
        zoom: look at the object closely, where the manifest says how; False always looks at the
            whole photo.
        flip: average each prediction with that of the mirrored input: a little better, twice the
            time.

    Attributes:
        manifest: what is known about the model.
        backend: name of the engine in use.
        size: longer side of the network's input in pixels.
        zoom: how it zooms in, or None.
        flip: whether mirrored predictions are averaged in.

    Raises:
        ModelError: the model or its manifest is missing, damaged, or they do not fit each other.
        BackendError: no engine can be used, or not the one asked for.
        UsageError: unknown backend, or a size that the model does not take.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        backend: str = AUTO,
        threads: int | None = None,
        size: int | None = None,
        zoom: bool = True,
        flip: bool = False,
    ) -> None:
        path = BUNDLED if model is None else Path(model)
        if not path.is_file():
            raise ModelError(f"{path} does not exist: no such model file")
        self.manifest = read_manifest(path)
        self.zoom = self.manifest.zoom if zoom else None
        self.flip = flip
        check_graph(path, self.manifest)
        self.size = self._checked_size(size)
        if threads is not None and threads < 1:
            raise UsageError(f"threads = {threads}; it must be at least 1")
        self._backend = open_backend(path, self.manifest, backend, threads)
        self.backend = self._backend.name

    def open(self, photo: str | Path | NDArray[np.uint8]) -> Session:
        """Prepares a photo for clicking.

        Args:
            photo: path of a photo (see `ioebss.image_files.read_photo`), or RGB uint8 (H, W, 3).

        Raises:
            ImageError: the file cannot be read, or the array is no RGB photo.
        """
        if isinstance(photo, str | Path):
            photo = read_photo(photo)
        elif not isinstance(photo, np.ndarray) or photo.dtype != np.uint8:
            kind = getattr(photo, "dtype", type(photo).__name__)
            raise ImageError(f"a photo is a path or a uint8 array, not {kind}")
        elif photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
            raise ImageError(f"a photo array has shape (height, width, 3), not {photo.shape}")
        elif photo.shape[0] * photo.shape[1] > MAX_PIXELS:
            raise ImageError(f"the photo has more than {MAX_PIXELS} pixels; scale it down")
        return Session(photo, self.manifest, self._backend, self.size, self.zoom, self.flip)

    def _checked_size(self, size: int | None) -> int:
        step, fixed = self.manifest.size_multiple, self.manifest.fixed_size
        if size is None:
            return max(fixed or self.manifest.recommended_sizes[:1])
        if fixed is not None and size != max(fixed):
            raise UsageError(f"this model takes {fixed[1]}x{fixed[0]} only; leave size out")
        if not 0 < size <= MAX_SIDE or size % step:
            raise UsageError(f"size = {size}; it must be a multiple of {step} up to {MAX_SIDE}")
        return size
