"""Clicks: what they are, when they are valid, and where they land in the network's resolution."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real

from ioebss.errors import ClickError

FOREGROUND = 1
BACKGROUND = 0
MAX_CLICKS = 1_000  # per photo; each keeps the logits that undo returns to


@dataclass(frozen=True)
class Click:
    """One click.

    Attributes:
        x: column of the clicked pixel of the original photo, 0 at the left.
        y: row of the clicked pixel, 0 at the top.
        label: 1 foreground (on the object), 0 background.
    """

    x: int
    y: int
    label: int = FOREGROUND


def make_click(x: float, y: float, label: int, width: int, height: int) -> Click:
    """A validated click.

    Args:
        x, y: position in pixels of the original photo; fractions are cut off, so that 3.9 is in
            pixel 3.
        label: 1 foreground, 0 background.
        width, height: size of the photo in pixels.

    Raises:
        ClickError: not finite, outside the photo, or label neither 0 nor 1.
    """
    return Click(_pixel(x, width, "x"), _pixel(y, height, "y"), check_label(label))


def check_label(label: object) -> int:
    """The label as an int.

    Raises:
        ClickError: it is neither 0 nor 1.
    """
    if isinstance(label, Real) and not isinstance(label, bool):
        if label == FOREGROUND:
            return FOREGROUND
        if label == BACKGROUND:
            return BACKGROUND
    shown = f"{label:g}" if isinstance(label, float) else str(label)[:40]
    if isinstance(label, str):  # "1" is not 1, and should not look like it
        shown = repr(label)[:40]
    raise ClickError(f"label {shown} is not a click label; use 1 for foreground, 0 for background")


def _pixel(value: float, size: int, axis: str) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        shown = repr(value)[:40]
        raise ClickError(f"{axis} = {shown} is not a number; give pixels of the photo") from None
    if not math.isfinite(number):
        raise ClickError(f"{axis} = {number} is not a finite number; give pixels of the photo")
    if not 0 <= number < size:
        raise ClickError(
            f"{axis} = {number:g} is outside the photo; {axis} runs from 0 to {size - 1}"
        )
    return int(number)


def make_clicks(clicks: Iterable[Sequence[float] | Click], width: int, height: int) -> list[Click]:
    """Validated clicks from (x, y) or (x, y, label) sequences; see `make_click`."""
    result = []
    for click in clicks:
        if isinstance(click, Click):
            x, y, label = click.x, click.y, click.label
        else:
            try:
                values = tuple(click)
            except TypeError:
                values = ()
            if len(values) not in (2, 3):
                shown = repr(click)[:40]
                raise ClickError(f"a click is (x, y) or (x, y, label), not {shown}")
            x, y, label = (*values, FOREGROUND)[:3]  # type: ignore[assignment]
        result.append(make_click(x, y, label, width, height))
        if len(result) > MAX_CLICKS:
            raise ClickError(f"more than {MAX_CLICKS} clicks on one photo; use fewer")
    return result


def as_table(clicks: Iterable[Click]) -> list[dict[str, int]]:
    """Clicks as JSON holds them, each {"x", "y", "label"}."""
    return [{"x": click.x, "y": click.y, "label": click.label} for click in clicks]


def to_network(position: int, size: int, network_size: int) -> int:
    """The network pixel that holds the centre of a photo pixel, along one axis.

    Exact in integers: floor((position + 1/2) * network_size / size). Every language gets the same.
    """
    return (2 * position + 1) * network_size // (2 * size)
