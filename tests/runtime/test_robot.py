"""Clicks to a target IoU by hand, and against a loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ioebss.errors import UsageError
from ioebss.robot import failures, number_of_clicks

TABLES = arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(1, 8)), elements=st.floats(0, 1)
)


def test_number_of_clicks_by_hand() -> None:
    ious = [[0.9, 0.1, 0.1], [0.1, 0.85, 0.8], [0.1, 0.2, 0.86], [0.1, 0.2, 0.3]]
    assert number_of_clicks(ious, 0.85).tolist() == [1, 2, 3, 3]
    assert failures(ious, 0.85) == 1
    assert number_of_clicks(ious, 0.9).tolist() == [1, 3, 3, 3]
    assert failures(ious, 0.9) == 3


@given(TABLES, st.floats(0, 1))
def test_number_of_clicks_equals_a_loop(ious: np.ndarray, target: float) -> None:
    expected, failed = [], 0
    for values in ious.tolist():
        for clicks, value in enumerate(values, 1):
            if value >= target:
                expected.append(clicks)
                break
        else:
            expected.append(len(values))
            failed += 1
    assert number_of_clicks(ious, target).tolist() == expected
    assert failures(ious, target) == failed


@pytest.mark.parametrize("ious", [[], [0.5, 0.6], [[], []]])
def test_ious_that_are_no_table_are_refused(ious: list) -> None:
    with pytest.raises(UsageError, match="objects, clicks"):
        number_of_clicks(ious, 0.9)
