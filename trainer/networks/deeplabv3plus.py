"""DeepLabv3+ (Chen et al. 2018, "Encoder-Decoder with Atrous Separable Convolution for Semantic
Image Segmentation"): atrous separable spatial pyramid pooling and a small decoder over any
backbone.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ioebss.trainer.networks.efficientnet_lite import EfficientNetLite
from ioebss.trainer.networks.layers import ConvBNReLU, resize_to, separable
from ioebss.trainer.networks.resnet import ResNet
from ioebss.trainer.networks.xception import Xception65

Backbone = ResNet | Xception65 | EfficientNetLite


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: 1x1, three atrous separable 3x3 and image pooling, joined.

    Rates are 6, 12, 18 at output stride 16 and twice that at 8 (Chen et al. 2017, section 3.3), and
    here half of that at 32.
    """

    def __init__(self, in_channels: int, channels: int, output_stride: int) -> None:
        super().__init__()
        rates = [rate * 16 // output_stride for rate in (6, 12, 18)]
        self.branches = nn.ModuleList(
            [
                ConvBNReLU(in_channels, channels),
                *(separable(in_channels, channels, dilation=rate) for rate in rates),
            ]
        )
        self.pool = ImagePooling(in_channels, channels)
        self.project = nn.Sequential(ConvBNReLU(5 * channels, channels), nn.Dropout(0.1))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, h, w) -> (N, channels, h, w)."""
        features = [branch(x) for branch in self.branches]
        features.append(self.pool(x).expand_as(features[0]))
        out: Tensor = self.project(torch.cat(features, dim=1))
        return out


class ImagePooling(nn.Module):
    """The mean over the whole map, through a 1x1 convolution. Returns (N, channels, 1, 1)."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        # A bias in place of batch normalisation: one value per image and channel is too few to
        # normalise at the paper's batch of 4, and impossible at a batch of 1.
        self.conv = nn.Conv2d(in_channels, channels, 1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        out: Tensor = self.relu(self.conv(x.mean((2, 3), keepdim=True)))
        return out


class DeepLabV3Plus(nn.Module):
    """A backbone with `low_channels` and `high_channels`, ASPP, decoder, two output channels.

    Args:
        backbone: returns (stride-4 features, features at the output stride).
        output_stride: 32, 16 or 8.
        aspp_channels: width of the pyramid; 256 in the paper.
        low_channels: width that the stride-4 features are reduced to; 48 in the paper.
        decoder_channels: width of the two separable 3x3 convolutions of the decoder; 256.
    """

    def __init__(
        self,
        backbone: Backbone,
        output_stride: int = 16,
        aspp_channels: int = 256,
        low_channels: int = 48,
        decoder_channels: int = 256,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.aspp = ASPP(backbone.high_channels, aspp_channels, output_stride)
        self.low = ConvBNReLU(backbone.low_channels, low_channels)
        self.decoder = nn.Sequential(
            separable(aspp_channels + low_channels, decoder_channels),
            separable(decoder_channels, decoder_channels),
        )
        self.classifier = nn.Conv2d(decoder_channels, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, 2, H, W): background and foreground scores, before softmax."""
        low, high = self.backbone(x)
        low = self.low(low)
        joined = torch.cat([resize_to(self.aspp(high), low), low], dim=1)
        return resize_to(self.classifier(self.decoder(joined)), x)
