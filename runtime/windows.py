"""Which part of the photo the network looks at: all of it first, then the object and its
surroundings. Everything is in pixels of the photo; the arithmetic is written to be ported.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ioebss.clicks import MAX_CLICKS, Click
from ioebss.errors import UsageError


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: columns x0 to x1 - 1, rows y0 to y1 - 1."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        """In pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """In pixels."""
        return self.y1 - self.y0

    @property
    def area(self) -> int:
        """In pixels."""
        return self.width * self.height

    def joined(self, other: Window) -> Window:
        """The smallest window that holds both."""
        return Window(
            min(self.x0, other.x0),
            min(self.y0, other.y0),
            max(self.x1, other.x1),
            max(self.y1, other.y1),
        )

    def aligned(self, step: int) -> Window:
        """Grown to multiples of `step`."""
        return Window(
            self.x0 // step * step,
            self.y0 // step * step,
            -(-self.x1 // step) * step,
            -(-self.y1 // step) * step,
        )

    def shows(self, click: Click) -> bool:
        """Whether a click lies within this one."""
        return self.x0 <= click.x < self.x1 and self.y0 <= click.y < self.y1

    def holds(self, other: Window) -> bool:
        """Whether the other lies within this one."""
        return (
            self.x0 <= other.x0
            and self.y0 <= other.y0
            and other.x1 <= self.x1
            and other.y1 <= self.y1
        )


OPTIONAL = ("islands", "forget", "unsure")  # constants of `Zoom` that may be None


@dataclass(frozen=True)
class Zoom:
    """How a model zooms in on the object; part of its manifest.

    Attributes:
        margin: sides of the window over those of the extent of mask and clicks, 1 to 10.
        keep: the window of the click before is kept while it leaves at least this margin, unless
            it has become much too large; 1 to `margin`.
        min_side: of the window, in photo pixels: there is nothing to be seen by enlarging more.
        first: share of the photo: an object whose window is smaller than this is looked at once
            more within the first click, as is one that a second opinion found; 0 to 1.
        detail: side of a window about the newest click, over the longer side of the object's, that
            is looked at once more: later clicks correct details; 0 to 1, 0 never.
        detail_after: clicks after which that begins, from 0. Where a session starts from a mask, it
            is done from the first click on.
        islands: parts of the mask are taken away that no foreground click is on, unless gaps of at
            most this times the root of the mask's area, in the network's pixels, part them from one
            that has a click. 0 to 10; None leaves all.
        forget: the network is shown no previous mask for a click that is one of the first three,
            off the object, and so deep in the mask that a square about it that reaches this times
            the root of the mask's area, in the network's pixels, lies in it. 0 to 1; None always
            shows it.
        unsure: where the mean logit in the first mask of one click is at most this, the network
            looks at the click's surroundings too, and the answer with the higher mean counts. 0 to
            64; None never.

    Raises:
        UsageError: a value is out of range.
    """

    margin: float = 1.4
    keep: float = 1.15
    min_side: int = 96
    first: float = 1.0
    detail: float = 0.0
    detail_after: int = 3
    islands: float | None = None
    forget: float | None = None
    unsure: float | None = None

    def __post_init__(self) -> None:
        for key in ("min_side", "detail_after"):
            if type(getattr(self, key)) is not int:
                raise UsageError(f"zoom {key} = {getattr(self, key)!r}; it must be a whole number")
        for key, low, high in (
            ("margin", 1, 10),
            ("keep", 1, self.margin),
            ("min_side", 1, 4096),
            ("first", 0, 1),
            ("detail", 0, 1),
            ("detail_after", 0, MAX_CLICKS),
            ("islands", 0, 10),
            ("forget", 0, 1),
            ("unsure", 0, 64),
        ):
            value = getattr(self, key)
            if key in OPTIONAL and value is None:
                continue
            if type(value) not in (int, float) or not low <= value <= high:
                raise UsageError(f"zoom {key} = {value!r}; it must be {low} to {high}")


def extent_of(clicks: Sequence[Click]) -> Window:
    """The smallest window that holds all clicks, of which there is one at least."""
    xs, ys = [click.x for click in clicks], [click.y for click in clicks]
    return Window(min(xs), min(ys), max(xs) + 1, max(ys) + 1)


def close_side(seen: Window, share: float, min_side: int) -> int:
    """Side of a square that shows a part of a window closer: a share of its longer side, rounded
    down, but at least `min_side`."""
    return max(int(max(seen.width, seen.height) * share), min_side)


def around(extent: Window, margin: float, min_side: int, width: int, height: int) -> Window:
    """A window about an extent, with a margin on all sides, within the photo.

    It is at least `min_side` on each side and at least half as long on one axis as on the other;
    where it would reach over the photo's border it is moved back, or cut where it does not fit.

    Args:
        extent: mask and clicks.
        margin: factor on the extent's sides.
        min_side: in pixels.
        width, height: of the photo.
    """
    across = max(_times(extent.width, margin), min_side)
    down = max(_times(extent.height, margin), min_side)
    across, down = max(across, (down + 1) // 2), max(down, (across + 1) // 2)
    x0, x1 = _span(extent.x0, extent.x1, across, width)
    y0, y1 = _span(extent.y0, extent.y1, down, height)
    return Window(x0, y0, x1, y1)


def widened(extent: Window, margin: float, width: int, height: int) -> Window:
    """An extent with its sides multiplied by `margin`, within the photo; see `around`."""
    x0, x1 = _span(extent.x0, extent.x1, _times(extent.width, margin), width)
    y0, y1 = _span(extent.y0, extent.y1, _times(extent.height, margin), height)
    return Window(x0, y0, x1, y1)


def _times(length: int, factor: float) -> int:
    """The product in double precision, rounded up."""
    return math.ceil(length * factor)


def _span(start: int, end: int, length: int, limit: int) -> tuple[int, int]:
    """`length` pixels with the middle of start..end in their middle, moved into 0..limit."""
    length = min(length, limit)
    first = (start + end - length) // 2
    first = min(max(first, 0), limit - length)
    return first, first + length
