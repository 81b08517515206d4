"""The networks, one file each, and the one function that builds them by name."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from ioebss.click_planes import DISCS, KINDS
from ioebss.errors import UsageError
from ioebss.trainer.networks import efficientnet_lite, resnet
from ioebss.trainer.networks.deeplabv3plus import Backbone, DeepLabV3Plus
from ioebss.trainer.networks.fcn8s import FCN8s
from ioebss.trainer.networks.xception import Xception65

BACKBONES = (*resnet.DEPTHS, "xception65", *efficientnet_lite.SCALES)
ARCHITECTURES = ("deeplabv3plus", "fcn8s")


@dataclass(frozen=True)
class NetworkSpec:
    """Everything needed to build a network; stored with every checkpoint.

    Attributes:
        architecture: one of `ARCHITECTURES`.
        backbone: one of `BACKBONES`; `fcn8s` takes "vgg16".
        in_channels: 5 (RGB, positive, negative) or 6 (and the previous mask).
        output_stride: 8, 16 or 32; DeepLabv3+ only, as are the channels below.
        planes: what clicks are drawn as: "discs", or "distances" as in DIOS.
        width: share of VGG-16's channels, 0 to 1; `fcn8s` only.
    """

    architecture: str = "deeplabv3plus"
    backbone: str = "resnet101"
    in_channels: int = 5
    output_stride: int = 16
    aspp_channels: int = 256
    low_channels: int = 48
    decoder_channels: int = 256
    planes: str = DISCS
    width: float = 1.0

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise UsageError(
                f"network.architecture is {self.architecture!r}; "
                f"choose one of {', '.join(ARCHITECTURES)}"
            )
        known = ("vgg16",) if self.architecture == "fcn8s" else BACKBONES
        if self.backbone not in known:
            raise UsageError(
                f"network.backbone is {self.backbone!r}; choose one of {', '.join(known)}"
            )
        if self.in_channels not in (5, 6):
            raise UsageError(f"network.in_channels is {self.in_channels}; it must be 5 or 6")
        if self.planes not in KINDS:
            raise UsageError(f"network.planes is {self.planes!r}; choose one of {', '.join(KINDS)}")
        if not 0 < self.width <= 1 or (self.width != 1 and self.architecture != "fcn8s"):
            raise UsageError(f"network.width is {self.width}; fcn8s takes 0 to 1, all others 1")
        for name in ("aspp_channels", "low_channels", "decoder_channels"):
            if getattr(self, name) < 1:
                raise UsageError(f"network.{name} is {getattr(self, name)}; it must be at least 1")
        if self.output_stride not in (8, 16, 32):
            raise UsageError(f"network.output_stride is {self.output_stride}; take 8, 16 or 32")


def build_backbone(name: str, in_channels: int, output_stride: int) -> Backbone:
    """A backbone of `BACKBONES`, randomly initialised."""
    if name in resnet.DEPTHS:
        return resnet.ResNet(name, in_channels, output_stride)
    if name in efficientnet_lite.SCALES:
        return efficientnet_lite.EfficientNetLite(name, in_channels, output_stride)
    return Xception65(in_channels, output_stride)


def build_network(spec: NetworkSpec) -> nn.Module:
    """The network of a spec, randomly initialised: (N, in_channels, H, W) -> (N, 2, H, W)."""
    if spec.architecture == "fcn8s":
        return FCN8s(spec.in_channels, spec.width)
    return DeepLabV3Plus(
        build_backbone(spec.backbone, spec.in_channels, spec.output_stride),
        spec.output_stride,
        spec.aspp_channels,
        spec.low_channels,
        spec.decoder_channels,
    )


def load_imagenet(network: nn.Module, spec: NetworkSpec) -> None:
    """Fills the backbone with packaged ImageNet weights, in place.

    Raises:
        UsageError: no weights are published for this backbone.
        MissingExtraError, ModelError: see `efficientnet_lite.imagenet_weights`.
    """
    weights = efficientnet_lite.imagenet_weights(spec.backbone)
    efficientnet_lite.load_imagenet(network.get_submodule("backbone"), weights)
