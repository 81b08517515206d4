"""The rounds of clicks on one batch: between two network calls, a click at each photo's error."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from ioebss import simulation
from ioebss.click_planes import DISCS, add_click


@dataclass
class RoundState:
    """A batch in the middle of its rounds.

    Attributes:
        image: uint8 (N, 3, S, S).
        planes: (N, 2, S, S) as in `ClickSamples`, changed in place by `add_corrections`.
        previous: float32 (N, 1, S, S), the last round's foreground probability; before, the mask
            that the sample starts from, or zero.
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
        previous = batch["previous"][:, None].float()
        return cls(
            batch["image"],
            batch["planes"],
            previous,
            batch["mask"],
            batch["void"],
            batch["position"],
        )

    def inputs(self, channels: int, device: torch.device) -> Tensor:
        """The network's input, float32 (N, channels, S, S), channels_last."""
        parts = [self.image.float(), self.planes.float()]
        if channels == 6:
            parts.append(self.previous)
        joined = torch.cat(parts, dim=1)
        return joined.to(device, memory_format=torch.channels_last)

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
        self.previous = probability.detach().float().cpu().unsqueeze(1).clone()
        with ThreadPoolExecutor(min(self.mask.shape[0], os.cpu_count() or 1)) as pool:
            # OpenCV and NumPy let other threads run; a GPU would wait long for them one by one.
            count = range(len(self.mask))
            list(pool.map(lambda i: self._correct(i, kind, radius, seed, coarse), count))

    def _correct(
        self, i: int, kind: str, radius: int, seed: tuple[int, ...], coarse: float
    ) -> None:
        rng = np.random.default_rng([*seed, int(self.position[i])])
        if rng.random() < coarse:
            self.previous[i, 0] = _coarsened(self.previous[i, 0], rng)
            return
        prediction = self.previous[i, 0].numpy() > 0.5
        valid = ~self.void[i].numpy()
        click = simulation.correction_click(prediction, self.mask[i].numpy(), valid, rng)
        if click:
            add_click(kind, self.planes[i].numpy(), click, radius)


def _coarsened(probability: Tensor, rng: np.random.Generator) -> Tensor:
    """As if predicted at a half to an eighth of the resolution: (S, S) -> (S, S)."""
    side = probability.shape[-1]
    small = max(2, round(side * float(np.exp(-rng.uniform(np.log(2), np.log(8))))))
    values = cv2.resize(probability.numpy(), (small, small), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(cv2.resize(values, (side, side), interpolation=cv2.INTER_LINEAR))
