"""The kernels, compiled for the host."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ioebss import kernels
from ioebss.gpu import libcuda


def compile_host(source: Path, output: Path, *options: str) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler here")
    command = [compiler, "-std=c++17", "-O2", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror"]
    command += [*options, f"-I{kernels.FOLDER}", str(source), "-o", str(output)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="session")
def host_kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The very kernels of the fatbin, run by one thread of the host: each is a function that takes
    the address of a `Look`."""
    library = tmp_path_factory.mktemp("kernels") / "host.so"
    compile_host(kernels.FOLDER / "host.cpp", library, "-shared", "-fPIC")
    return ctypes.CDLL(str(library))


@pytest.fixture(scope="session")
def driver_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `libcuda.so.1` that answers as the environment says; see `probe.cpp`."""
    library = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    source = Path(__file__).parents[2] / "runtime" / "cpp" / "tests" / "driver" / "probe.cpp"
    compile_host(source, library, "-shared", "-fPIC")
    return library


@pytest.fixture
def fake_driver(driver_library: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts that library in the driver's place; keywords set what it answers."""

    def install(**answers: int) -> None:
        monkeypatch.setattr(libcuda, "LIBRARY", str(driver_library))
        monkeypatch.setenv("LD_LIBRARY_PATH", str(driver_library.parent))  # for commands
        for name, value in answers.items():
            monkeypatch.setenv(f"TEST_CUDA_{name.upper()}", str(value))

    return install
