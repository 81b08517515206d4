from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ioebss.clicks import MAX_CLICKS, Click, make_click, make_clicks, to_network
from ioebss.errors import ClickError


def test_fractions_are_cut_off() -> None:
    assert make_click(3.9, 0.0, 1, 10, 10) == Click(3, 0, 1)


def test_numpy_numbers_are_numbers() -> None:
    click = make_click(np.float32(2.5), np.int64(3), np.int64(0), 10, 10)  # type: ignore[arg-type]
    assert click == Click(2, 3, 0)


@pytest.mark.parametrize(
    ("x", "y", "label", "message"),
    [
        (-1, 0, 1, "x = -1 is outside the photo; x runs from 0 to 19"),
        (20, 0, 1, "x = 20 is outside"),
        (0, 10, 1, "y = 10 is outside the photo; y runs from 0 to 9"),
        (math.nan, 0, 1, "x = nan is not a finite number"),
        (0, math.inf, 1, "y = inf is not a finite number"),
        ("a", 0, 1, "x = 'a' is not a number"),
        (0, 0, 2, "label 2 is not a click label"),
        (0, 0, 0.5, "label 0.5 is not a click label"),
        (0, 0, None, "label None"),
        (0, 0, True, "label True"),
        (0, 0, "1", "label '1' is not"),
        (10**400, 0, 1, "is not a number"),
        (0, 0, 10**400, "is not a click label"),
    ],
)
def test_bad_clicks_say_what_is_wrong(x: float, y: float, label: int, message: str) -> None:
    with pytest.raises(ClickError, match=message):
        make_click(x, y, label, 20, 10)


def test_sequences_and_clicks_are_taken() -> None:
    clicks = make_clicks([(1, 2), [3, 4, 0], Click(5, 6, 0)], 10, 10)
    assert clicks == [Click(1, 2, 1), Click(3, 4, 0), Click(5, 6, 0)]


def test_the_number_of_clicks_is_bounded() -> None:
    with pytest.raises(ClickError, match="more than"):
        make_clicks([(0, 0)] * (MAX_CLICKS + 1), 10, 10)


def test_wrong_length_is_refused() -> None:
    for clicks in ([(1, 2, 1, 1)], [1, 2]):
        with pytest.raises(ClickError, match=r"\(x, y\) or \(x, y, label\)"):
            make_clicks(clicks, 10, 10)  # type: ignore[arg-type]


def test_rows_of_an_array_are_clicks() -> None:
    assert make_clicks(np.array([[1, 2, 1.0], [3, 4, 0.0]]), 10, 10) == [
        Click(1, 2),
        Click(3, 4, 0),
    ]


@given(st.integers(1, 5000), st.integers(1, 2000), st.data())
def test_to_network_holds_the_centre(size: int, network: int, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, size - 1))
    centre = Fraction(2 * position + 1, 2) * Fraction(network, size)  # in network pixels, exact
    cell = to_network(position, size, network)
    assert cell <= centre < cell + 1
    assert 0 <= cell < network
