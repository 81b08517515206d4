"""Distance planes against SciPy's exact Euclidean distance transform."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from ioebss.click_planes import DISCS, DISTANCES, add_click, click_planes
from ioebss.clicks import Click
from ioebss.distance_planes import distance_planes
from ioebss.manifest import read_manifest
from ioebss.session import Session

Scene = tuple[list[Click], int, int]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    height, width = draw(st.tuples(st.integers(1, 40), st.integers(1, 600)))
    if draw(st.booleans()):
        height, width = width, height
    points = st.builds(
        Click, st.integers(0, width - 1), st.integers(0, height - 1), st.integers(0, 1)
    )
    return draw(st.lists(points, max_size=12)), height, width


def by_scipy(clicks: list[Click], height: int, width: int) -> NDArray[np.float32]:
    planes = np.full((2, height, width), 255.0)
    for plane, label in zip(planes, (1, 0), strict=True):
        free = np.ones((height, width), bool)
        for click in clicks:
            if click.label == label:
                free[click.y, click.x] = False
        if not free.all():
            plane[:] = np.minimum(distance_transform_edt(free), 255)
    return planes.astype(np.float32)


@settings(max_examples=150)
@given(scenes())
def test_distances_are_exact(scene: Scene) -> None:
    np.testing.assert_array_equal(distance_planes(*scene), by_scipy(*scene))


@settings(max_examples=60)
@given(scenes(), st.sampled_from([DISCS, DISTANCES]))
def test_click_by_click_is_all_at_once(scene: Scene, kind: str) -> None:
    clicks, height, width = scene
    planes = click_planes(kind, (), height, width, 5)
    for click in clicks:
        add_click(kind, planes, click, 5)
    np.testing.assert_array_equal(planes, click_planes(kind, clicks, height, width, 5))


def test_worked_by_hand() -> None:
    planes = distance_planes([Click(3, 0), Click(0, 4)], 300, 5)
    assert planes.dtype == np.float32 and planes.shape == (2, 300, 5)
    assert planes[0, 0].tolist() == [3, 2, 1, 0, 1]
    assert planes[0, 4, 3] == 3 and planes[0, 0, 0] == 3 and planes[0, 2, 1] == np.float32(5**0.5)
    assert planes[0, 259, 0] == 255, "cut off"
    assert (planes[1] == 255).all(), "nothing was clicked there"


class Listening:
    """An engine that keeps what it is shown."""

    name = "listening"

    def __init__(self) -> None:
        self.inputs: list[NDArray[np.float32]] = []

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        self.inputs.append(inputs.copy())
        return np.zeros((len(inputs), 1, *inputs.shape[2:]), np.float32)


def test_a_session_shows_the_planes_that_the_manifest_asks_for(
    make_model: Callable[..., Path],
) -> None:
    manifest = read_manifest(make_model(5, planes=DISTANCES, recommended_sizes=(64,)))
    engine = Listening()
    session = Session(np.zeros((96, 128, 3), np.uint8), manifest, engine)
    session.click(65, 48)
    session.click(3, 90, 0)
    assert engine.inputs[-1].shape == (1, 5, 48, 64)
    expected = by_scipy([Click(32, 24), Click(1, 45, 0)], 48, 64)
    np.testing.assert_array_equal(engine.inputs[-1][0, 3:5], expected)
