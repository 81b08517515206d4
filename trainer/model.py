"""The network with its input contract: raw channels in, scores out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ioebss.click_planes import DISTANCES
from ioebss.trainer.networks import NetworkSpec, build_network

PIXEL_MEAN, PIXEL_STD = 127.0, 128.0  # as the packaged ImageNet weights were trained with


class ClickModel(nn.Module):
    """Normalises the colour channels and runs the network of a spec.

    Input: float32 (N, C, H, W): red, green, blue in 0..255, positive and negative planes in {0, 1}
    (or, where the spec says so, distances in 0..255, normalised as the colours are), and with six
    channels the previous mask's foreground probability in 0..1.
    Output: (N, 2, H, W), background and foreground scores before softmax.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        self.network = build_network(spec)
        wide = 5 if spec.planes == DISTANCES else 3  # channels in 0..255
        others = spec.in_channels - wide
        scale = torch.tensor([1 / PIXEL_STD] * wide + [1.0] * others)
        shift = torch.tensor([-PIXEL_MEAN / PIXEL_STD] * wide + [0.0] * others)
        self.register_buffer("scale", scale.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        scores: Tensor = self.network(x * self.scale + self.shift)
        return scores


def foreground_logits(scores: Tensor) -> Tensor:
    """Foreground minus background score: (N, 2, H, W) -> (N, 1, H, W). Foreground is > 0."""
    return scores[:, 1:2] - scores[:, 0:1]
