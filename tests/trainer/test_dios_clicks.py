"""The click strategies of DIOS: where clicks may fall, and how far apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from ioebss.trainer import dios_clicks as dios
from ioebss.trainer.datasets.scene import VOID, Scene
from ioebss.trainer.datasets.transforms import Target, choose_target, fit

SIDE = 500  # where the lengths are as published


@pytest.fixture
def target() -> Target:
    """A square of 200 pixels, two other objects, a void column."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[150:350, 150:350] = 1
    labels[20:90, 20:480] = 2
    labels[420:490, 30:120] = 3
    labels[:, 400:410] = VOID
    void = labels == VOID
    others = np.where((labels == 1) | void, 0, labels).astype(np.uint8)
    return Target(np.zeros((SIDE, SIDE, 3), np.uint8), labels == 1, void, others)


def spaced(points: dios.Points, least: float) -> bool:
    return all(np.hypot(a[0] - b[0], a[1] - b[1]) >= least for a, b in combinations(points, 2))


@pytest.mark.parametrize("seed", range(8))
def test_clicks_on_the_object(target: Target, seed: int) -> None:
    points = dios.inside(target.mask, 5, 1.0, np.random.default_rng(seed))
    assert len(points) == 5 and spaced(points, dios.STEP)
    depth = distance_transform_edt(target.mask)
    assert all(depth[y, x] > dios.MARGIN for x, y in points)


@pytest.mark.parametrize("strategy", [dios.around, dios.along])
def test_clicks_near_the_object(target: Target, strategy: Callable[..., dios.Points]) -> None:
    distance = distance_transform_edt(~target.mask)
    counts = set()
    for seed in range(30):
        points = strategy(target, 1.0, np.random.default_rng(seed))
        counts.add(len(points))
        assert all(5 < distance[y, x] <= 40 and not target.void[y, x] for x, y in points)
        assert spaced(points, dios.STEP)
    expected = {10} if strategy is dios.along else set(range(11))
    assert counts <= expected and len(counts) >= min(len(expected), 6)


def test_clicks_along_the_outline_surround_it(target: Target) -> None:
    points = dios.along(target, 1.0, np.random.default_rng(0))
    angles = np.sort([np.arctan2(y - 249.5, x - 249.5) for x, y in points])
    gaps = np.diff([*angles, angles[0] + 2 * np.pi])
    assert gaps.max() < np.pi / 2


def test_clicks_on_the_other_objects(target: Target) -> None:
    seen = set()
    assert target.others is not None
    for seed in range(20):
        for x, y in dios.on_others(target, 1.0, np.random.default_rng(seed)):
            seen.add(int(target.others[y, x]))
    assert seen == {2, 3}
    alone = Target(target.image, target.mask, target.void)
    assert dios.on_others(alone, 1.0, np.random.default_rng(0)) == []


def test_all_together(target: Target) -> None:
    """Labels are right, void is never clicked, all strategies come up."""
    strategies: Counter[str] = Counter()
    for seed in range(40):
        clicks = dios.dios_clicks(target, np.random.default_rng(seed))
        on = [c for c in clicks if c.label == 1]
        off = [c for c in clicks if c.label == 0]
        assert 1 <= len(on) <= 5 and all(target.mask[c.y, c.x] for c in on)
        assert not any(target.mask[c.y, c.x] or target.void[c.y, c.x] for c in off)
        if any(target.others[c.y, c.x] for c in off):
            strategies["on others"] += 1  # which are too far away for those that stay near
        elif off:  # ten points around it are rare
            strategies["along" if len(off) == dios.ALONG else "around"] += 1
    assert len(strategies) == 3 and min(strategies.values()) >= 5


def test_small_and_missing_objects(target: Target) -> None:
    sliver = np.zeros_like(target.mask)
    sliver[100, 50:53] = True
    rng = np.random.default_rng(0)
    assert len(dios.inside(sliver, 5, 1.0, rng)) == 1
    nothing = Target(target.image, np.zeros_like(target.mask), target.void, target.others)
    for seed in range(6):
        clicks = dios.dios_clicks(nothing, np.random.default_rng(seed))
        assert all(c.label == 0 for c in clicks)


def test_lengths_follow_the_size(target: Target) -> None:
    small = fit(target, 100)
    for seed in range(10):
        clicks = [c for c in dios.dios_clicks(small, np.random.default_rng(seed)) if c.label == 1]
        assert spaced([(c.x, c.y) for c in clicks], dios.STEP / 5)
        assert all(distance_transform_edt(small.mask)[c.y, c.x] > 1 for c in clicks)


def test_other_objects_are_known_and_go_along() -> None:
    labels = np.zeros((40, 60), np.uint8)
    labels[5:25, 5:25], labels[5:25, 30:50], labels[30] = 1, 2, VOID
    target = choose_target(Scene("two", np.zeros((40, 60, 3), np.uint8), labels), _First())
    assert target.others is not None
    np.testing.assert_array_equal(target.others, np.where(labels == 2, 2, 0))
    small = fit(target, 32, mirror=True)
    assert small.others is not None and small.others.shape == (32, 32)
    assert set(np.unique(small.others)) == {0, 2} and not (small.mask & (small.others > 0)).any()
    assert np.flatnonzero(small.others.any(0)).max() < np.flatnonzero(small.mask.any(0)).min()


class _First(np.random.Generator):
    """Takes the first of any choice."""

    def __init__(self) -> None:
        super().__init__(np.random.PCG64(0))

    def choice(self, values: list[int]) -> int:  # type: ignore[override]
        return values[0]
