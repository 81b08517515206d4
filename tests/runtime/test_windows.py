from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioebss.clicks import Click
from ioebss.errors import UsageError
from ioebss.windows import Window, Zoom, around, extent_of, widened


@st.composite
def extents(draw: st.DrawFn) -> tuple[Window, int, int]:
    """An extent within a photo, and the photo's width and height."""
    width, height = draw(st.integers(1, 5000)), draw(st.integers(1, 5000))
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    x1, y1 = draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height))
    return Window(x0, y0, x1, y1), width, height


@given(extents(), st.floats(1, 3), st.integers(1, 300))
def test_a_window_holds_its_extent_within_the_photo(
    place: tuple[Window, int, int], margin: float, min_side: int
) -> None:
    extent, width, height = place
    window = around(extent, margin, min_side, width, height)
    assert window.holds(extent)
    assert Window(0, 0, width, height).holds(window)
    assert window.width >= min(width, extent.width * margin, max(min_side, 1))
    assert window.width == width or window.width >= max(extent.width * margin, min_side)
    assert window.height == height or window.height >= max(extent.height * margin, min_side)
    # No side is shorter than half the other but where the photo ends.
    assert window.width == width or 2 * window.width >= window.height
    assert window.height == height or 2 * window.height >= window.width


def test_windows_by_hand() -> None:
    # 40x20 at the middle of a photo: 1.5 times that is 60x30, no side under half of the other.
    assert around(Window(80, 90, 120, 110), 1.5, 1, 200, 200) == Window(70, 85, 130, 115)
    # In a corner the window moves in; too long for the photo, it is cut.
    assert around(Window(0, 0, 40, 20), 1.5, 1, 200, 200) == Window(0, 0, 60, 30)
    assert around(Window(0, 0, 190, 20), 1.5, 1, 200, 200) == Window(0, 0, 200, 143)
    # A point gets the smallest window.
    assert around(Window(50, 60, 51, 61), 1.4, 96, 500, 400) == Window(2, 12, 98, 108)


def test_widened_by_hand() -> None:
    assert widened(Window(80, 90, 120, 110), 1.5, 200, 200) == Window(70, 85, 130, 115)
    assert widened(Window(0, 0, 10, 1), 1.5, 200, 200) == Window(0, 0, 15, 2)


def test_joined_aligned_holds() -> None:
    window = Window(3, 5, 9, 17).joined(Window(1, 8, 4, 20))
    assert window == Window(1, 5, 9, 20)
    assert window.aligned(4) == Window(0, 4, 12, 20)
    assert (window.width, window.height, window.area) == (8, 15, 120)
    assert Window(0, 4, 12, 20).holds(window)
    assert not window.holds(Window(0, 4, 12, 20))


def test_extent_of_clicks() -> None:
    assert extent_of([Click(4, 9)]) == Window(4, 9, 5, 10)
    assert extent_of([Click(4, 9), Click(7, 2, 0)]) == Window(4, 2, 8, 10)


@pytest.mark.parametrize(
    "change",
    [
        {"margin": 0.9},
        {"keep": 1.5},
        {"min_side": 0},
        {"min_side": 9.5},
        {"first": 1.5},
        {"first": -0.1},
        {"first": True},
        {"detail": 1.1},
        {"detail_after": -1},
        {"detail_after": 2.0},
        {"islands": 10.5},
        {"forget": -0.1},
        {"unsure": 65.0},
    ],
)
def test_zoom_settings_out_of_range(change: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"zoom .* it must be"):
        Zoom(**(asdict(Zoom()) | change))
