"""The kernels on a real GPU against NumPy, bit for bit, and what they take of its memory."""

from __future__ import annotations

import gc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ioebss import BUNDLED, Segmenter, Session
from ioebss.errors import DeviceMemoryError
from ioebss.gpu.eye import DeviceEye
from ioebss.gpu.kernels import Kernels
from ioebss.gpu.pycuda_driver import PyCudaDriver, import_pycuda
from ioebss.gpu.resources import Resources
from ioebss.image_files import read_photo
from ioebss.manifest import read_manifest
from ioebss.windows import Window, Zoom

from .conftest import ConstantNetwork, HostNetwork

pytestmark = pytest.mark.gpu
MakeModel = Callable[..., Path]
PHOTO = np.random.default_rng(5).integers(0, 256, (333, 501, 3), np.uint8)
ZOOM = Zoom(1.5, 1.1, 30, 0.6)
CLICKS = 10_000


class OnGpu:
    """A backend whose eye is the GPU's, with any network."""

    name = "on the GPU"

    def __init__(self, network: object, driver: PyCudaDriver, kernels: Kernels) -> None:
        self._network, self._driver, self._kernels = network, driver, kernels

    def run(self, inputs: np.ndarray) -> np.ndarray:
        raise AssertionError("its eye looks")

    def eye(self, photo: np.ndarray, manifest: object, longest: int | None) -> DeviceEye:
        return DeviceEye(photo, manifest, self._driver, self._kernels, self._network, longest)  # type: ignore[arg-type]


def compare(device: Session, host: Session, seed: int, actions: int) -> None:
    """The same random clicks in both; every mask and logit must be the same."""
    rng = np.random.default_rng(seed)
    with device, host:
        for _ in range(actions):
            if device.clicks and rng.uniform() < 0.25:
                masks = device.undo(), host.undo()
            else:
                x, y = int(rng.uniform(0, host.width)), int(rng.uniform(0, host.height))
                label = int(rng.uniform() < 0.6) if device.clicks else 1
                masks = device.click(x, y, label), host.click(x, y, label)
            np.testing.assert_array_equal(*masks)
            if device.clicks:
                logits = (s._steps[-1].prediction.logits for s in (device, host))
                np.testing.assert_array_equal(*logits)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_it_sees_what_the_host_sees(
    driver: PyCudaDriver, kernels: Kernels, samples: Path, name: str, seed: int
) -> None:
    host = Segmenter(BUNDLED, backend="onnxruntime-cpu", precision="exact", size=160)
    photo = read_photo(samples / f"{name}.jpg")
    backend = OnGpu(HostNetwork(host._backend, driver), driver, kernels)
    device = Session(photo, host.manifest, backend, 160, host.manifest.zoom)
    compare(device, host.open(photo), seed, 12)


def test_a_large_photo(driver: PyCudaDriver, kernels: Kernels) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (3001, 4003, 3), np.uint8)
    host = Segmenter(BUNDLED, backend="onnxruntime-cpu", precision="exact")
    backend = OnGpu(HostNetwork(host._backend, driver), driver, kernels)
    device = Session(photo, host.manifest, backend, None, host.manifest.zoom)
    compare(device, host.open(photo), 0, 4)


def test_a_recorded_click_is_the_same(driver: PyCudaDriver, kernels: Kernels) -> None:
    manifest = read_manifest(BUNDLED)
    device = Session(PHOTO, manifest, OnGpu(ConstantNetwork(driver), driver, kernels), 96)
    eye = device._eye
    host = Session(PHOTO, manifest, ConstantNetwork(), 96)
    for number, (x, y, label) in enumerate([(250, 160, 1), (100, 50, 0), (300, 200, 0)] * 4):
        np.testing.assert_array_equal(device.click(x, y, label), host.click(x, y, label))
        assert bool(eye._looking._graph) == (number > 0)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(device.undo(), host.undo())
    device.close()


def test_ten_thousand_clicks_take_no_more_memory(driver: PyCudaDriver, kernels: Kernels) -> None:
    manifest = read_manifest(BUNDLED)
    device = Session(PHOTO, manifest, OnGpu(ConstantNetwork(driver), driver, kernels), 96, ZOOM)
    rng = np.random.default_rng(0)

    def click(times: int) -> int:
        for number in range(times):
            if number % 50 == 0:
                device.reset()
            label = int(rng.integers(0, 2)) if device.clicks else 1
            device.click(int(rng.integers(0, 501)), int(rng.integers(0, 333)), label)
        with driver.active():
            return int(import_pycuda().mem_get_info()[0])

    before = click(200)
    after = click(CLICKS)
    assert abs(after - before) <= 4 << 20  # what the driver keeps for itself
    device.close()


def test_sessions_come_and_go(driver: PyCudaDriver, kernels: Kernels) -> None:
    manifest = read_manifest(BUNDLED)
    backend = OnGpu(ConstantNetwork(driver), driver, kernels)

    def once(number: int) -> None:
        with Session(PHOTO, manifest, backend, 320) as session:
            session.click(number, 5)
        forgotten = Session(PHOTO, manifest, backend, 320)
        forgotten.click(5, number)

    def free() -> int:
        gc.collect()
        with driver.active():
            return int(import_pycuda().mem_get_info()[0])

    once(0)
    before = free()
    for number in range(100):
        once(number)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(once, range(100)))
    assert abs(free() - before) <= 4 << 20
    assert not driver._memory


def test_out_of_memory(driver: PyCudaDriver) -> None:
    with driver.active(), Resources(driver) as resources:
        before = driver.free_memory()
        with pytest.raises(DeviceMemoryError, match="the GPU's memory is used up"):
            resources.memory(before + (64 << 30))
        pointer = resources.memory(1 << 20)
        assert pointer
        stream = resources.stream()
        array = np.arange(1 << 18, dtype=np.int32)
        driver.upload(pointer, array, stream)
        back = np.empty_like(array)
        driver.download(back, pointer, stream)
        driver.synchronise(stream)
    np.testing.assert_array_equal(back, array)


def test_a_window_of_one_pixel(driver: PyCudaDriver, kernels: Kernels) -> None:
    manifest = read_manifest(BUNDLED)
    photo = np.full((1, 1, 3), 200, np.uint8)
    eye = OnGpu(ConstantNetwork(driver), driver, kernels).eye(photo, manifest, None)
    prediction = eye.look(Window(0, 0, 1, 1), [], None)
    assert eye.mask(prediction).all()
    eye.close()
