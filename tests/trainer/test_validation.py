"""Validation: IoU of networks whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ioebss.trainer.datasets.transforms import Target
from ioebss.trainer.distributed import World
from ioebss.trainer.recipe import Recipe, load_recipe
from ioebss.trainer.validation import validate, validation_targets

HERE = World(0, 1, torch.device("cpu"))


@pytest.fixture
def recipe(tiny_recipe: Path) -> Recipe:
    return load_recipe(str(tiny_recipe))


class ReadsPlanes(nn.Module):
    """Foreground where red is bright and the photo has a click at all."""

    def forward(self, x: Tensor) -> Tensor:
        self.seen = x.clone()
        inside = (x[:, :1] > 128) & (x[:, 3:4].amax((2, 3), keepdim=True) > 0)
        score = inside.float() * 2 - 1
        return torch.cat([-score, score], 1)


def target(void_half: bool = False) -> Target:
    mask = np.zeros((32, 32), bool)
    mask[4:20, 6:26] = True
    void = np.zeros_like(mask)
    image = np.zeros((32, 32, 3), np.uint8)
    image[mask] = 255
    if void_half:  # what is bright beyond the object is void and must not count
        void[22:] = True
        image[22:] = 255
    return Target(image, mask, void)


@pytest.mark.parametrize("void_half", [False, True])
def test_a_network_that_sees_the_object_has_iou_1(recipe: Recipe, void_half: bool) -> None:
    model = ReadsPlanes()
    assert validate(model, [target(void_half)] * 3, recipe, HERE) == [1.0, 1.0, 1.0]
    assert torch.all((model.seen[:, 5] > 0.5) == (model.seen[:, 0] > 128)), "the mask is fed back"


class Nothing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        self.planes = x[:, 3:5].clone()
        return torch.cat([torch.ones_like(x[:, :1]), torch.zeros_like(x[:, :1])], 1)


def test_a_network_that_sees_nothing_has_iou_0_and_is_clicked_in_the_centre(recipe: Recipe) -> None:
    model = Nothing()
    assert validate(model, [target()], recipe, HERE) == [0.0, 0.0, 0.0]
    ys, xs = model.planes[0, 0].nonzero(as_tuple=True)
    centre = (ys.float().mean().item(), xs.float().mean().item())
    assert centre == pytest.approx((11.5, 15.5), abs=4)
    assert not model.planes[0, 1].any()


class Everything(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(x[:, :1]), torch.ones_like(x[:, :1])], 1)


def test_iou_of_taking_everything_is_the_objects_share(recipe: Recipe) -> None:
    share = 16 * 20 / (32 * 32)
    assert validate(Everything(), [target()], recipe, HERE) == pytest.approx([share] * 3)
    share = 16 * 20 / (22 * 32)
    assert validate(Everything(), [target(True)], recipe, HERE) == pytest.approx([share] * 3)


def test_targets_are_the_largest_objects_of_evenly_spread_photos(
    recipe: Recipe, drawn_scenes
) -> None:
    scenes = drawn_scenes(9)
    recipe = replace(recipe, data=replace(recipe.data, validation_photos=3, size=48))
    targets = validation_targets(scenes, recipe, HERE)
    assert len(targets) == 3
    for index, got in zip((0, 4, 8), targets, strict=True):
        labels = scenes.scene(index).labels
        share = max((labels == 1).mean(), (labels == 2).mean())
        assert got.mask.mean() == pytest.approx(share, rel=0.1)
    shares = [validation_targets(scenes, recipe, World(r, 2, HERE.device)) for r in range(2)]
    assert [len(part) for part in shares] == [2, 1]
