"""Equation 2, against the equation itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioebss import planes
from ioebss.clicks import Click


def equation_2(clicks: list[Click], height: int, width: int, radius: int) -> np.ndarray:
    """Pixel by pixel: 1 where the distance to the nearest click of the label is at most r."""
    result = np.zeros((2, height, width), np.float32)
    for index, label in ((0, 1), (1, 0)):
        points = [(c.x, c.y) for c in clicks if c.label == label]
        for y in range(height):
            for x in range(width):
                nearest = min((np.hypot(x - px, y - py) for px, py in points), default=np.inf)
                result[index, y, x] = float(nearest <= radius)
    return result


def clicks_on(height: int, width: int) -> st.SearchStrategy[list[Click]]:
    click = st.builds(
        Click, st.integers(0, width - 1), st.integers(0, height - 1), st.integers(0, 1)
    )
    return st.lists(click, max_size=6)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[Click], int, int, int]:
    height, width = draw(st.integers(1, 24)), draw(st.integers(1, 24))
    return draw(clicks_on(height, width)), height, width, draw(st.integers(1, 7))


@given(scenes())
def test_rasterise_is_equation_2(scene: tuple[list[Click], int, int, int]) -> None:
    np.testing.assert_array_equal(planes.rasterise(*scene), equation_2(*scene))


def test_a_disc_of_radius_2_drawn_by_hand() -> None:
    by_hand = [
        "..#..",
        ".###.",
        "#####",
        ".###.",
        "..#..",
    ]
    expected = np.array([[c == "#" for c in row] for row in by_hand])
    np.testing.assert_array_equal(planes.disc(2), expected)


def test_a_pixel_at_exactly_r_is_set() -> None:
    plane = planes.rasterise([Click(10, 10, 1)], 21, 21, 5)[0]
    assert plane[10, 15] == 1  # distance 5
    assert plane[7, 14] == 1  # 3-4-5
    assert plane[10, 16] == 0
    assert plane.sum() == 81  # lattice points within a circle of radius 5 (OEIS A000328)


def test_draw_touches_only_the_square_around_the_click() -> None:
    canvas = np.full((2, 40, 50), 7, np.uint8)
    planes.draw(canvas, 20, 30, 0, 5)
    changed = np.argwhere(canvas != 7)
    assert set(changed[:, 0]) == {planes.NEGATIVE}
    assert changed[:, 1:].min(0).tolist() == [25, 15]
    assert changed[:, 1:].max(0).tolist() == [35, 25]


def test_the_shared_disc_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        planes.disc(5)[0, 0] = True
