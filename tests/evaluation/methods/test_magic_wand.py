"""Seeded region growing, by hand and against a version that searches instead of queueing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ioebss.evaluation.methods.magic_wand import MagicWand, grow


def grey(values) -> np.ndarray:
    return np.repeat(np.asarray(values, np.float32)[..., None], 3, axis=2)


def test_an_example_worked_by_hand() -> None:
    # Region 1 starts at 0, region 2 at 20. 4 joins 1 (distance 4, mean 2), 8 too (6, mean 4).
    # 11 is 9 from region 2 and 7 from what region 1 has become: it joins 1, which the seed's own
    # value, 11 away, would not have won.
    regions = grow(grey([[0, 4, 8, 11, 20]]), np.array([[1, 0, 0, 0, 2]], np.int32))
    assert regions.tolist() == [[1, 1, 1, 1, 2]]


def test_a_region_ends_where_the_other_is_more_alike() -> None:
    regions = grow(grey([[0, 4, 8, 13, 20]]), np.array([[1, 0, 0, 0, 2]], np.int32))
    assert regions.tolist() == [[1, 1, 1, 2, 2]]


def slow_growing(colours, seeds):
    """Adams & Bischof's steps with a list that is searched for its minimum."""
    regions = seeds.copy()
    height, width = seeds.shape
    waiting = []

    def wait_beside(y, x):
        mean = colours[regions == regions[y, x]].mean(0)
        for v, u in ((y, x + 1), (y, x - 1), (y + 1, x), (y - 1, x)):
            if 0 <= v < height and 0 <= u < width and regions[v, u] == 0:
                distance = float(np.square(colours[v, u] - mean).sum())
                waiting.append((distance, v, u, int(regions[y, x])))

    for y, x in np.argwhere(seeds > 0):
        wait_beside(y, x)
    while waiting:
        best = min(range(len(waiting)), key=lambda i: waiting[i][0])
        _, y, x, region = waiting.pop(best)
        if regions[y, x] == 0:
            regions[y, x] = region
            wait_beside(y, x)
    return regions


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_the_queue_grows_as_a_search_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Random floats: no two distances are equal, so that there is one answer.
    colours = rng.random((7, 9, 3)).astype(np.float32)
    seeds = np.zeros((7, 9), np.int32)
    for number, place in enumerate(rng.choice(63, 3, replace=False), 1):
        seeds.flat[place] = number
    expected = slow_growing(colours.astype(np.float64), seeds)
    np.testing.assert_array_equal(grow(colours, seeds), expected)


def test_several_foreground_clicks_join_different_colours() -> None:
    photo = np.zeros((60, 90, 3), np.uint8)
    photo[:] = (20, 90, 20)
    photo[15:45, 20:45] = (200, 30, 30)
    photo[15:45, 45:70] = (30, 30, 200)
    session = MagicWand().open(photo)
    session.click(32, 30)
    mask = session.click(57, 30)
    truth = np.zeros((60, 90), bool)
    truth[15:45, 20:70] = True
    assert np.count_nonzero(mask != truth) < 0.02 * truth.sum()
