"""The rounds of clicks on one batch: between two network calls, a click at each photo's error."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ioebss.click_planes import DISCS
from ioebss.trainer.corrections import corrections, draw_corrections


@dataclass
class RoundState:
    """A batch in the middle of its rounds, on the device that trains.

    Attributes:
        image: uint8 (N, 3, S, S).
        planes: (N, 2, S, S) as in `ClickSamples`, changed in place by `add_corrections`.
        previous: float32 (N, 1, S, S), the last round's foreground probability; before, the mask
            that the sample starts from, or zero.
        mask, void: bool (N, S, S).
        position: int64 (N), seeds the corrections; on the CPU.
    """

    image: Tensor
    planes: Tensor
    previous: Tensor
    mask: Tensor
    void: Tensor
    position: Tensor

    @classmethod
    def start(cls, batch: dict[str, Tensor], device: torch.device) -> RoundState:
        """The state before the first network call on a collated batch."""
        names = ("image", "planes", "previous", "mask", "void")
        there = {name: batch[name].to(device, non_blocking=True) for name in names}
        there["previous"] = there["previous"][:, None].float()
        return cls(**there, position=batch["position"])

    def inputs(self, channels: int) -> Tensor:
        """The network's input, float32 (N, channels, S, S), channels_last."""
        parts = [self.image.float(), self.planes.float()]
        if channels == 6:
            parts.append(self.previous)
        return torch.cat(parts, dim=1).contiguous(memory_format=torch.channels_last)

    def add_corrections(
        self,
        probability: Tensor,
        radius: int,
        seed: tuple[int, ...],
        coarse: float = 0.0,
        kind: str = DISCS,
    ) -> None:
        """Feeds the prediction back and clicks once on each photo's error.

        Args:
            probability: (N, S, S), the foreground probability just predicted.
            radius: of the disc.
            seed: (seed, epoch, round); with the sample's position it determines the click.
            coarse: probability that the prediction is fed back coarse, and no click is added.
            kind: of the planes, one of `ioebss.click_planes.KINDS`.
        """
        seeds = ([*seed, int(position)] for position in self.position)
        chances = torch.from_numpy(np.stack([np.random.default_rng(s).random(3) for s in seeds]))
        blurred = chances[:, 0] < coarse
        self._feed_back(probability, blurred, chances[:, 1])
        chance = chances[:, 2].to(self.mask.device)
        clicks = corrections(probability > 0.5, self.mask, ~self.void, chance)
        clicks = replace(clicks, found=clicks.found & ~blurred.to(self.mask.device))
        draw_corrections(self.planes, clicks, kind, radius)

    def _feed_back(self, probability: Tensor, blurred: Tensor, chance: Tensor) -> None:
        """Makes the prediction the previous mask, coarse where `blurred`, bool (N) on the CPU."""
        device = self.mask.device
        self.previous = probability.detach().float().unsqueeze(1).clone()
        if blurred.any():
            rows = blurred.nonzero()[:, 0].to(device)
            sides = _coarse_side(chance[blurred], self.mask.shape[-1]).to(device)
            self.previous[rows, 0] = coarsened(self.previous[rows, 0], sides)


def _coarse_side(chance: Tensor, side: int) -> Tensor:
    """A half to an eighth of the side, log-uniformly: float64 (N) in 0..1 -> int64 (N)."""
    return (side * 2 ** -(1 + 2 * chance)).round().clamp(min=2).long()


def coarsened(probability: Tensor, sides: Tensor) -> Tensor:
    """As if predicted at a lower resolution: averaged over the pixels that each of its pixels
    covers, then interpolated linearly between their centres.

    Args:
        probability: (N, S, S).
        sides: int64 (N), the resolution of each, below S.
    """
    side = probability.shape[-1]
    # In float64: in float32 the border of a coarse pixel misses that of a fine one, and the weights
    # of hundreds of pixels do not add up to 1.
    scale = (sides.double() / side)[:, None, None]  # coarse pixels in a fine one
    pixel = torch.arange(side, device=probability.device)
    cell = torch.arange(int(sides.max()), device=probability.device)
    ends = torch.minimum((cell[:, None] + 1) / scale, pixel + 1)
    covered = (ends - torch.maximum(cell[:, None] / scale, pixel)).clamp(min=0) * scale
    place = (pixel[:, None] + 0.5) * scale - 0.5
    place = torch.minimum(place.clamp(min=0), (sides - 1)[:, None, None])
    weight = (1 - (place - cell).abs()).clamp(min=0)
    there_and_back = weight @ covered
    result = there_and_back @ probability.double() @ there_and_back.mT
    return result.to(probability.dtype)
