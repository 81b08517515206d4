"""The Triton kernels against PyTorch's convolution, in Triton's interpreter; tests/gpu runs them
on a GPU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("depthwise_differences.py")


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
def test_the_kernels_are_the_convolution_and_its_gradients() -> None:
    environment = {**os.environ, "TRITON_INTERPRET": "1"}
    result = subprocess.run(
        [sys.executable, PROGRAM, "cpu"], capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert len(found) == 12
    for name, differences in found.items():
        # NaN is not below anything. Of bfloat16 the interpreter cuts off all but 8 bits.
        bound = 1 / 128 if "bfloat16" in name else 1e-6
        assert all(difference < bound for difference in differences), (name, differences)
