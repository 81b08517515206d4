from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ioebss import Segmenter
from ioebss.clicks import Click
from ioebss.errors import ClickError
from ioebss.obedience import LOGIT, RADIUS, obey, obey_exactly
from ioebss.windows import Zoom


def test_a_click_that_is_followed_changes_nothing() -> None:
    logits = np.random.default_rng(0).normal(size=(20, 20)).astype(np.float32)
    logits[5, 6], logits[9, 9] = 2, -2
    before = logits.copy()
    obey(logits, [Click(6, 5, 1), Click(9, 9, 0)])
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize("label", [0, 1])
def test_a_click_that_is_not_followed_turns_its_disc(label: int) -> None:
    sign = 2 * label - 1
    logits = np.full((30, 30), -3.0 * sign, np.float32)
    logits[12, 10] = 5.0 * sign  # within the disc and surer than it: stays
    obey(logits, [Click(10, 11, label)])
    ys, xs = np.indices(logits.shape)
    inside = (xs - 10) ** 2 + (ys - 11) ** 2 <= RADIUS**2
    expected = np.where(inside, sign * LOGIT, -3.0 * sign)
    expected[12, 10] = 5.0 * sign
    np.testing.assert_array_equal(logits, expected)


def test_exactly_the_clicked_pixels() -> None:
    mask = np.zeros((4, 4), bool)
    obey_exactly(mask, [Click(1, 2, 1), Click(3, 3, 1), Click(3, 3, 0)], False, True)
    assert np.argwhere(mask).tolist() == [[2, 1]]  # of two clicks on one pixel the later one counts
    probability = np.array([[0.1, 0.9, 0.1, 0.9]], np.float32)
    clicks = [Click(0, 0, 1), Click(1, 0, 1), Click(2, 0, 0), Click(3, 0, 0)]
    obey_exactly(probability, clicks, 0.25, 0.75)
    np.testing.assert_allclose(probability, [[0.75, 0.9, 0.1, 0.25]])


CLICKS = st.lists(
    st.tuples(st.integers(0, 299), st.integers(0, 199), st.integers(0, 1)), min_size=1, max_size=10
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CLICKS, st.booleans())
def test_every_click_of_a_session_is_obeyed(
    make_model: Callable[..., Path], clicks: list[tuple[int, int, int]], zoom: bool
) -> None:
    """`disc_graph` disobeys wherever clicks of both kinds lie close together."""
    session = Segmenter(make_model(zoom=Zoom(min_side=20) if zoom else None)).open(
        np.zeros((200, 300, 3), np.uint8)
    )
    said: dict[tuple[int, int], bool] = {}
    for x, y, label in clicks:
        if not said and label == 0:
            with pytest.raises(ClickError):
                session.click(x, y, label)
            continue
        mask = session.click(x, y, label)
        said[x, y] = bool(label)
        probability = session.probability
        for (column, row), foreground in said.items():
            assert mask[row, column] == foreground
            assert (probability[row, column] > 0.5) == foreground
