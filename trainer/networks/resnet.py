"""ResNet-18, -34, -50 and -101 (He et al. 2016) as dense feature extractors."""

from __future__ import annotations

from torch import Tensor, nn

from ioebss.trainer.networks.layers import stride_plan

DEPTHS: dict[str, tuple[bool, tuple[int, int, int, int]]] = {
    # name: (bottleneck?, blocks per stage)
    "resnet18": (False, (2, 2, 2, 2)),
    "resnet34": (False, (3, 4, 6, 3)),
    "resnet50": (True, (3, 4, 6, 3)),
    "resnet101": (True, (3, 4, 23, 3)),
}


def _conv_bn(
    in_channels: int, out_channels: int, kernel: int, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    padding = dilation * (kernel - 1) // 2
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, bias=False),
        nn.BatchNorm2d(out_channels),
    )


class Residual(nn.Module):
    """`relu(x + branch(x))`; two 3x3 convolutions, or 1x1-3x3-1x1 in a bottleneck.

    The stride sits in the 3x3 convolution of the bottleneck, as every later implementation has it.

    Args:
        stride: of the first 3x3 convolution.
        first_dilation: of the first 3x3 convolution.
        dilation: of the second one, where there is one.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        bottleneck: bool,
        stride: int,
        first_dilation: int,
        dilation: int,
    ) -> None:
        super().__init__()
        self.out_channels = width * 4 if bottleneck else width
        relu = nn.ReLU(inplace=True)
        if bottleneck:
            self.branch = nn.Sequential(
                _conv_bn(in_channels, width, 1),
                relu,
                _conv_bn(width, width, 3, stride, first_dilation),
                relu,
                _conv_bn(width, self.out_channels, 1),
            )
        else:
            self.branch = nn.Sequential(
                _conv_bn(in_channels, width, 3, stride, first_dilation),
                relu,
                _conv_bn(width, width, 3, 1, dilation),
            )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != self.out_channels:
            self.shortcut = _conv_bn(in_channels, self.out_channels, 1, stride)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        out: Tensor = self.relu(self.branch(x) + self.shortcut(x))
        return out


class ResNet(nn.Module):
    """A ResNet without its classifier.

    Args:
        name: a key of `DEPTHS`.
        in_channels: planes of the input; 3 is the literature's.
        output_stride: 32, or 16 or 8, where the last stages keep their resolution and dilate
            instead (Chen et al. 2017, section 3.1).

    Attributes:
        low_channels: channels of the stride-4 features.
        high_channels: channels of the features at the output stride.
    """

    def __init__(self, name: str, in_channels: int = 3, output_stride: int = 16) -> None:
        super().__init__()
        bottleneck, blocks = DEPTHS[name]
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, 64, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        stages: list[nn.Module] = []
        channels = 64
        plan = stride_plan((1, 2, 2, 2), start=4, output_stride=output_stride)
        for stage, (stride, dilation, first_dilation) in enumerate(plan):
            layers: list[nn.Module] = []
            for index in range(blocks[stage]):
                block = Residual(
                    channels,
                    64 * 2**stage,
                    bottleneck,
                    stride if index == 0 else 1,
                    first_dilation if index == 0 else dilation,
                    dilation,
                )
                channels = block.out_channels
                layers.append(block)
            stages.append(nn.Sequential(*layers))
            if stage == 0:
                self.low_channels = channels
        self.stages = nn.ModuleList(stages)
        self.high_channels = channels
        self._initialise()

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, low_channels, H/4, W/4) and (N, high_channels, H/os, W/os)."""
        low = x = self.stages[0](self.stem(x))
        for stage in list(self.stages)[1:]:
            x = stage(x)
        return low, x
