"""COCO's run-length encoding of masks, as pycocotools reads it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def encode(mask: NDArray[np.bool_]) -> dict[str, object]:
    """The compressed COCO RLE of a mask.

    Runs go down the columns and start with background. Each run length, from the third on as the
    difference to the one two before, is written in groups of five bits, low first, bit 5 saying
    that more follow, offset by 48 into printable ASCII (pycocotools, maskApi.c).

    Args:
        mask: bool (H, W).

    Returns:
        {"size": [H, W], "counts": text}.
    """
    runs = run_lengths(mask.ravel(order="F"))
    deltas = runs.copy()
    deltas[3:] -= runs[1:-2]
    return {"size": [int(s) for s in mask.shape], "counts": "".join(map(_text, deltas.tolist()))}


def run_lengths(flat: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Lengths of the runs of background and foreground in turn, background first, if only of 0.

    Args:
        flat: bool (N,), N at least 1.
    """
    start = [0, 0] if flat[0] else [0]
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    return np.diff(np.concatenate([start, edges, [flat.size]]))


def _text(value: int) -> str:
    groups = []
    while True:
        group = value & 31
        value >>= 5
        done = value == (-1 if group & 16 else 0)
        groups.append(chr(48 + (group if done else group | 32)))
        if done:
            return "".join(groups)


def box(mask: NDArray[np.bool_]) -> list[int]:
    """The bounding box [x, y, width, height] of a mask in pixels; all 0 if it is empty."""
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not columns.size:
        return [0, 0, 0, 0]
    x, y = int(columns[0]), int(rows[0])
    return [x, y, int(columns[-1]) + 1 - x, int(rows[-1]) + 1 - y]
