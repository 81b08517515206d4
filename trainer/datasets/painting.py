"""Labels of objects that overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from ioebss.trainer.datasets.scene import MAX_OBJECTS, VOID

Outline = TypeVar("Outline")
Mask = NDArray[np.bool_]


class LazyMasks(Sequence[Mask], Generic[Outline]):
    """Masks that are drawn each time they are asked for: hundreds of a large photo do not fit into
    memory at once.

    Args:
        outlines: what each is drawn from.
        draw: gives the mask, bool (H, W).
    """

    def __init__(self, outlines: Sequence[Outline], draw: Callable[[Outline], Mask]) -> None:
        self._outlines, self._draw = outlines, draw

    def __len__(self) -> int:
        return len(self._outlines)

    @overload
    def __getitem__(self, place: int) -> Mask: ...
    @overload
    def __getitem__(self, place: slice) -> LazyMasks[Outline]: ...
    def __getitem__(self, place: int | slice) -> Mask | LazyMasks[Outline]:
        if isinstance(place, slice):
            return LazyMasks(self._outlines[place], self._draw)
        return self._draw(self._outlines[place])


def paint(
    objects: Sequence[Mask], crowds: Iterable[Mask], height: int, width: int
) -> tuple[NDArray[np.uint8], list[int]]:
    """Labels of overlapping objects: the smaller is in front of the larger.

    Crowds (regions with several objects not told apart) are void, behind all objects. Objects are
    numbered from the largest on; those beyond `MAX_OBJECTS`, the smallest, become void.

    Args:
        objects, crowds: bool (height, width) each.

    Returns:
        uint8 (height, width): 0 background, 1..254 objects, 255 void. And the places of all objects
        from the largest to the smallest, as they are numbered; equal ones keep their order.
    """
    labels = np.zeros((height, width), np.uint8)
    for mask in crowds:
        labels[mask] = VOID
    areas = [int(mask.sum()) for mask in objects]
    order = sorted(range(len(objects)), key=lambda place: -areas[place])
    for label, place in enumerate(order, 1):
        labels[objects[place]] = label if label <= MAX_OBJECTS else VOID
    return labels, order
