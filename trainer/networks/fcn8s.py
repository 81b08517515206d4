"""FCN-8s on VGG-16 (Long et al. 2015): the network of DIOS and of the paper's table 4."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ioebss.trainer.networks.layers import resize_to

VGG16_STAGES = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # (channels, convolutions)
FC_CHANNELS = 4096  # of fc6 and fc7


class FCN8s(nn.Module):
    """VGG-16 made fully convolutional, with skips from strides 8 and 16.

    The published network pads the photo by 100 pixels so that its unpadded 7x7 `fc6` never runs
    dry, and crops afterwards. Here `fc6` is padded by 3 instead: same weights, no lost border,
    any size. Upsampling starts bilinear and is learned, as published.

    Args:
        in_channels: planes of the input; 3 is the literature's.
        width: share of VGG-16's channels; 1 is the literature's, less is for machines without a
            GPU.
    """

    def __init__(self, in_channels: int = 3, width: float = 1.0) -> None:
        super().__init__()
        widths = [max(1, round(full * width)) for full, _ in VGG16_STAGES]
        fc = max(1, round(FC_CHANNELS * width))
        stages: list[nn.Module] = []
        channels = in_channels
        for wide, (_, count) in zip(widths, VGG16_STAGES, strict=True):
            layers: list[nn.Module] = []
            for _ in range(count):
                layers += [nn.Conv2d(channels, wide, 3, padding=1), nn.ReLU(inplace=True)]
                channels = wide
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            stages.append(nn.Sequential(*layers))
        self.stages = nn.ModuleList(stages)
        self.fc = nn.Sequential(
            nn.Conv2d(channels, fc, 7, padding=3),
            nn.ReLU(inplace=True),
            nn.Dropout2d(0.5),
            nn.Conv2d(fc, fc, 1),
            nn.ReLU(inplace=True),
            nn.Dropout2d(0.5),
        )
        self.score32 = nn.Conv2d(fc, 2, 1)
        self.score16 = nn.Conv2d(widths[3], 2, 1)
        self.score8 = nn.Conv2d(widths[2], 2, 1)
        self.up32 = _bilinear_upsampling()
        self.up16 = _bilinear_upsampling()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for score in (self.score32, self.score16, self.score8):
            nn.init.zeros_(score.weight)  # as published: the skips start silent

    def skips(self) -> tuple[tuple[nn.Module, ...], ...]:
        """What FCN-16s and then FCN-8s add to FCN-32s: the scores of the skip, and the upsampling
        that brings the coarser scores to it. As long as these are as they start, the network is an
        FCN-32s whose scores are enlarged bilinearly."""
        return (self.score16, self.up32), (self.score8, self.up16)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 2, H, W): background and foreground scores, before softmax."""
        features, size_of = [], x
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        stride8, stride16 = features[2], features[3]
        scores = self.score32(self.fc(x))
        scores = _crop(self.up32(scores), stride16) + self.score16(stride16)
        scores = _crop(self.up16(scores), stride8) + self.score8(stride8)
        return resize_to(scores, size_of)


def _bilinear_upsampling() -> nn.ConvTranspose2d:
    """A learned 2x upsampling of two score maps that starts as bilinear interpolation."""
    up = nn.ConvTranspose2d(2, 2, 4, stride=2, padding=1, bias=False)
    ramp = torch.tensor([0.25, 0.75, 0.75, 0.25])
    with torch.no_grad():
        up.weight.zero_()
        for channel in range(2):
            up.weight[channel, channel] = torch.outer(ramp, ramp)
    return up


def _crop(x: Tensor, like: Tensor) -> Tensor:
    """Fits x to the size of `like`: pooling rounds up, so upsampling may be a pixel too large."""
    height, width = like.shape[-2:]
    return F.pad(x, (0, width - x.shape[-1], 0, height - x.shape[-2]))
