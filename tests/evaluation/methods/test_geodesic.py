"""Geodesic distances, against Dijkstra's shortest paths on the graph of neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from ioebss.clicks import Click
from ioebss.evaluation.methods.geodesic import edge_costs, nearness
from ioebss.evaluation.methods.seeds import plant

HEIGHT, WIDTH = 9, 11
places = st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(0, 1))


def shortest(costs, sources):
    """A step costs the mean of its two pixels, times sqrt(2) where it is diagonal."""
    height, width = costs.shape
    number = np.arange(height * width).reshape(height, width)
    ends, lengths = [], []
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (slice(0, height - down), slice(max(0, -right), width - max(0, right)))
        there = (slice(down, height), slice(max(0, right), width + min(0, right)))
        ends.append((number[here].ravel(), number[there].ravel()))
        lengths.append(np.hypot(down, right) * (costs[here] + costs[there]).ravel() / 2)
    rows, columns = (np.concatenate(some) for some in zip(*ends, strict=True))
    graph = coo_array((np.concatenate(lengths), (rows, columns)), shape=(number.size,) * 2)
    found = dijkstra(graph.tocsr(), directed=False, indices=number[sources], min_only=True)
    return found.reshape(height, width)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.lists(places, max_size=4))
def test_nearness_compares_the_shortest_paths(
    seed: int, others: list[tuple[int, int, int]]
) -> None:
    costs = np.random.default_rng(seed).uniform(0.1, 5, (HEIGHT, WIDTH))
    seeds = plant([Click(5, 4), *(Click(*place) for place in others)], HEIGHT, WIDTH, radius=1)
    to_foreground, to_background = shortest(costs, seeds.foreground), shortest(costs, seeds.outside)
    expected = to_background / (to_foreground + to_background)
    np.testing.assert_allclose(nearness(costs, seeds), expected, rtol=1e-5)


def test_without_background_all_is_near() -> None:
    seeds = plant([Click(1, 1)], 3, 3)
    assert not seeds.outside.any()
    assert (nearness(np.ones((3, 3)), seeds) == 1).all()


def test_costs_of_a_step_in_brightness() -> None:
    lab = np.zeros((6, 8, 3), np.float32)
    lab[:, 4:, 0] = 30
    costs = edge_costs(lab, 0.25)
    # Two of eight columns have a gradient: 4 times the mean, on either side of the step.
    assert costs[2] == pytest.approx([0.25] * 3 + [4.25] * 2 + [0.25] * 3)
    assert edge_costs(np.zeros((6, 8, 3), np.float32), 0.25) == pytest.approx(0.25)
