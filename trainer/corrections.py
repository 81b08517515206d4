"""Correction clicks of a whole batch, where it lies: `ioebss.simulation.correction_click` for
many masks at once.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ioebss.click_planes import DISTANCES
from ioebss.clicks import BACKGROUND, FOREGROUND
from ioebss.planes import plane_of
from ioebss.simulation import error_regions, interior_distance

# The distances are looked at only so often: a GPU would wait each time.
_ROWS_BETWEEN_LOOKS = 16


@dataclass(frozen=True)
class Corrections:
    """At most one click per mask.

    Attributes:
        x, y: int64 (N), pixels.
        plane: int64 (N), of the click: 0 for foreground, 1 for background.
        found: bool (N), whether there was an error to click on; without, the rest means nothing.
    """

    x: Tensor
    y: Tensor
    plane: Tensor
    found: Tensor


def corrections(prediction: Tensor, truth: Tensor, valid: Tensor, chance: Tensor) -> Corrections:
    """A click in the inner half (by depth) of each mask's larger error region.

    Args:
        prediction, truth, valid: bool (N, S, S) as in `simulation.correction_click`.
        chance: float64 (N), 0 <= chance < 1, which of the pixels is clicked.
    """
    masks: Any = (prediction, truth, valid)  # to `&` and `~` tensors are like arrays
    regions: Any = error_regions(*masks)
    depths = squared_depths(torch.stack(regions, dim=1)).int()
    deepest = depths.amax((2, 3))
    # Of two equally deep regions the missed one.
    background = deepest[:, 0] < deepest[:, 1]
    plane = torch.where(background, plane_of(BACKGROUND), plane_of(FOREGROUND))
    rows = torch.arange(len(plane), device=plane.device)
    deepest = torch.where(background, deepest[:, 1], deepest[:, 0])
    inner = (4 * depths[rows, background.long()] >= deepest[:, None, None]).flatten(1)
    count = inner.cumsum(1)
    rank = (chance * count[:, -1]).long() + 1  # at most the count: chance is below 1
    index = torch.searchsorted(count, rank[:, None])[:, 0]
    side = truth.shape[-1]
    return Corrections(index % side, index // side, plane, deepest > 0)


def draw_corrections(planes: Tensor, clicks: Corrections, kind: str, radius: int) -> None:
    """Adds the clicks to the planes, in place: `ioebss.click_planes.add_click` for a batch.

    Args:
        planes: (N, 2, S, S), on the clicks' device.
        kind: of the planes, one of `ioebss.click_planes.KINDS`.
        radius: of discs.
    """
    axis = torch.arange(planes.shape[-1], device=planes.device)
    x, y = (axis[None] - clicks.x[:, None]) ** 2, (axis[None] - clicks.y[:, None]) ** 2
    squared = y[:, :, None] + x[:, None, :]
    rows = torch.arange(len(planes), device=planes.device)
    before = planes[rows, clicks.plane]
    if kind == DISTANCES:
        after = torch.minimum(before, squared.double().sqrt().to(before.dtype))
    else:
        after = torch.maximum(before, (squared <= radius**2).to(before.dtype))
    planes[rows, clicks.plane] = torch.where(clicks.found[:, None, None], after, before)


def squared_depths(regions: Tensor) -> Tensor:
    """`simulation.interior_distance` squared, of many regions: bool (N, M, S, S) -> integers."""
    return _on_cpu(regions) if regions.device.type == "cpu" else by_shifts(regions)


def _on_cpu(regions: Tensor) -> Tensor:
    flat = regions.flatten(0, 1).numpy()
    with ThreadPoolExecutor(min(len(flat), os.cpu_count() or 1)) as pool:
        distances = np.stack(list(pool.map(interior_distance, flat)))
    return torch.from_numpy(np.rint(np.square(distances)).astype(np.int32)).view(regions.shape)


def by_shifts(regions: Tensor) -> Tensor:
    """As `squared_depths`, in the operations that a GPU is fast at.

    The squared distance to the nearest pixel outside is the minimum over all rows of
    (rows away)^2 + (columns from there to the nearest outside)^2 (Felzenszwalb & Huttenlocher
    2012); the rows are tried from near to far until none can be nearer.
    """
    side = regions.shape[-1]
    # Beyond the photo all is outside, so that none is further than half a side.
    dtype = torch.int16 if side <= 256 else torch.int32
    across = _columns_to_outside(regions).clamp(max=(side + 1) // 2)
    across = (across * across).to(dtype)
    rows = torch.arange(side, device=regions.device)
    to_border = torch.minimum(rows + 1, side - rows)
    depths = torch.minimum(across, (to_border * to_border).to(dtype)[:, None])
    for away in range(1, (side + 1) // 2):
        if away % _ROWS_BETWEEN_LOOKS == 0 and away * away >= int(depths.max()):
            break
        for here, there in ((slice(away, None), slice(-away)), (slice(-away), slice(away, None))):
            nearer = across[:, :, there] + away * away
            torch.minimum(depths[:, :, here], nearer, out=depths[:, :, here])
    return depths


def _columns_to_outside(regions: Tensor) -> Tensor:
    """Within each row, how far the nearest pixel outside is; 0 for pixels outside. int32."""
    side = regions.shape[-1]
    columns = torch.arange(side, dtype=torch.int32, device=regions.device)
    left = torch.where(regions, -1, columns).cummax(-1).values
    right = torch.where(regions, side, columns).flip(-1).cummin(-1).values.flip(-1)
    return torch.minimum(columns - left, right - columns)
