"""Clicks as seeds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ioebss.clicks import Click
from ioebss.evaluation.methods.seeds import border, plant

HEIGHT, WIDTH = 14, 18
places = st.tuples(st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(0, 1))


@given(st.lists(places, min_size=1, max_size=6), st.integers(0, 5))
def test_a_pixel_belongs_to_its_nearest_click(places, radius: int) -> None:
    clicks = [Click(*place) for place in places]
    seeds = plant(clicks, HEIGHT, WIDTH, radius)
    for y in range(HEIGHT):
        for x in range(WIDTH):
            # (distance, later first) of every click whose disc holds the pixel
            near = [
                ((c.x - x) ** 2 + (c.y - y) ** 2, -i, c.label)
                for i, c in enumerate(clicks)
                if (c.x - x) ** 2 + (c.y - y) ** 2 <= radius**2
            ]
            owner, label = (1 - min(near)[1], min(near)[2]) if near else (0, None)
            assert seeds.owner[y, x] == owner
            assert seeds.foreground[y, x] == (label == 1)
            assert seeds.background[y, x] == (label == 0)


def test_the_border_is_two_pixels_wide() -> None:
    frame = border(6, 7)
    assert frame.sum() == 6 * 7 - 2 * 3
    assert not frame[2:4, 2:5].any()


def test_tiny_photos_are_all_border() -> None:
    assert border(3, 2).all() and border(1, 1).all()
