"""Validation: IoU of networks whose answer is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ioebss.trainer.datasets.scene import Scene
from ioebss.trainer.datasets.transforms import Target
from ioebss.trainer.distributed import World
from ioebss.trainer.recipe import Recipe, load_recipe
from ioebss.trainer.validation import validate, validate_pairs, validation_targets

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


def test_an_object_that_vanishes_at_the_training_size_is_left_out(
    recipe: Recipe, drawn_scenes
) -> None:
    scenes = drawn_scenes(2)
    speck = np.zeros((200, 200), np.uint8)
    speck[5, 5] = 1  # of the 6 x 6 pixels that become one
    scenes.scenes[0] = Scene("speck", np.zeros((200, 200, 3), np.uint8), speck)
    assert len(validation_targets(scenes, recipe, HERE)) == 1


class InTheClicks(nn.Module):
    """Foreground in the positive discs, or with distances: where one is below 3."""

    def __init__(self, distances: bool = False) -> None:
        super().__init__()
        self.distances = distances

    def forward(self, x: Tensor) -> Tensor:
        self.planes = x[:, 3:5].clone()
        inside = x[:, 3:4] < 3 if self.distances else x[:, 3:4] > 0
        score = inside.float() * 2 - 1
        return torch.cat([-score, score], 1)


@pytest.mark.parametrize("kind", ["discs", "distances"])
def test_pairs_are_set_at_once_and_the_same_each_time(recipe: Recipe, kind: str) -> None:
    """IoU of a few discs on the object, and what the network is shown."""
    network = replace(recipe.network, planes=kind)
    loss = replace(recipe.loss, label=0.0)
    clicks = replace(recipe.clicks, pairs=4, radius=1)
    chosen = replace(recipe, network=network, clicks=clicks, loss=loss)
    model = InTheClicks(kind == "distances")
    targets = [target(), target()]
    found = validate_pairs(model, targets, chosen, HERE)
    planes = model.planes
    assert found == validate_pairs(model, targets, chosen, HERE)
    assert torch.equal(planes, model.planes)
    assert not torch.equal(planes[0], planes[1]), "each photo has clicks of its own"
    inside = (planes[:, 0] < 3 if kind == "distances" else planes[:, 0] > 0).numpy()
    truth = target().mask
    expected = np.mean([(m & truth).sum() / (m | truth).sum() for m in inside])
    assert found == pytest.approx(expected) and 0 < found < 0.5
    if kind == "distances":
        for positive, negative in planes.numpy():
            assert 1 <= (positive == 0).sum() <= 4 and truth[positive == 0].all()
            assert not truth[negative == 0].any()


def test_distances_start_at_their_farthest(recipe: Recipe) -> None:
    """Without a background click that plane is 255, not 0, which would mean a click everywhere."""
    network, loss = replace(recipe.network, planes="distances"), replace(recipe.loss, label=0.0)
    model = InTheClicks(distances=True)
    validate(model, [target()], replace(recipe, network=network, loss=loss), HERE)
    assert (model.planes[0, 0] == 0).sum() == 3 and (model.planes[0, 1] == 255).all()
