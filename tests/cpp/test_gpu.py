"""An engine that Python has built and runs on a real GPU, run by C++: the same masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ioebss import Segmenter
from ioebss.engine_files import FLAVOURS
from ioebss.errors import BackendError, MissingExtraError, ModelError
from ioebss.gpu.libcuda import require_gpu
from ioebss.image_files import read_photo
from ioebss.overlap import iou

from .library import BACKEND, MISSING_LIBRARY, MODEL, CppError, Library

pytestmark = pytest.mark.gpu
CLICKS = {
    "chelsea": [(230, 110, 1), (100, 290, 1), (420, 20, 0)],
    "coffee": [(300, 200, 1), (130, 90, 0), (310, 210, 1)],
}


@pytest.fixture(autouse=True)
def gpu() -> None:
    try:
        require_gpu()
    except BackendError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_an_engine(
    library: Library, build_engine: Callable[..., Path], samples: Path, flavour: str
) -> None:
    try:
        engine = build_engine(flavour)
        python = Segmenter(engine, backend=flavour)
    except (MissingExtraError, BackendError, ModelError) as error:
        pytest.skip(f"Python does not run it either, see tests/gpu: {error}")
    try:
        model = library.open(engine, backend=flavour.encode())
    except CppError as error:
        if error.status == MISSING_LIBRARY or "is not built into" in str(error):
            pytest.skip(f"give TENSORRT_ROOT, a folder with include/NvInfer.h: {error}")
        raise
    assert model.text("backend") == flavour
    for name, clicks in CLICKS.items():
        photo = read_photo(samples / f"{name}.jpg")
        everywhere = np.ones(photo.shape[:2], bool)
        session = model.session(photo)
        with python.open(photo) as reference:
            for click in clicks * 3:  # recorded in a CUDA graph where the window stays
                # Kernels of TensorRT-RTX may still change while it compiles better ones.
                assert iou(session.click(*click), reference.click(*click), everywhere) >= 0.99
            assert iou(session.undo(), reference.undo(), everywhere) >= 0.99


def test_a_truncated_engine(
    library: Library, build_engine: Callable[..., Path], samples: Path
) -> None:
    try:
        engine = build_engine("tensorrt-rtx")
    except (BackendError, ModelError) as error:
        pytest.skip(str(error))
    engine.write_bytes(engine.read_bytes()[:-100])
    with pytest.raises(CppError) as refusal:
        library.open(engine, backend=b"tensorrt-rtx")
    if "is not built into" in str(refusal.value):
        pytest.skip(f"give TENSORRT_ROOT, a folder with include/NvInfer.h: {refusal.value}")
    assert "is not the file that" in str(refusal.value)
    assert refusal.value.status in (BACKEND, MODEL)
