"""Depthwise convolution whose gradients are fast, on CPUs (here) and on GPUs (`depthwise_gpu`).

PyTorch's CPU kernels run depthwise 3x3 convolutions fast, but the gradients of strided, dilated or
5x5 ones fall back to code that is 10 to 30 times slower: more than half of the time of a training
step of EfficientNet-Lite. Here those gradients are put together from the fast cases alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

logger = logging.getLogger("ioebss")
# Beyond it the interleaved images are mostly padding, and PyTorch's own gradients are faster.
MAX_DILATION = 8
# What Triton's kernels add up in float32 without losing anything.
GPU_DTYPES = (torch.float16, torch.bfloat16, torch.float32)
Convolution = Callable[[Tensor, Tensor, int, int], Tensor]  # input, weight, stride, dilation


class DepthwiseConv2d(nn.Conv2d):
    """`nn.Conv2d` with `groups == in_channels`, no bias and "same" padding for stride 1.

    Args:
        channels: input and output channels.
        kernel: 3 or 5.
    """

    def __init__(self, channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(
            channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False
        )

    def forward(self, input: Tensor) -> Tensor:
        """(N, channels, H, W) -> (N, channels, H / stride, W / stride), rounded up."""
        device = input.device.type
        if device not in ("cpu", "cuda"):  # the meta device knows no autocast
            return super().forward(input)
        x: Tensor = input
        weight: Tensor = self.weight
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
            x, weight = x.to(dtype), weight.to(dtype)
        compute = self._fast(device, x.dtype)
        if compute is None:
            return super().forward(input)
        with torch.autocast(device, enabled=False):
            return compute(x, weight, self.stride[0], self.dilation[0])

    def _fast(self, device: str, dtype: torch.dtype) -> Convolution | None:
        """What computes it here; None leaves it to PyTorch. On a GPU that is Triton's also where no
        gradient is needed: validation and the rounds that only click are part of training."""
        if device == "cuda":
            return _on_gpu() if dtype in GPU_DTYPES else None
        gradients = self.training and torch.is_grad_enabled()
        return _Depthwise.apply if gradients and self.dilation[0] <= MAX_DILATION else None


@cache
def _on_gpu() -> Convolution | None:
    """Triton's kernels, where it is installed (torch for CUDA brings it on Linux) and works."""
    try:
        from ioebss.trainer.networks.depthwise_gpu import depthwise
    except ImportError as error:
        _warn(error)
        return None
    return _tried(depthwise, "cuda")


def _tried(compute: Convolution, device: str) -> Convolution | None:
    """The function, if it works on a pixel: Triton compiles what launches its kernels with a C
    compiler and Python's headers, which a slim machine does not have."""
    try:
        with torch.no_grad():
            one = torch.ones(1, 1, 1, 1, device=device)
            compute(one, torch.ones(1, 1, 3, 3, device=device), 1, 1)
    except Exception as error:  # libraries' own errors share no base class but Exception
        _warn(error)
        return None
    return compute


def _warn(error: Exception) -> None:
    reason = " ".join(str(error).split())[:300] or type(error).__name__
    logger.warning("depthwise convolutions are PyTorch's own, and slower: Triton: %s", reason)


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, dilation: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.dilation = stride, dilation
        padding = dilation * (weight.shape[-1] // 2)
        return F.conv2d(x, weight, None, stride, padding, dilation, weight.shape[0])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, weight = ctx.saved_tensors
        (grad,) = grads
        return (
            _input_gradient(grad, weight, x.shape, ctx.stride, ctx.dilation),
            _weight_gradient(grad, x, weight.shape[-1], ctx.stride, ctx.dilation),
            None,
            None,
        )


def _input_gradient(
    grad: Tensor, weight: Tensor, shape: torch.Size, stride: int, dilation: int
) -> Tensor:
    """The forward convolution with the kernel turned round, over the gradient spread to stride
    1.
    """
    if stride > 1:
        spread = torch.empty(shape, dtype=grad.dtype, memory_format=torch.channels_last).zero_()
        spread[:, :, ::stride, ::stride] = grad
        grad = spread
    padding = dilation * (weight.shape[-1] // 2)
    return F.conv2d(grad, weight.flip(2, 3), None, 1, padding, dilation, weight.shape[0])


def _weight_gradient(grad: Tensor, x: Tensor, kernel: int, stride: int, dilation: int) -> Tensor:
    """Put together from 3x3 blocks of taps, each an undilated 3x3 weight gradient.

    A dilated convolution is an undilated one over each of the dilation^2 interleaved sub-images.
    The 25 taps of a 5x5 kernel are four 3x3 blocks that overlap in the middle row and column.
    """
    if dilation > 1:  # always with stride 1
        x, grad = _interleaved(x, dilation), _interleaved(grad, dilation)
    if kernel == 3:
        return _weight_gradient_3x3(grad, x, stride, padding=1)
    half = kernel // 2
    rows, columns = (stride * (size - 1) + 3 for size in grad.shape[-2:])
    padded = F.pad(x, (half, half, half, half))
    result = x.new_empty(x.shape[1], 1, kernel, kernel)
    for top in range(0, kernel - 2, 2):
        for left in range(0, kernel - 2, 2):
            window = padded[:, :, top : top + rows, left : left + columns]
            window = window.contiguous(memory_format=torch.channels_last)
            block = _weight_gradient_3x3(grad, window, stride, padding=0)
            result[:, :, top : top + 3, left : left + 3] = block
    return result


def _weight_gradient_3x3(grad: Tensor, x: Tensor, stride: int, padding: int) -> Tensor:
    channels = x.shape[1]
    weight = x.new_empty(channels, 1, 3, 3)  # only its shape is read
    gradients = torch.ops.aten.convolution_backward(
        grad,
        x,
        weight,
        [0],
        [stride, stride],
        [padding, padding],
        [1, 1],
        False,
        [0, 0],
        channels,
        [False, True, False],
    )
    result: Tensor = gradients[1]
    return result


def _interleaved(x: Tensor, step: int) -> Tensor:
    """(N, C, H, W) -> (step^2 N, C, H/step, W/step): every step-th row and column, from each start,
    zero-padded where step does not divide the size."""
    count, channels, height, width = x.shape
    x = F.pad(x, (0, -width % step, 0, -height % step))
    rows, columns = x.shape[2] // step, x.shape[3] // step
    x = x.reshape(count, channels, rows, step, columns, step).permute(3, 5, 0, 1, 2, 4)
    x = x.reshape(step * step * count, channels, rows, columns)
    return x.contiguous(memory_format=torch.channels_last)
