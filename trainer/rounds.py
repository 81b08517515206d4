"""The rounds of clicks on one batch: between two network calls, a click at each photo's error."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ioebss import simulation
from ioebss.planes import draw


@dataclass
class RoundState:
    """A batch in the middle of its rounds.

    Attributes:
        image: uint8 (N, 3, S, S).
        planes: uint8 (N, 2, S, S), changed in place by `add_corrections`.
        previous: float32 (N, 1, S, S), the last round's foreground probability; zero before.
        mask, void: bool (N, S, S).
        position: int64 (N), seeds the corrections.
    """

    image: Tensor
    planes: Tensor
    previous: Tensor
    mask: Tensor
    void: Tensor
    position: Tensor

    @classmethod
    def start(cls, batch: dict[str, Tensor]) -> RoundState:
        """The state before the first network call on a collated batch."""
        mask = batch["mask"]
        previous = torch.zeros(mask.shape[0], 1, *mask.shape[1:])
        return cls(
            batch["image"], batch["planes"], previous, mask, batch["void"], batch["position"]
        )

    def inputs(self, channels: int, device: torch.device) -> Tensor:
        """The network's input, float32 (N, channels, S, S), channels_last."""
        parts = [self.image.float(), self.planes.float()]
        if channels == 6:
            parts.append(self.previous)
        joined = torch.cat(parts, dim=1)
        return joined.to(device, memory_format=torch.channels_last)

    def add_corrections(self, probability: Tensor, radius: int, seed: tuple[int, ...]) -> None:
        """Feeds the prediction back and clicks once on each photo's error.

        Args:
            probability: (N, S, S), the foreground probability just predicted.
            radius: of the disc.
            seed: (seed, epoch, round); with the sample's position it determines the click.
        """
        self.previous = probability.detach().float().cpu().unsqueeze(1)
        for i in range(self.mask.shape[0]):
            rng = np.random.default_rng([*seed, int(self.position[i])])
            click = simulation.correction_click(
                self.previous[i, 0].numpy() > 0.5,
                self.mask[i].numpy(),
                ~self.void[i].numpy(),
                rng,
            )
            if click:
                draw(self.planes[i].numpy(), click.x, click.y, click.label, radius)
