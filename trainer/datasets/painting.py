"""Labels of objects that overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ioebss.trainer.datasets.scene import MAX_OBJECTS, VOID

Outline = TypeVar("Outline")


def paint(
    objects: Sequence[Outline],
    crowds: Iterable[Outline],
    height: int,
    width: int,
    draw: Callable[[Outline, int, int], NDArray[np.bool_]],
) -> tuple[NDArray[np.uint8], list[int]]:
    """Labels of overlapping objects: the smaller is in front of the larger.

    Crowds (regions with several objects not told apart) are void, behind all objects. Objects are
    numbered from the largest on; those beyond `MAX_OBJECTS`, the smallest, become void.

    Args:
        objects, crowds: what each is drawn from.
        draw: gives the mask of one, bool (height, width). Each object is drawn twice, for its area
            and for its pixels: hundreds of masks of a large photo do not fit into memory at once.

    Returns:
        uint8 (height, width): 0 background, 1..254 objects, 255 void. And the places of all objects
        from the largest to the smallest, as they are numbered; equal ones keep their order.
    """
    labels = np.zeros((height, width), np.uint8)
    for crowd in crowds:
        labels[draw(crowd, height, width)] = VOID
    areas = [int(draw(one, height, width).sum()) for one in objects]
    order = sorted(range(len(objects)), key=lambda place: -areas[place])
    for label, place in enumerate(order, 1):
        mask = draw(objects[place], height, width)
        labels[mask] = label if label <= MAX_OBJECTS else VOID
    return labels, order
