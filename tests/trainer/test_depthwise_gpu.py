"""The Triton kernels against PyTorch's convolution: on a GPU, or in Triton's interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

CASES = [  # kernel, stride, dilation, channels, height, width
    (3, 1, 1, 5, 7, 9),
    (3, 2, 1, 4, 8, 7),
    (3, 1, 6, 3, 10, 10),
    (5, 1, 1, 70, 6, 6),
    (5, 2, 1, 70, 8, 8),
    (5, 1, 2, 3, 9, 9),
]
PROGRAM = """
import json, sys, torch
from torch.nn import functional as F
from ioebss.trainer.networks import depthwise_gpu
device = sys.argv[1]
depthwise_gpu.PROGRAMS = 40  # several parts of each sum
torch.manual_seed(0)
differences = []
for k, s, d, c, h, w in json.loads(sys.argv[2]):
    x = torch.randn(2, c, h, w, device=device, requires_grad=True)
    weight = torch.randn(c, 1, k, k, device=device, requires_grad=True)
    found = depthwise_gpu.depthwise(x, weight, s, d)
    expected = F.conv2d(x.double(), weight.double(), None, s, d * (k // 2), d, c)
    slope = torch.randn_like(found)
    pairs = zip(
        (found, *torch.autograd.grad(found, (x, weight), slope)),
        (expected, *torch.autograd.grad(expected, (x, weight), slope.double())), strict=True)
    differences += [float((a - b).abs().max() / b.abs().max()) for a, b in pairs]
print(json.dumps(differences))
"""


def differences(device: str, **environment: str) -> list[float]:
    """In a process of its own: Triton reads its mode when it is imported."""
    command = [sys.executable, "-c", PROGRAM, device, json.dumps(CASES)]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)  # type: ignore[no-any-return]


@pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
def test_the_kernels_are_the_convolution_and_its_gradients() -> None:
    assert max(differences("cpu", TRITON_INTERPRET="1")) < 1e-6


@pytest.mark.gpu
def test_the_kernels_on_a_gpu() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available() or find_spec("triton") is None:
        pytest.skip("torch sees no CUDA device, or Triton is not installed")
    assert max(differences("cuda")) < 1e-6
