from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from ioebss import simulation
from ioebss.clicks import Click

SIZE = st.shared(st.tuples(st.integers(1, 20), st.integers(1, 20)), key="size")
MASKS = hnp.arrays(bool, SIZE)


@given(MASKS)
def test_interior_distance_is_scipys_with_the_border_outside(region: np.ndarray) -> None:
    expected = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    np.testing.assert_allclose(simulation.interior_distance(region), expected, atol=1e-4)


def square(top: int, left: int, side: int) -> np.ndarray:
    mask = np.zeros((40, 40), bool)
    mask[top : top + side, left : left + side] = True
    return mask


NOTHING = np.zeros((40, 40), bool)
ALL = ~NOTHING


def test_the_first_click_is_in_the_centre_of_the_object() -> None:
    assert simulation.centre_click(NOTHING, square(10, 5, 11), ALL) == Click(10, 15, 1)


def test_the_larger_error_is_corrected() -> None:
    truth = square(2, 2, 9)
    prediction = square(2, 2, 9) | square(20, 20, 7)
    assert simulation.centre_click(prediction, truth, ALL) == Click(23, 23, 0)
    prediction[2:11, 2:11] = False  # now the missed 9x9 is deeper than the wrong 7x7
    assert simulation.centre_click(prediction, truth, ALL) == Click(6, 6, 1)


def test_no_pixel_is_clicked_twice() -> None:
    truth = square(10, 5, 3)
    clicks: list[Click] = []
    while click := simulation.centre_click(NOTHING, truth, ALL, clicks):
        clicks.append(click)
    assert len(clicks) == len(set(clicks)) == 9


def test_no_error_no_click() -> None:
    truth = square(2, 2, 9)
    assert simulation.centre_click(truth, truth, ALL) is None
    assert simulation.correction_click(truth, truth, ALL, np.random.default_rng(0)) is None


@given(MASKS, MASKS, MASKS, st.integers(0, 1000))
def test_clicks_lie_in_the_error_and_never_on_void(
    prediction: np.ndarray, truth: np.ndarray, valid: np.ndarray, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    for click in (
        simulation.centre_click(prediction, truth, valid),
        simulation.correction_click(prediction, truth, valid, rng),
    ):
        wrong = (prediction != truth) & valid
        assert (click is None) == (not wrong.any())
        if click:
            assert wrong[click.y, click.x]
            assert truth[click.y, click.x] == bool(click.label)


@given(MASKS, MASKS, st.integers(0, 20), st.integers(0, 1000))
def test_random_pairs(truth: np.ndarray, valid: np.ndarray, pairs: int, seed: int) -> None:
    clicks = simulation.random_pairs(truth, valid, pairs, np.random.default_rng(seed))
    for label, region in ((1, truth & valid), (0, ~truth & valid)):
        mine = [c for c in clicks if c.label == label]
        assert len(mine) == (pairs if region.any() else 0)
        assert all(region[c.y, c.x] for c in mine)


def test_random_pairs_reach_every_pixel_alike() -> None:
    rng = np.random.default_rng(0)
    clicks = simulation.random_pairs(square(0, 0, 4), ALL, 16_000, rng)
    counts = np.zeros((4, 4), int)
    for click in clicks:
        if click.label:
            counts[click.y, click.x] += 1
    # 1000 expected in each of 16 cells, standard deviation 31
    assert counts.min() > 850
    assert counts.max() < 1150


def test_correction_clicks_stay_in_the_inner_half() -> None:
    rng = np.random.default_rng(0)
    truth = square(5, 5, 21)
    depth = ndimage.distance_transform_edt(truth)
    seen = {simulation.first_click(truth, ALL, rng) for _ in range(200)}
    assert all(c and depth[c.y, c.x] >= depth.max() / 2 for c in seen)
    assert len(seen) > 20
