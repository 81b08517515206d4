"""Charts as inline SVG, coloured by the page's style sheet. Text is escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 280
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 14, 44


@dataclass(frozen=True)
class Point:
    """A point of a chart, and what is shown when the pointer is on it."""

    x: float
    y: float
    title: str = ""


@dataclass(frozen=True)
class Line:
    """A curve.

    Attributes:
        name: in the legend.
        style: class in the style sheet.
        points: by x.
    """

    name: str
    style: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Level:
    """A horizontal line: a limit."""

    name: str
    y: float


@dataclass(frozen=True)
class _Scale:
    """From data to pixels, along one axis."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def chart(
    title: str,
    lines: Sequence[Line],
    labels: tuple[str, str],
    bounds: tuple[float, float],
    levels: Sequence[Level] = (),
    marked: Point | None = None,
) -> str:
    """A chart of curves.

    Args:
        title: read out to those who cannot see it.
        lines: at least one, each with at least one point.
        labels: of the axes, x and y.
        bounds: least and greatest y.
        levels: limits within the bounds.
        marked: a point with a ring around it.

    Returns:
        An `<svg>` element.
    """
    places = [point.x for line in lines for point in line.points]
    low, high = min(places), max(places)
    x = _Scale(low, high if high > low else low + 1, LEFT, WIDTH - RIGHT)
    y = _Scale(*bounds, HEIGHT - BOTTOM, TOP)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        *_axes(x, y, labels),
        *(_level(level, y) for level in levels if bounds[0] <= level.y <= bounds[1]),
        *(_curve(line, x, y) for line in lines),
    ]
    if marked is not None:
        parts.append(
            f'<circle class="mark" cx="{x(marked.x):.1f}" cy="{y(marked.y):.1f}" r="8">'
            f"<title>{escape(marked.title)}</title></circle>"
        )
    return "".join([*parts, "</svg>"])


def legend(lines: Sequence[Line]) -> str:
    """The names of the curves beside their colours."""
    entries = (f'<span class="key {line.style}">{escape(line.name)}</span>' for line in lines)
    return f'<p class="legend">{"".join(entries)}</p>'


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers from low to high, about as many as wanted."""
    raw = (high - low) / wanted
    power = 10 ** math.floor(math.log10(raw))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _axes(x: _Scale, y: _Scale, labels: tuple[str, str]) -> list[str]:
    parts = []
    for value in ticks(y.low, y.high):
        place = y(value)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place:.1f}" '
            f'y2="{place:.1f}"/><text class="end" x="{LEFT - 8}" y="{place + 4:.1f}">{value:g}'
            "</text>"
        )
    for value in ticks(x.low, x.high, 8):
        if value == int(value):
            parts.append(
                f'<text class="middle" x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 18}">{value:g}'
                "</text>"
            )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(
        f'<text class="middle label" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}">'
        f'{escape(labels[0])}</text><text class="middle label" '
        f'transform="translate(13 {middle}) rotate(-90)">{escape(labels[1])}</text>'
    )
    return parts


def _level(level: Level, y: _Scale) -> str:
    place = y(level.y)
    return (
        f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place:.1f}" y2="{place:.1f}"/>'
        f'<text class="end limit" x="{WIDTH - RIGHT - 4}" y="{place + 15:.1f}">'
        f"{escape(level.name)}</text>"
    )


def _curve(line: Line, x: _Scale, y: _Scale) -> str:
    def inside(value: float) -> float:
        return y(min(max(value, y.low), y.high))

    path = " ".join(f"{x(p.x):.1f},{inside(p.y):.1f}" for p in line.points)
    dots = "".join(
        f'<circle cx="{x(p.x):.1f}" cy="{inside(p.y):.1f}" r="3"><title>{escape(p.title)}'
        "</title></circle>"
        for p in line.points
    )
    return f'<g class="{line.style}"><polyline points="{path}"/>{dots}</g>'
