"""How far the Triton kernels are from PyTorch's convolution and its gradients in float64.

    python depthwise_differences.py DEVICE

A program of its own: Triton reads its mode when it is imported. It prints JSON: for each case the
greatest differences of the output and of both gradients, over the greatest value.
"""

from __future__ import annotations

import json
import sys

import torch
from torch.nn import functional as F

from ioebss.trainer.networks import depthwise_gpu

CASES = [  # kernel, stride, dilation, channels, height, width
    (3, 1, 1, 5, 7, 9),
    (3, 2, 1, 4, 8, 7),
    (3, 1, 6, 3, 10, 10),
    (5, 1, 1, 70, 6, 6),
    (5, 2, 1, 70, 8, 8),
    (5, 1, 2, 3, 19, 21),  # several steps of each part
    (3, 1, 1, 1, 5, 6),
    (5, 2, 1, 4, 1, 1),
]


def differences(
    case: tuple[int, ...], dtype: torch.dtype, layout: torch.memory_format, device: str
) -> list[float]:
    kernel, stride, dilation, channels, height, width = case
    x = torch.randn(2, channels, height, width, device=device, dtype=dtype, requires_grad=True)
    weight = torch.randn(
        channels, 1, kernel, kernel, device=device, dtype=dtype, requires_grad=True
    )
    found = depthwise_gpu.depthwise(x, weight, stride, dilation)
    padding = dilation * (kernel // 2)
    expected = F.conv2d(x.double(), weight.double(), None, stride, padding, dilation, channels)
    slope = torch.randn_like(found).contiguous(memory_format=layout)
    pairs = zip(
        (found, *torch.autograd.grad(found, (x, weight), slope)),
        (expected, *torch.autograd.grad(expected, (x, weight), slope.double())),
        strict=True,
    )
    return [float((a.double() - b.double()).abs().max() / b.abs().max()) for a, b in pairs]


def main() -> None:
    depthwise_gpu.PROGRAMS = 200  # several parts of each sum, of 5x5 kernels too
    torch.manual_seed(0)
    found = {}
    for dtype, layout, cases in (
        (torch.float32, torch.channels_last, CASES),
        (torch.float32, torch.contiguous_format, CASES[1:5:3]),
        (torch.bfloat16, torch.channels_last, CASES[1:5:3]),
    ):
        for case in cases:
            name = f"{dtype} {layout} {case}"
            found[name] = differences(case, dtype, layout, sys.argv[1])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
