"""Pieces that several networks share."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from ioebss.trainer.networks.depthwise import DepthwiseConv2d


def stride_plan(
    strides: Sequence[int], start: int, output_stride: int
) -> list[tuple[int, int, int]]:
    """Turns strides into dilations once the output stride is reached.

    Args:
        strides: the stride of each stage as the classifier has it.
        start: the stride of the input of the first stage.
        output_stride: 8, 16 or 32.

    Returns:
        For each stage (stride, dilation, dilation of its first block). The first block of a stage
        that lost its stride still sees its input at the former spacing, hence its own dilation.
    """
    plan = []
    current, dilation = start, 1
    for stride in strides:
        first = dilation
        if current * stride > output_stride:
            dilation *= stride
            stride = 1
        current *= stride
        plan.append((stride, dilation, first))
    return plan


class ConvBNReLU(nn.Sequential):
    """Convolution without bias, batch normalisation, ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1
    ) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )


def separable(
    in_channels: int, out_channels: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Atrous separable 3x3 convolution (Chen et al. 2018, section 3.1): depthwise, then pointwise,
    each with batch normalisation and ReLU."""
    return nn.Sequential(
        DepthwiseConv2d(in_channels, 3, stride, dilation),
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        ConvBNReLU(in_channels, out_channels),
    )


def resize_to(x: Tensor, like: Tensor) -> Tensor:
    """Bilinear resize to the height and width of `like` (half-pixel centres)."""
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)
