"""Samples: the same for the same (seed, epoch, position), whoever asks and when."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ioebss.trainer.recipe import Recipe, load_recipe
from ioebss.trainer.samples import ClickSamples


@pytest.fixture
def recipe(tiny_recipe: Path) -> Recipe:
    return load_recipe(str(tiny_recipe))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_an_item_depends_on_seed_epoch_and_position_alone(recipe: Recipe, drawn_scenes) -> None:
    scenes = drawn_scenes(5)
    forwards = [ClickSamples(scenes, recipe, 3, 12)[i] for i in range(12)]
    samples = ClickSamples(scenes, recipe, 3, 12)
    backwards = [samples[i] for i in reversed(range(12))][::-1]
    assert all(map(same, forwards, backwards))
    assert [int(item["position"]) for item in forwards] == list(range(12))


def test_epochs_and_seeds_differ(recipe: Recipe, drawn_scenes) -> None:
    scenes = drawn_scenes(1)  # so that the order of the photos cannot make the difference
    other_seed = replace(recipe, seed=1)
    runs = [(recipe, 0), (recipe, 1), (other_seed, 0)]
    images = [ClickSamples(scenes, r, epoch, 4)[0]["image"].numpy().tobytes() for r, epoch in runs]
    assert len(set(images)) == 3
    one = ClickSamples(scenes, recipe, 0, 4)
    assert one[0]["image"].numpy().tobytes() != one[1]["image"].numpy().tobytes()


def test_shapes_and_types(recipe: Recipe, drawn_scenes) -> None:
    item = ClickSamples(drawn_scenes(2), recipe, 0, 2)[1]
    described = {k: (tuple(v.shape), v.dtype) for k, v in item.items()}
    assert described == {
        "image": ((3, 32, 32), torch.uint8),
        "planes": ((2, 32, 32), torch.uint8),
        "mask": ((32, 32), torch.bool),
        "void": ((32, 32), torch.bool),
        "position": ((), torch.int64),
    }


def test_an_epoch_goes_through_all_photos_before_any_comes_again(
    recipe: Recipe, drawn_scenes
) -> None:
    order = ClickSamples(drawn_scenes(5), recipe, 0, 13).order.tolist()
    assert len(order) == 13
    assert sorted(order[:5]) == sorted(order[5:10]) == list(range(5))
    assert len(set(order[10:])) == 3


def is_union_of_discs(plane: np.ndarray, radius: int) -> bool:
    """Whether opening by the disc leaves the plane as it is. OpenCV lets discs stick out of the
    picture, as those of clicks near the border do."""
    axis = np.arange(-radius, radius + 1)
    kernel = (np.hypot(axis[:, None], axis) <= radius).astype(np.uint8)
    return np.array_equal(cv2.dilate(cv2.erode(plane, kernel), kernel), plane)


@pytest.mark.parametrize("pairs", [0, 1, 15])
def test_planes_are_discs_on_their_side_of_the_mask(
    recipe: Recipe, drawn_scenes, pairs: int
) -> None:
    recipe = replace(recipe, clicks=replace(recipe.clicks, pairs=pairs, radius=3))
    samples = ClickSamples(drawn_scenes(4), recipe, 0, 12)
    negatives = 0
    for i in range(12):
        item = samples[i]
        mask, void = item["mask"].numpy(), item["void"].numpy()
        positive, negative = item["planes"].numpy()
        assert is_union_of_discs(positive, 3) and is_union_of_discs(negative, 3)
        assert (positive.astype(bool) & mask & ~void).any() == (mask & ~void).any()
        if negative.any():
            assert (negative.astype(bool) & ~mask & ~void).any()
        negatives += bool(negative.any())
    assert negatives == 12 if pairs else 0 < negatives < 12


def test_without_augmentation_the_whole_photo_is_stretched(recipe: Recipe, drawn_scenes) -> None:
    plain = replace(recipe, data=replace(recipe.data, augment=False, component=0.0))
    scenes = drawn_scenes(1)
    whole = scenes.scene(0)
    expected = cv2.resize(whole.image, (32, 32), interpolation=cv2.INTER_AREA)
    samples = ClickSamples(scenes, plain, 0, 12)
    seen = set()
    for i in range(12):
        image = samples[i]["image"].permute(1, 2, 0).numpy()
        mirrored = np.array_equal(image, expected[:, ::-1])
        assert mirrored or np.array_equal(image, expected)
        seen.add(mirrored)
    assert seen == {True, False}
