"""Samples: the same for the same (seed, epoch, position), whoever asks and when."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from ioebss.trainer import samples as samples_module
from ioebss.trainer.datasets.scene import Scene
from ioebss.trainer.recipe import Recipe, load_recipe
from ioebss.trainer.samples import ClickSamples


@pytest.fixture
def recipe(tiny_recipe: Path) -> Recipe:
    return load_recipe(str(tiny_recipe))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def elsewhere(recipe: Recipe, probability: float) -> Recipe:
    return replace(recipe, clicks=replace(recipe.clicks, elsewhere=probability))


def test_an_item_depends_on_seed_epoch_and_position_alone(recipe: Recipe, drawn_scenes) -> None:
    recipe = elsewhere(recipe, 0.5)
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
        "previous": ((32, 32), torch.bool),
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


@pytest.mark.parametrize(
    ("probability", "low", "high"), [(0.0, 0, 0), (0.5, 20, 44), (1.0, 62, 64)]
)
def test_so_many_samples_start_from_a_mask(
    recipe: Recipe, drawn_scenes, probability: float, low: int, high: int
) -> None:
    samples = ClickSamples(drawn_scenes(6), elsewhere(recipe, probability), 0, 64)
    assert low <= sum(bool(samples[i]["previous"].any()) for i in range(64)) <= high


def test_a_mask_to_start_from_is_about_the_object_and_its_error_is_clicked(
    recipe: Recipe, drawn_scenes
) -> None:
    samples = ClickSamples(drawn_scenes(6), elsewhere(recipe, 1.0), 0, 40)
    axis = np.arange(32)
    labels = set()
    overlapping = 0
    for i in range(40):
        item = samples[i]
        previous, mask, void = (item[k].numpy() for k in ("previous", "mask", "void"))
        overlapping += bool((previous & mask).any())
        missed, wrong = mask & ~previous & ~void, ~mask & previous & ~void
        planes = item["planes"].numpy().astype(bool)
        if not missed.any() and not wrong.any():
            assert not planes.any()
            continue
        # One click, on the side that it lies on: one plane is the disc around an error's pixel.
        explained = [
            label
            for label, region in ((1, missed), (0, wrong))
            for y, x in np.argwhere(region)
            if np.array_equal(planes[1 - label], np.hypot(axis[:, None] - y, axis - x) <= 5)
            and not planes[label].any()
        ]
        assert explained
        labels.add(explained[0])
    assert labels == {0, 1} and overlapping >= 36


class Flat:
    """Scenes of one colour each on black: what was pasted shows by its colour."""

    colours = ((250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250), (250, 0, 250))

    def __init__(self) -> None:
        self.reads = 0

    def __len__(self) -> int:
        return len(self.colours)

    def scene(self, index: int) -> Scene:
        self.reads += 1
        labels = np.zeros((64, 64), np.uint8)
        labels[20:44, 20:44] = 1
        return Scene(
            str(index), labels[..., None] * np.array(self.colours[index], np.uint8), labels
        )


@pytest.mark.parametrize(("paste", "counts"), [(0.0, {0}), (0.5, {0, 1, 2, 3}), (1.0, {3})])
def test_up_to_three_objects_are_pasted(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, paste: float, counts: set[int]
) -> None:
    monkeypatch.setattr(samples_module, "jitter_colours", lambda image, rng: image)
    recipe = replace(recipe, data=replace(recipe.data, paste=paste, size=64))
    scenes = Flat()
    samples = ClickSamples(scenes, recipe, 0, 72)
    read, seen = set(), set()
    for i in range(72):
        scenes.reads = 0
        pixels = set(map(tuple, samples[i]["image"].flatten(1).T.tolist()))
        own = Flat.colours[int(samples.order[i])]
        read.add(scenes.reads - 1)
        seen.add(len(pixels & set(Flat.colours) - {own}))
    assert read == counts, "of each photo it is drawn anew whether another object follows"
    assert max(seen) == max(counts), "all can be seen where none covers another"
