"""`ioebss-doctor` on machines that lack one thing or another."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ioebss import kernels
from ioebss.doctor import images_for
from ioebss.errors import BackendError
from ioebss.gpu import libcuda
from ioebss.processor import eight_bit_dot_products

Command = Callable[..., "subprocess.CompletedProcess[str]"]
FakeDriver = Callable[..., None]


@pytest.fixture
def doctor(command: Command) -> Callable[[], dict[str, dict[str, Any]]]:
    """What the command says, by name."""

    def run() -> dict[str, dict[str, Any]]:
        result = command("ioebss-doctor", "--json")
        assert result.returncode == 0 and result.stderr == "", result.stderr
        report = json.loads(result.stdout)
        assert report["format"] == 1
        return {finding["name"]: finding for finding in report["findings"]}

    return run


Doctor = Callable[[], dict[str, dict[str, Any]]]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Puts a package of this text before all that are installed."""

    def make(name: str, text: str) -> None:
        folder = tmp_path / "packages" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / ("driver.py" if name == "pycuda" else "__init__.py")).write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(folder.parent))

    return make


def test_a_machine_without_a_gpu(doctor: Doctor, command: Command) -> None:
    try:
        libcuda.probe()
    except BackendError:
        pass
    else:
        pytest.skip("there is a GPU here")
    found = doctor()
    assert found["NVIDIA driver"]["state"] == "missing"
    assert "r580" in found["NVIDIA driver"]["remedy"]
    assert found["CUDA kernels"]["details"] == kernels.record()["images"]
    assert "CPUExecutionProvider" in found["ONNX Runtime"]["details"]["providers"]
    model = found["The bundled model"]
    assert model["details"]["backend"] == "onnxruntime-cpu"
    fast = eight_bit_dot_products()
    assert model["details"]["precision"] == ("int8" if fast else "fp32")
    assert found["8-bit CPU"]["details"] == fast
    page = command("ioebss-doctor")
    assert page.returncode == 0
    for finding in found.values():
        assert finding["name"] in page.stdout
    assert "Traceback" not in page.stdout
    assert max(map(len, page.stdout.splitlines())) <= 120


def test_a_machine_with_a_gpu(doctor: Doctor, fake_driver: FakeDriver) -> None:
    fake_driver(capability=90, gpus=2)
    found = doctor()
    assert found["NVIDIA driver"]["text"] == "speaks CUDA 13.0"
    for name in ("GPU 0", "GPU 1"):
        assert found[name]["text"] == "NVIDIA Test, compute capability 9.0, 80 GiB"
    assert found["CUDA kernels"]["text"].endswith("sm_90 fits this GPU")


def test_a_driver_that_is_too_old(doctor: Doctor, fake_driver: FakeDriver) -> None:
    fake_driver(version=12040)
    driver = doctor()["NVIDIA driver"]
    assert driver["state"] == "missing"
    assert "it speaks CUDA 12.4" in driver["text"] and "r580" in driver["remedy"]


def test_a_gpu_that_there_are_no_kernels_for(doctor: Doctor, fake_driver: FakeDriver) -> None:
    fake_driver(capability=61)
    found = doctor()["CUDA kernels"]
    assert found["state"] == "missing"
    assert "none for compute capability 6.1" in found["text"]
    assert "ioebss.kernels.build" in found["remedy"]


def test_broken_libraries_are_findings(doctor: Doctor, package: Callable[[str, str], None]) -> None:
    gpu, rtx, cpu = '"ioebss[gpu]"', "tensorrt-rtx", '"ioebss[cpu]"'
    odd = "import sys; sys.stderr.buffer.write(b'caf\\xe9'); sys.exit(3)"
    broken = (
        ("pycuda", "raise ImportError('libx.so: cannot open')", "pycuda", "libx.so: cannot", gpu),
        ("tensorrt", "import os; os.abort()", "TensorRT", "it crashes (signal 6)", gpu),
        ("tensorrt_rtx", "import sys; sys.exit(3)", "TensorRT-RTX", "exit code 3", rtx),
        ("onnxruntime", odd, "ONNX Runtime", "caf\ufffd", cpu),
    )
    for name, text, *_ in broken:
        package(name, text)
    found = doctor()
    for _, _, shown, said, extra in broken:
        assert found[shown]["state"] == "missing"
        assert said in found[shown]["text"]
        assert f"pip install {extra}" in found[shown]["remedy"]


def test_a_folder_of_a_librarys_name_is_not_the_library(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").write_text("")
    found = doctor()
    assert found["ONNX Runtime"]["state"] == found["The bundled model"]["state"] == "ok"


def test_without_onnxruntime(doctor: Doctor, package: Callable[[str, str], None]) -> None:
    package("onnxruntime", "raise ImportError('no such library')")
    found = doctor()
    assert "no such library" in found["ONNX Runtime"]["text"]
    model = found["The bundled model"]
    assert model["state"] == "missing"
    assert "no inference engine can be used" in model["text"]
    assert model["remedy"] == 'pip install "ioebss[cpu]"'


@pytest.mark.parametrize(
    ("capability", "fitting"),
    [
        ("7.5", ["sm_75"]),
        ("8.9", ["sm_80", "sm_86", "sm_89"]),
        ("8.7", ["sm_80", "sm_86"]),
        ("9.0", ["sm_90"]),
        ("12.1", ["sm_120", "compute_120"]),
        ("13.0", ["compute_120"]),
        ("7.0", []),
    ],
)
def test_images_that_fit(capability: str, fitting: list[str]) -> None:
    images = ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120", "compute_120"]
    assert images_for(capability, images) == fitting
