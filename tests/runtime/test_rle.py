from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco

from ioebss import rle

masks = hnp.arrays(bool, st.tuples(st.integers(1, 40), st.integers(1, 40)))


@given(masks)
def test_as_pycocotools_encodes(mask: np.ndarray) -> None:
    theirs = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    ours = rle.encode(mask)
    assert ours == {"size": theirs["size"], "counts": theirs["counts"].decode()}
    assert rle.box(mask) == coco.toBbox(theirs).astype(int).tolist()


def test_long_runs_and_a_real_size() -> None:
    mask = np.zeros((1200, 1600), bool)
    mask[100:900, 300:1200] = True
    mask[400:500, 500:600] = False
    decoded = coco.decode(rle.encode(mask))
    np.testing.assert_array_equal(decoded, mask)
