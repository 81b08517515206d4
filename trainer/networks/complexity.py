"""Parameters and multiply-adds of the networks beside the literature's figures.

`python -m ioebss.trainer.networks.complexity` prints the tables of docs/networks.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ioebss.trainer.networks import BACKBONES, build_backbone
from ioebss.trainer.networks.deeplabv3plus import DeepLabV3Plus
from ioebss.trainer.networks.fcn8s import FCN8s

SIZE = 513  # Chen et al. 2018 and Wang et al. 2020
VOC_CLASSES, IMAGENET_CLASSES = 21, 1000
LITE_HEAD = 1280  # channels of the 1x1 convolution before an EfficientNet-Lite's classifier

# name: (size, million parameters, billion multiply-adds) of the published classifiers. ResNets: the
# model tables of torchvision (parameters, GFLOPS); EfficientNet-Lite: Tan's README.
CLASSIFIERS = {
    "resnet18": (224, 11.689512, 1.814),
    "resnet34": (224, 21.797672, 3.664),
    "resnet50": (224, 25.557032, 4.089),
    "resnet101": (224, 44.549160, 7.801),
    "efficientnet_lite0": (224, 4.7, 0.407),
    "efficientnet_lite1": (240, 5.4, 0.631),
    "efficientnet_lite2": (260, 6.1, 0.899),
    "efficientnet_lite3": (280, 8.2, 1.44),
    "efficientnet_lite4": (300, 13.0, 2.64),
}
# name: published figure of the whole network at 513x513, three channels, 21 classes.
SEGMENTERS = {
    "xception65": "54.17 GMACs (Chen et al. 2018, table 5)",
    "vgg16": "134 M (Long et al. 2015, table 1)",
}


@dataclass(frozen=True)
class Complexity:
    """What a network costs.

    Attributes:
        parameters: trainable values; the statistics of batch normalisation are none.
        macs: multiply-adds of convolutions and transposed convolutions for one image. Biases,
            normalisation, activations, pooling and resizing are not counted.
    """

    parameters: int
    macs: int


def complexity(network: nn.Module, channels: int, height: int, width: int) -> Complexity:
    """Counts a network for one image of (channels, height, width).

    Nothing is computed if the network is on the "meta" device; it is left in evaluation mode.
    """
    device = next(network.parameters()).device
    with _counted(network.eval()) as macs, torch.no_grad():
        network(torch.empty(1, channels, height, width, device=device))
    return Complexity(sum(p.numel() for p in network.parameters()), sum(macs))


@contextmanager
def _counted(network: nn.Module) -> Iterator[list[int]]:
    """While it is open, each call of a convolution appends its multiply-adds to the list."""
    macs: list[int] = []

    def convolution(module: nn.Conv2d, args: tuple[Tensor, ...], out: Tensor) -> None:
        # Every output value takes one multiply-add per weight of its filter.
        macs.append(out.numel() * module.weight[0].numel())

    def transposed(module: nn.ConvTranspose2d, args: tuple[Tensor, ...], out: Tensor) -> None:
        # Every input value is spread by the filters of all outputs of its group.
        macs.append(args[0].numel() * module.weight[0].numel())

    handles = []
    for module in network.modules():
        if isinstance(module, nn.ConvTranspose2d):
            handles.append(module.register_forward_hook(transposed))
        elif isinstance(module, nn.Conv2d):
            handles.append(module.register_forward_hook(convolution))
    try:
        yield macs
    finally:
        for handle in handles:
            handle.remove()


class Classifier(nn.Module):
    """A backbone with the ImageNet classifier that the literature counts with it.

    The fully connected layer is a 1x1 convolution on the pooled features: the same weights and
    multiply-adds. Input (N, 3, H, W), output (N, 1000, 1, 1).
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.backbone = build_backbone(name, 3, 32)
        channels = int(self.backbone.high_channels)
        self.head: nn.Module = nn.Identity()
        if name.startswith("efficientnet_lite"):
            self.head = nn.Sequential(
                nn.Conv2d(channels, LITE_HEAD, 1, bias=False), nn.BatchNorm2d(LITE_HEAD)
            )
            channels = LITE_HEAD
        self.scores = nn.Conv2d(channels, IMAGENET_CLASSES, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the 1000 classes."""
        _, high = self.backbone(x)
        out: Tensor = self.scores(self.head(high).mean((2, 3), keepdim=True))
        return out


def with_classes(network: nn.Module, classes: int) -> nn.Module:
    """The network with its two score channels replaced by one for each class, in place."""
    if isinstance(network, DeepLabV3Plus):
        network.classifier = nn.Conv2d(network.classifier.in_channels, classes, 1)
    elif isinstance(network, FCN8s):
        for name in ("score32", "score16", "score8"):
            setattr(network, name, nn.Conv2d(getattr(network, name).in_channels, classes, 1))
        for name in ("up32", "up16"):
            up = nn.ConvTranspose2d(classes, classes, 4, stride=2, padding=1, bias=False)
            setattr(network, name, up)
    return network


def classifier_table() -> str:
    """Markdown: the backbones as ImageNet classifiers beside the published figures."""
    lines = [
        "| backbone | size | M parameters | published | GMACs | published |",
        "|---|---|---|---|---|---|",
    ]
    for name, (size, parameters, macs) in CLASSIFIERS.items():
        with torch.device("meta"):
            ours = complexity(Classifier(name), 3, size, size)
        lines.append(
            f"| {name} | {size} | {ours.parameters / 1e6:.3f} | {parameters:.6g} "
            f"| {ours.macs / 1e9:.3f} | {macs:.6g} |"
        )
    return "\n".join(lines)


def segmenter_table() -> str:
    """Markdown: the whole networks at 513x513, as the literature has them and as they are used."""
    lines = [
        "| network | M parameters, 3 channels, 21 classes | GMACs | published "
        "| M parameters, 5 channels, 2 classes | GMACs |",
        "|---|---|---|---|---|---|",
    ]
    for name in (*BACKBONES, "vgg16"):
        title = "FCN-8s, vgg16" if name == "vgg16" else f"DeepLabv3+, {name}"
        figures = []
        for channels, classes in ((3, VOC_CLASSES), (5, 2)):
            ours = _segmenter(name, channels, classes)
            figures.append(f"{ours.parameters / 1e6:.2f} | {ours.macs / 1e9:.2f}")
        lines.append(f"| {title} | {figures[0]} | {SEGMENTERS.get(name, '')} | {figures[1]} |")
    return "\n".join(lines)


def _segmenter(name: str, channels: int, classes: int) -> Complexity:
    with torch.device("meta"):
        if name == "vgg16":
            network: nn.Module = FCN8s(channels)
        else:
            network = DeepLabV3Plus(build_backbone(name, channels, 16))
        return complexity(with_classes(network, classes), channels, SIZE, SIZE)


def main() -> None:
    """Prints both tables."""
    print(f"{classifier_table()}\n\n{segmenter_table()}")


if __name__ == "__main__":
    main()
