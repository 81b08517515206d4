"""Curves of cost: against resolution, clicks, and for planes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ioebss.atomic import write_atomically


def plot_curves(
    path: Path,
    curves: Mapping[str, Mapping[int, float]],
    label: str,
    taken: str = "milliseconds per click",
) -> None:
    """Draws milliseconds over a number, a line for each method, both axes logarithmic.

    Args:
        path: the picture to write; without a single point it is not, and one of before is removed.
        curves: by method; one without a point is left out.
        label: what the number is.
        taken: what the milliseconds are of.

    Raises:
        OutputError: it cannot be written.
    """
    curves = {name: curve for name, curve in curves.items() if curve}
    if not curves:
        path.unlink(missing_ok=True)
        return
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    colours = colormaps["tab20"](range(20))
    for number, (name, curve) in enumerate(curves.items()):
        colour = colours[2 * number % 20 + number // 10 % 2]
        axes.plot(list(curve), list(curve.values()), marker=".", color=colour, label=name)
    axes.set(xlabel=label, ylabel=taken, xscale="log", yscale="log")
    ticks = sorted({point for curve in curves.values() for point in curve})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))


def plot_planes(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Draws the time of planes over clicks, a line for each kind and side; rows as of
    `ioebss.evaluation.planes_speed.measure_planes`.

    Raises:
        OutputError: it cannot be written.
    """
    curves: dict[str, dict[int, float]] = {}
    for row in rows:
        name = f"{row['kind']}, {row['side']} pixels"
        curves.setdefault(name, {})[row["clicks"]] = row["median"]
    plot_curves(path, curves, "clicks", "milliseconds for the planes of all clicks")
