"""Trainings with and without Label Loss, side by side: a table, a picture, and the numbers."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ioebss.atomic import write_atomically, write_text_atomically

ROWS = 10  # of the table, evenly spread, the last iteration among them
MEASURES = {
    "iou_1": "after 1 click",
    "iou_3": "after 3 clicks",
    "pairs_iou": "with the recipe's random pairs",
}


@dataclass(frozen=True)
class Curve:
    """One training.

    Attributes:
        kind: what was trained: with Label Loss or without.
        seed: of the training.
        rows: of its log, in order: `iteration`, `loss`, `iou_1`, `iou_3`, and `pairs_iou` where the
            recipe draws pairs of clicks.
    """

    kind: str
    seed: int
    rows: Sequence[dict[str, float]]


def write_convergence(out: Path, curves: Sequence[Curve]) -> None:
    """Writes `convergence.csv`, every validation of every training, `convergence.md`, and
    `convergence.png`: means over seeds, their standard deviation around them.

    Raises:
        OutputError: they cannot be written.
    """
    write_atomically(out / "convergence.csv", lambda path: _write_csv(path, curves))
    text = format_convergence(curves)
    write_text_atomically(out / "convergence.md", text)
    write_atomically(out / "convergence.png", lambda path: _draw(path, curves))


def format_convergence(curves: Sequence[Curve]) -> str:
    """The table, in Markdown, one for each way to click: mean and standard deviation over seeds of
    the validation IoU against iterations; and the mean difference of the trainings of one seed,
    with and without, with its smallest and greatest."""
    return "\n".join(
        _table(curves, measure, title)
        for measure, title in MEASURES.items()
        if all(measure in row for curve in curves for row in curve.rows)
    )


def _table(curves: Sequence[Curve], measure: str, title: str) -> str:
    kinds = _kinds(curves)
    seeds = {kind: [str(c.seed) for c in curves if c.kind == kind] for kind in kinds}
    heads = [f"{kind} ({_word(len(s))} {', '.join(s)})" for kind, s in seeds.items()]
    compared = len(kinds) == 2
    heads += ["difference of the first to the second, per seed"] * compared
    spread = ", mean ± standard deviation over seeds" if _have_spread(curves) else ""
    lines = [
        f"Validation IoU {title}{spread}:\n",
        f"| iterations | {' | '.join(heads)} |",
        f"|---|{'---|' * len(heads)}",
    ]
    tables = {kind: _values(curves, kind, measure) for kind in kinds}
    iterations = _iterations(curves)
    for place in _spread(len(iterations)):
        cells = [_mean(tables[kind][:, place]) for kind in kinds]
        if compared:
            cells.append(_difference(curves, measure, place))
        lines.append(f"| {iterations[place]:.0f} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _mean(values: NDArray[np.float64]) -> str:
    if values.size == 1:
        return f"{values[0]:.4f}"
    return f"{values.mean():.4f} ± {values.std(ddof=1):.4f}"


def _difference(curves: Sequence[Curve], measure: str, place: int) -> str:
    first, second = (
        {c.seed: c.rows[place][measure] for c in curves if c.kind == kind}
        for kind in _kinds(curves)
    )
    found = np.array([first[seed] - second[seed] for seed in first if seed in second])
    if not found.size:
        return ""
    return f"{found.mean():+.4f} ({found.min():+.4f} to {found.max():+.4f})"


def _word(seeds: int) -> str:
    return "seed" if seeds == 1 else "seeds"


def _have_spread(curves: Sequence[Curve]) -> bool:
    """Whether something was trained with several seeds."""
    return len(curves) > len(_kinds(curves))


def _kinds(curves: Sequence[Curve]) -> list[str]:
    """In the order in which they come."""
    return list(dict.fromkeys(curve.kind for curve in curves))


def _iterations(curves: Sequence[Curve]) -> list[float]:
    """At which all were validated."""
    shortest = min(curves, key=lambda curve: len(curve.rows))
    return [row["iteration"] for row in shortest.rows]


def _values(curves: Sequence[Curve], kind: str, measure: str) -> NDArray[np.float64]:
    """Of every training of a kind at every iteration of `_iterations`: (trainings, iterations)."""
    count = len(_iterations(curves))
    rows = [[row[measure] for row in c.rows[:count]] for c in curves if c.kind == kind]
    return np.array(rows)


def _spread(count: int) -> list[int]:
    """At most `ROWS` of so many places, evenly, the last among them."""
    wanted = min(ROWS, count)
    return [(i + 1) * count // wanted - 1 for i in range(wanted)]


def _write_csv(path: Path, curves: Sequence[Curve]) -> None:
    keys = list(curves[0].rows[0])
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", "seed", *keys])
        for curve in curves:
            for row in curve.rows:
                writer.writerow([curve.kind, curve.seed, *(f"{row[key]:.6g}" for key in keys)])


def _draw(path: Path, curves: Sequence[Curve]) -> None:
    # The object interface: pyplot would keep figures alive and look for a display.
    from matplotlib.figure import Figure

    measures = [m for m in MEASURES if all(m in row for c in curves for row in c.rows)]
    figure = Figure(figsize=(4.4 * len(measures), 4), layout="constrained")
    panels = figure.subplots(1, len(measures), squeeze=False, sharey=True)[0]
    for axes, measure in zip(panels, measures, strict=True):
        for number, kind in enumerate(_kinds(curves)):
            values = _values(curves, kind, measure)
            mean, spread = values.mean(0), values.std(0, ddof=min(1, len(values) - 1))
            iterations, colour = _iterations(curves), f"C{number}"
            label = f"{kind} ({len(values)} {_word(len(values))})"
            axes.plot(iterations, mean, marker=".", color=colour, label=label)
            axes.fill_between(iterations, mean - spread, mean + spread, alpha=0.2, color=colour)
        axes.set(title=MEASURES[measure], xlabel="iterations")
        axes.grid(alpha=0.3)
    spread = ", standard deviation over seeds" if _have_spread(curves) else ""
    panels[0].set_ylabel(f"validation mean IoU{spread}")
    panels[0].legend(fontsize=8)
    figure.savefig(path, dpi=120)
