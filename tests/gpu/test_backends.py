"""Engines on a real GPU: built, run, compared with the CPU's masks; and the order of backends."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ioebss import BUNDLED, Segmenter
from ioebss.backends import BACKENDS
from ioebss.engine_files import TENSORRT, TENSORRT_RTX
from ioebss.errors import BackendError, IoebssError, MissingExtraError, ModelError
from ioebss.gpu.libcuda import Gpu
from ioebss.image_files import read_photo
from ioebss.overlap import iou

pytestmark = pytest.mark.gpu
BuildEngine = Callable[..., Path]
CURRENT = "current"  # the GPU that is here
# What NVIDIA's support matrix of TensorRT-RTX names; others may work.
RTX_GPUS = ("7.5", "8.0", "8.6", "8.9", "12.0", "12.1")
CLICKS = {
    "chelsea": [(230, 110, 1), (100, 290, 1), (420, 20, 0)],
    "coffee": [(300, 200, 1), (130, 90, 0), (310, 210, 1)],
}


def same_masks(segmenter: Segmenter, samples: Path, least: float) -> None:
    """Against the same float32 file on the CPU."""
    host = Segmenter(BUNDLED, backend="onnxruntime-cpu", precision="exact")
    for name, clicks in CLICKS.items():
        photo = read_photo(samples / f"{name}.jpg")
        with segmenter.open(photo) as session, host.open(photo) as reference:
            for click in clicks:
                masks = session.click(*click), reference.click(*click)
                assert iou(*masks, np.ones(photo.shape[:2], bool)) >= least
            assert iou(session.undo(), reference.undo(), np.ones(photo.shape[:2], bool)) >= least


def test_onnxruntime_cuda(gpu: Gpu, samples: Path) -> None:
    try:
        segmenter = Segmenter(BUNDLED, backend="onnxruntime-cuda", precision="exact")
    except BackendError as error:
        pytest.skip(str(error))
    same_masks(segmenter, samples, 0.98)  # its convolutions may use TF32
    inputs = np.random.default_rng(0).random((2, 6, 96, 128), np.float32)
    assert segmenter._backend.run(inputs).shape == (2, 1, 96, 128)


@pytest.mark.parametrize(
    ("flavour", "capability"),
    [(TENSORRT, ()), (TENSORRT_RTX, ()), (TENSORRT_RTX, (CURRENT,))],
)
def test_an_engine(
    gpu: Gpu, samples: Path, build_engine: BuildEngine, flavour: str, capability: tuple[str, ...]
) -> None:
    try:
        engine = build_engine(flavour, capability)
        segmenter = Segmenter(engine, backend=flavour)
    except MissingExtraError as error:
        pytest.skip(str(error))
    except (BackendError, ModelError) as error:
        if flavour == TENSORRT_RTX and gpu.compute_capability not in RTX_GPUS:
            pytest.skip(f"TensorRT-RTX is not made for {gpu.compute_capability}: {error}")
        raise
    same_masks(segmenter, samples, 0.98)
    photo = read_photo(samples / "chelsea.jpg")

    def clicks(number: int) -> bytes:
        with segmenter.open(photo) as session:
            for click in CLICKS["chelsea"]:
                mask = session.click(*click)
        return mask.tobytes()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(clicks, range(8)))) == 1


def test_the_order(gpu: Gpu) -> None:
    segmenter = Segmenter()
    names = [reason.partition(":")[0] for reason in segmenter.reasons]
    assert names == list(BACKENDS)[: len(names)]
    assert segmenter.backend == names[-1]
    for name, reason in zip(names[:-1], segmenter.reasons, strict=False):
        with pytest.raises(IoebssError) as refusal:  # by name it is refused for the same reason
            Segmenter(backend=name)
        assert str(refusal.value) in reason
