"""libioebss, built once, and the ONNX Runtime that Python itself uses."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import onnxruntime
import pytest

from .library import Library

SOURCE = Path(__file__).parents[2] / "runtime" / "cpp"
# As FindPath looks for it: a Debian package, a release archive, or what ONNXRUNTIME_ROOT names.
HEADER_FOLDERS = (
    "/usr/include/onnxruntime",
    "/usr/local/include",
    "/usr/local/include/onnxruntime",
)


def run(*command: object, **options: object) -> str:
    """What a command prints; the test fails if the command does."""
    text = list(map(str, command))
    result = subprocess.run(text, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert result.returncode == 0, f"{' '.join(text)}\n{result.stdout}{result.stderr}"
    return str(result.stdout)


@pytest.fixture(scope="session")
def onnxruntime_library() -> Path:
    """The shared library inside the Python package."""
    found = sorted((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so.*"))
    if not found:
        pytest.skip("this onnxruntime package has no libonnxruntime.so")
    return found[0]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which CMake has built the library."""
    if shutil.which("cmake") is None:
        pytest.skip("cmake is not installed")
    root = os.environ.get("ONNXRUNTIME_ROOT", "")
    if not root and not any((Path(f) / "onnxruntime_c_api.h").is_file() for f in HEADER_FOLDERS):
        pytest.skip(
            "no headers of ONNX Runtime: .ci/onnxruntime_headers.sh DIR, ONNXRUNTIME_ROOT=DIR"
        )
    if not any(
        Path(f, "nlohmann/json.hpp").is_file() for f in ("/usr/include", "/usr/local/include")
    ):
        pytest.skip("nlohmann-json3-dev is not installed")
    folder = tmp_path_factory.mktemp("cpp") / "build"
    options = ("-DBUILD_TESTING=OFF", "-DIOEBSS_EXAMPLES=OFF", "-DIOEBSS_WERROR=ON")
    run("cmake", "-B", folder, "-S", SOURCE, f"-DONNXRUNTIME_ROOT={root}", *options)
    run("cmake", "--build", folder, "--parallel", "2")
    return folder


@pytest.fixture(scope="session")
def library(build: Path, onnxruntime_library: Path) -> Library:
    """The library, with the very ONNX Runtime that Python uses."""
    os.environ["IOEBSS_ONNXRUNTIME"] = str(onnxruntime_library)
    return Library(build / "libioebss.so")
