"""Aligned Xception-65 as Chen et al. 2018 (figure 4) changed it: deeper middle flow, strides in
place of pooling, batch normalisation and ReLU after every depthwise convolution.

As in Xception (Chollet 2017, figure 5), ReLU stands before each separable convolution of a block
with a shortcut, so that what is added to the shortcut may be negative; in the last block it stands
after each.
"""

from __future__ import annotations

from torch import Tensor, nn

from ioebss.trainer.networks.depthwise import DepthwiseConv2d
from ioebss.trainer.networks.layers import ConvBNReLU, separable, stride_plan

MIDDLE_BLOCKS = 16


def _preactivated(
    in_channels: int, out_channels: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """ReLU, then a separable 3x3 convolution whose output is not rectified."""
    return nn.Sequential(
        nn.ReLU(),  # not in place: the shortcut and the decoder read the same features
        DepthwiseConv2d(in_channels, 3, stride, dilation),
        nn.BatchNorm2d(in_channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
    )


class XceptionBlock(nn.Module):
    """Three separable convolutions beside a shortcut; the stride is in the third.

    Args:
        channels: output channels of the three convolutions.
        shortcut: "conv" (1x1, strided), "identity", or "none" for the block that ends the network.
    """

    def __init__(
        self,
        in_channels: int,
        channels: tuple[int, int, int],
        stride: int = 1,
        dilation: int = 1,
        shortcut: str = "conv",
    ) -> None:
        super().__init__()
        first, second, third = channels
        unit = separable if shortcut == "none" else _preactivated
        self.first = unit(in_channels, first, dilation=dilation)
        self.second = unit(first, second, dilation=dilation)
        self.third = unit(second, third, stride, dilation)
        self.shortcut: nn.Module | None = None
        if shortcut == "conv":
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, third, 1, stride, bias=False), nn.BatchNorm2d(third)
            )
        elif shortcut == "identity":
            self.shortcut = nn.Identity()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The block's output, and the features before its stride."""
        before = self.second(self.first(x))
        out = self.third(before)
        if self.shortcut is not None:
            out = out + self.shortcut(x)
        return out, before


class Xception65(nn.Module):
    """Aligned Xception-65 without its classifier.

    Attributes:
        low_channels: channels of the stride-4 features (256: the second entry block before its
            stride, where DeepLabv3+ takes them).
        high_channels: 2048.
    """

    low_channels = 256
    high_channels = 2048

    def __init__(self, in_channels: int = 3, output_stride: int = 16) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            ConvBNReLU(in_channels, 32, 3, stride=2),
            ConvBNReLU(32, 64, 3),
        )
        # Strides of the three entry blocks, the middle flow and the first exit block.
        plan = stride_plan((2, 2, 2, 1, 2, 1), start=2, output_stride=output_stride)
        entry: list[nn.Module] = []
        channels = 64
        for width, (stride, _, first_dilation) in zip((128, 256, 728), plan[:3], strict=True):
            entry.append(XceptionBlock(channels, (width,) * 3, stride, first_dilation))
            channels = width
        self.entry = nn.ModuleList(entry)
        self.middle = nn.ModuleList(
            XceptionBlock(728, (728,) * 3, 1, plan[3][1], "identity") for _ in range(MIDDLE_BLOCKS)
        )
        self.exit = nn.ModuleList(
            [
                XceptionBlock(728, (728, 1024, 1024), plan[4][0], plan[4][2]),
                XceptionBlock(1024, (1536, 1536, 2048), 1, plan[5][1], "none"),
            ]
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, 256, H/4, W/4) and (N, 2048, H/os, W/os)."""
        x, _ = self.entry[0](self.stem(x))
        x, low = self.entry[1](x)
        for block in (*list(self.entry)[2:], *self.middle, *self.exit):
            x, _ = block(x)
        return low, x
