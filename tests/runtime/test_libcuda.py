"""What is asked of the driver before anything is loaded that needs one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ioebss.errors import BackendError
from ioebss.gpu import libcuda

FakeDriver = Callable[..., None]


def test_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libcuda, "LIBRARY", "libnodriver.so.1")
    with pytest.raises(BackendError, match=r"no NVIDIA driver: .* install NVIDIA driver r580"):
        libcuda.probe()


def test_no_library_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = tmp_path / "libcuda.so.1"
    text.write_text("a stub")
    monkeypatch.setattr(libcuda, "LIBRARY", str(text))
    with pytest.raises(BackendError, match="no NVIDIA driver"):
        libcuda.require_gpu()


def test_a_gpu(fake_driver: FakeDriver) -> None:
    fake_driver(version=13020, gpus=2, capability=121)
    gpu = libcuda.Gpu("NVIDIA Test", "12.1", 80 << 30)
    assert libcuda.probe() == libcuda.System((13, 2), (gpu, gpu))
    assert libcuda.require_gpu() == gpu


def test_a_driver_that_is_too_old(fake_driver: FakeDriver) -> None:
    fake_driver(version=12080)
    assert libcuda.probe().version == (12, 8)
    with pytest.raises(
        BackendError, match=r"too old: it speaks CUDA 12\.8, 13\.0 is needed; .*580"
    ):
        libcuda.require_gpu()


@pytest.mark.parametrize("answers", [{"init": 100}, {"gpus": 0}])
def test_no_gpu(fake_driver: FakeDriver, answers: dict[str, int]) -> None:
    fake_driver(**answers)
    with pytest.raises(BackendError, match="sees no GPU; see nvidia-smi"):
        libcuda.require_gpu()


@pytest.mark.parametrize(
    ("code", "name"), [(803, r"CUDA_ERROR_SYSTEM_DRIVER_MISMATCH \(803\)"), (999, "CUDA error 999")]
)
def test_a_driver_that_does_not_start(fake_driver: FakeDriver, code: int, name: str) -> None:
    fake_driver(init=code)
    with pytest.raises(BackendError, match=f"does not start: {name}; .*reboot"):
        libcuda.probe()
