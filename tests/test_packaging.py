"""What people get who install IOEBSS: the wheel and the source archive hold what they should."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("runtime", "trainer", "calibration", "export", "evaluation", "serving")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel made from the source archive, as `python -m build` does, without leaving traces."""
    source, out = tmp_path_factory.mktemp("tree") / "ioebss", tmp_path_factory.mktemp("dist")
    ignored = shutil.ignore_patterns(
        ".git", ".venv", ".ci-venv", "build", "dist", "*.egg-info", "__pycache__", "runs", "data"
    )
    shutil.copytree(ROOT, source, ignore=ignored)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return out


def source_files() -> set[str]:
    """Every Python file of the rooms, as its path below the import package."""
    names = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            inside = path.relative_to(ROOT / room)
            # A folder that nuclio gets, and the library in C++ with a generator of its tests.
            if (room, inside.parts[0]) in {("serving", "cvat"), ("runtime", "cpp")}:
                continue
            names.add(str(Path("ioebss", "" if room == "runtime" else room, inside)))
    return names


def test_the_wheel(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {n for n in names if n.endswith(".py")} == source_files()
    for needed in (
        "ioebss/py.typed",
        "ioebss/models/default.onnx",
        "ioebss/models/default.json",
        "ioebss/models/default.int8.cpu.onnx",
        "ioebss/models/default.int8.cpu.json",
        "ioebss/models/README.md",
        "ioebss/samples/chelsea.jpg",
        "ioebss/samples/README.md",
        "ioebss/serving/page/index.html",
        "ioebss/serving/page/main.js",
        "ioebss/serving/page/style.css",
        "ioebss/trainer/recipes/paper.toml",
        "ioebss/trainer/recipes/default.toml",
    ):
        assert needed in names
    assert not [n for n in names if "/cpp/" in n]  # the C++ library has an installation of its own
    outside = {n.split("/")[0] for n in names} - {"ioebss"}
    assert all(n.endswith(".dist-info") for n in outside)
    assert any(n.endswith("licenses/LICENSE") for n in names)


def test_the_source_archive(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.split("/", 1)[1] for name in tar.getnames() if "/" in name}
    for path in (
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "pyproject.toml",
        "constraints.txt",
        "tests/conftest.py",
        "serving/cvat/function.yaml",
        "serving/cvat/main.py",
        "tests/runtime/test_planes.py",
        "docs/clicks.png",
        "runtime/models/default.onnx",
        "runtime/cpp/CMakeLists.txt",
        "runtime/cpp/include/ioebss/ioebss.hpp",
        "runtime/cpp/src/session.cpp",
    ):
        assert path in names


def test_metadata_is_lean(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        (name,) = (n for n in file.namelist() if n.endswith("METADATA"))
        text = file.read(name).decode()
    needs = [line for line in text.splitlines() if line.startswith("Requires-Dist")]
    base = {line.split()[1].split(">")[0] for line in needs if "extra ==" not in line}
    assert base == {"numpy", "opencv-python-headless", "pillow"}
    assert "License-Expression: Apache-2.0" in text
