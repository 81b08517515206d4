"""Trimaps: the clicks that stand for them, and masks that keep what is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from ioebss import Segmenter
from ioebss.clicks import Click
from ioebss.errors import UsageError
from ioebss.trimaps import clicks_of_trimap, read_trimap, simulated_trimap

PHOTO = np.zeros((96, 128, 3), np.uint8)


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30)),
           elements=st.sampled_from([0, 128, 255])),
    st.integers(1, 20),
)  # fmt: skip
def test_every_click_is_known_and_every_cell_with_a_region_has_one(
    trimap: np.ndarray, cells: int
) -> None:
    clicks = clicks_of_trimap(trimap, cells)
    assert all(trimap[c.y, c.x] == 255 * c.label for c in clicks)
    side = -(-max(trimap.shape) // cells)
    taken = {(c.y // side, c.x // side, c.label) for c in clicks}
    ys, xs = np.nonzero(trimap != 128)
    wanted = {(y // side, x // side, trimap[y, x] // 255) for y, x in zip(ys, xs, strict=True)}
    assert taken == wanted
    assert len(clicks) == len(taken) <= 800


def test_a_click_is_in_the_middle_of_its_region() -> None:
    trimap = np.full((30, 30), 128, np.uint8)
    trimap[3:8, 12:17] = 255
    trimap[20:23, 20:29] = 0
    assert clicks_of_trimap(trimap, 1) == [Click(14, 5, 1), Click(21, 21, 0)]


def test_the_mask_keeps_what_is_known(make_model: Callable[..., Path]) -> None:
    session = Segmenter(make_model(), backend="onnxruntime-cpu").open(PHOTO)
    trimap = np.full((96, 128), 128, np.uint8)
    trimap[40:50, 40:60], trimap[:, 90:], trimap[44, 50] = 255, 0, 0
    mask = session.predict_trimap(trimap)
    assert mask[trimap == 255].all() and not mask[trimap == 0].any()
    expected = session.predict(clicks_of_trimap(trimap))
    unknown = trimap == 128
    assert np.array_equal(mask[unknown], expected[unknown]) and mask[unknown].any()
    assert session.clicks == ()


@pytest.mark.parametrize(
    ("trimap", "message"),
    [
        (np.full((96, 127), 255, np.uint8), r"shape \(96, 127\), the photo \(96, 128\)"),
        (np.zeros((96, 128), np.uint8), "mark a part of the object"),
        (np.ones((96, 128), bool), "uint8 array"),
        (None, "uint8 array"),
    ],
)
def test_what_is_no_trimap_is_refused(
    make_model: Callable[..., Path], trimap: object, message: str
) -> None:
    session = Segmenter(make_model(), backend="onnxruntime-cpu").open(PHOTO)
    with pytest.raises(UsageError, match=message):
        session.predict_trimap(trimap)  # type: ignore[arg-type]


def test_a_trimap_is_read_as_it_is(tmp_path: Path) -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(values).save(tmp_path / "trimap.png")
    assert np.array_equal(read_trimap(tmp_path / "trimap.png"), values)


def test_simulated_trimaps_hide_a_band_but_never_the_whole_object() -> None:
    truth = np.zeros((40, 60), bool)
    truth[:20, 10:40] = True
    valid = np.ones_like(truth)
    valid[:, 35:38] = False
    trimap = simulated_trimap(truth, valid, 4)
    inside = scipy.ndimage.distance_transform_edt(np.pad(truth & valid, 5, mode="edge"))
    assert np.array_equal(trimap == 255, inside[5:-5, 5:-5] > 4)
    assert (trimap[:, 35:38] == 128).all() and trimap[0, 20] == 255
    thin = np.zeros_like(truth)
    thin[7, 5:50] = True
    assert (simulated_trimap(thin, np.ones_like(thin), 4) == 255).any()
