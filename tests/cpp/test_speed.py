"""The benchmark of libioebss: its numbers hang together. How large they are is not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import run

COMMAND = (sys.executable, "-m", "ioebss.evaluation.cpp_speed")


def test_measuring(build: Path, onnxruntime_library: Path, tmp_path: Path) -> None:
    run("cmake", build, "-DIOEBSS_BENCHMARKS=ON", "-DIOEBSS_EXAMPLES=ON")
    run("cmake", "--build", build, "--parallel", "2")
    if not (build / "examples" / "click_to_mask").is_file():
        pytest.skip("libpng-dev or libjpeg-dev is not installed")
    output = tmp_path / "speed.json"
    few = ("--clicks", 3, "--starts", 2, "--output", output)
    run(*COMMAND, build, "--onnxruntime", onnxruntime_library, *few)
    results = json.loads(output.read_text("utf-8"))
    for photo in ("512x512", "12 megapixels"):
        times = results["clicks"][photo]
        assert times["n"] == 3
        assert 0 < times["network"] < times["whole"]
        assert times["share"] == pytest.approx(times["rest"] / times["whole"], abs=1e-3)
    assert results["first_mask"]["n"] == 2
    assert min(results["first_mask"][n] for n in ("click_to_mask", "ioebss-run")) > 0


def test_a_build_that_is_not_there(tmp_path: Path) -> None:
    command = [*COMMAND, str(tmp_path), "--onnxruntime", "none.so", "--output", str(tmp_path / "x")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "does not run" in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "x").exists()
    for option in ("--clicks", "--starts", "--threads"):
        result = subprocess.run(
            [*command, option, "0"], capture_output=True, text=True, check=False
        )
        assert result.returncode == 2 and f"{option} 0: it must be 1 or more" in result.stderr
