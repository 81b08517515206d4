"""Training samples: (image, planes, mask, void), each reproducible from (seed, epoch, position)
alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ioebss import simulation
from ioebss.click_planes import DISCS, click_planes
from ioebss.clicks import Click
from ioebss.trainer.damage import damaged
from ioebss.trainer.datasets.scene import SceneDataset
from ioebss.trainer.datasets.transforms import (
    Target,
    choose_target,
    fit,
    jitter_colours,
    paste,
    random_crop,
)
from ioebss.trainer.dios_clicks import dios_clicks
from ioebss.trainer.recipe import DIOS, Recipe

MIN_VISIBLE = 50  # pixels of the object that a crop must hold
ATTEMPTS = 4
MAX_PASTED = 3  # objects pasted into one photo


class ClickSamples(Dataset[dict[str, Tensor]]):
    """The samples of one epoch.

    An item is a dict of
        image: uint8 (3, S, S), RGB;
        planes: (2, S, S), positive and negative, of the first round's clicks: discs as uint8, or
            distances as float32;
        mask: bool (S, S), the object;
        void: bool (S, S), pixels that count nowhere;
        previous: bool (S, S), the mask that the sample starts from, mostly empty;
        position: int64 scalar, the sample's place in the epoch.

    Args:
        scenes: where photos come from.
        recipe: says size, augmentation and clicks.
        epoch: samples of different epochs differ.
        length: samples in the epoch.
    """

    def __init__(self, scenes: SceneDataset, recipe: Recipe, epoch: int, length: int) -> None:
        self.scenes, self.recipe, self.epoch = scenes, recipe, epoch
        rng = np.random.default_rng([recipe.seed, epoch])
        passes = -(-length // len(scenes))
        order = np.concatenate([rng.permutation(len(scenes)) for _ in range(passes)])
        self.order = order[:length]

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, position: int) -> dict[str, Tensor]:
        rng = np.random.default_rng([self.recipe.seed, self.epoch, 1 + position])
        target = self._target(int(self.order[position]), rng)
        previous = np.zeros_like(target.mask)
        if rng.random() < self.recipe.clicks.elsewhere:
            previous = damaged(target.mask, rng)
            click = simulation.correction_click(previous, target.mask, ~target.void, rng)
            clicks = [click] if click else []
        else:
            clicks = first_round(target, self.recipe, rng)
        size = self.recipe.data.size
        kind = self.recipe.network.planes
        planes: NDArray[Any] = click_planes(kind, clicks, size, size, self.recipe.clicks.radius)
        if kind == DISCS:
            planes = planes.astype(np.uint8)  # a quarter of the memory
        return {
            "image": _tensor(target.image).permute(2, 0, 1).contiguous(),
            "planes": _tensor(planes),
            "mask": _tensor(target.mask),
            "void": _tensor(target.void),
            "previous": _tensor(previous),
            "position": torch.tensor(position),
        }

    def _target(self, index: int, rng: np.random.Generator) -> Target:
        data = self.recipe.data
        scene = self.scenes.scene(index)
        target = choose_target(scene, rng, data.component)
        if not data.augment:
            return fit(target, data.size, mirror=rng.random() < 0.5)
        for _ in range(MAX_PASTED):
            if rng.random() >= data.paste:
                break
            other = self.scenes.scene(int(rng.integers(len(self.scenes))))
            target = paste(target, choose_target(other, rng, 1.0), rng)
        for _ in range(ATTEMPTS):
            crop = random_crop(target, data.size, rng)
            if crop.mask.sum() >= MIN_VISIBLE:
                break
        return Target(jitter_colours(crop.image, rng), crop.mask, crop.void)


def first_round(target: Target, recipe: Recipe, rng: np.random.Generator) -> list[Click]:
    """The clicks that a sample starts with.

    Those of DIOS; or the paper's random pairs; or, with `pairs = 0`, one click on the object (two
    times in three, then half of the time in its very centre), else one to four random points on it
    and up to four off it.
    """
    if recipe.clicks.sampling == DIOS:
        return dios_clicks(target, rng)
    if recipe.clicks.pairs:
        return simulation.random_pairs(target.mask, ~target.void, recipe.clicks.pairs, rng)
    valid = ~target.void
    if rng.random() < 2 / 3:
        if rng.random() < 0.5:
            click = simulation.centre_click(np.zeros_like(target.mask), target.mask, valid)
        else:
            click = simulation.first_click(target.mask, valid, rng)
        return [click] if click else []
    several = simulation.random_pairs(target.mask, valid, 4, rng)
    positive = [c for c in several if c.label == 1][: int(rng.integers(1, 5))]
    negative = [c for c in several if c.label == 0][: int(rng.integers(0, 5))]
    return positive + negative


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))
