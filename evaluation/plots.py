"""Curves of IoU over clicks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ioebss.atomic import write_atomically
from ioebss.evaluation.metrics import estimate
from ioebss.evaluation.protocol import Measurement
from ioebss.evaluation.summary import TARGETS


def plot_iou_over_clicks(path: Path, measurements: Sequence[Measurement], title: str) -> None:
    """Draws the mean IoU after each click with its 95 % interval, and the median over objects.

    Args:
        path: the picture to write, e.g. a PNG.

    Raises:
        OutputError: it cannot be written.
    """
    # The object interface: pyplot would keep figures alive and look for a display.
    from matplotlib.figure import Figure

    ious = np.array([m.course.ious for m in measurements])
    means = [estimate(column) for column in ious.T]
    clicks = np.arange(1, ious.shape[1] + 1)
    figure = Figure(figsize=(6.5, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.fill_between(clicks, [m.low for m in means], [m.high for m in means], alpha=0.25)
    axes.plot(clicks, [m.mean for m in means], marker="o", label="mean, 95 % interval")
    axes.plot(clicks, np.median(ious, axis=0), linestyle=":", color="black", label="median")
    for target in TARGETS:
        axes.axhline(target, linewidth=0.8, linestyle="--", color="grey")
    axes.set(
        title=title,
        xlabel="clicks",
        ylabel=f"IoU ({len(ious)} objects)",
        xlim=(0.5, len(clicks) + 0.5),
        ylim=(0, 1),
    )
    axes.set_xticks(_ticks(len(clicks)))
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))


def plot_methods(path: Path, measured: Mapping[str, Sequence[Measurement]], title: str) -> None:
    """Draws the mean IoU after each click with its 95 % interval, a line for each method, as the
    paper's figure 3.

    Args:
        path: the picture to write, e.g. a PNG.
        measured: by method, with the same number of clicks.

    Raises:
        OutputError: it cannot be written.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    height = max(5, 0.25 * len(measured))  # of the legend, a line for each method
    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.subplots()
    colours = colormaps["tab20"](range(20))
    for number, (name, measurements) in enumerate(measured.items()):
        ious = np.array([m.course.ious for m in measurements])
        means = [estimate(column) for column in ious.T]
        clicks = np.arange(1, ious.shape[1] + 1)
        colour = colours[(2 * number + number // 10) % 20]
        lows, highs = [m.low for m in means], [m.high for m in means]
        axes.fill_between(clicks, lows, highs, alpha=0.12, color=colour, linewidth=0)
        label = f"{name} (n={len(ious)})"
        axes.plot(clicks, [m.mean for m in means], marker=".", color=colour, label=label)
    axes.set(title=title, xlabel="clicks", ylabel="mean IoU, 95 % interval", ylim=(0, 1))
    axes.set_xticks(_ticks(max(len(m[0].course.ious) for m in measured.values())))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    axes.grid(alpha=0.3)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))


def _ticks(clicks: int) -> list[int]:
    """The first click, every fifth, and the last; every one of a few."""
    if clicks <= 10:
        return list(range(1, clicks + 1))
    return sorted({1, *range(5, clicks + 1, 5), clicks})
