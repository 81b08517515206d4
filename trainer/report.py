"""The log of a run: a CSV with a row per epoch, and a picture of it."""

from __future__ import annotations

import csv
from pathlib import Path

from ioebss.atomic import write_atomically

Row = dict[str, float]


def write_report(folder: Path, rows: list[Row]) -> None:
    """Writes `log.csv` and `log.png` of all epochs so far.

    Args:
        rows: one per epoch: epoch, loss, learning_rate, photos_per_second, iou_1, iou_2, ...
    """
    write_atomically(folder / "log.csv", lambda path: _write_csv(path, rows))
    write_atomically(folder / "log.png", lambda path: _draw(path, rows))


def _write_csv(path: Path, rows: list[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({k: f"{v:.6g}" for k, v in row.items()} for row in rows)


def _clicks(number: str) -> str:
    return f"{number} click" if number == "1" else f"{number} clicks"


def _draw(path: Path, rows: list[Row]) -> None:
    # The object interface: pyplot would keep figures alive and look for a display.
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in rows]
    left.plot(epochs, [row["loss"] for row in rows], marker="o")
    left.set(xlabel="epoch", ylabel="training loss")
    for key in (k for k in rows[0] if k.startswith("iou_")):
        clicks = key.removeprefix("iou_")
        right.plot(epochs, [row[key] for row in rows], marker="o", label=_clicks(clicks))
    right.set(xlabel="epoch", ylabel="validation mean IoU")
    right.legend()
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.ticklabel_format(axis="y", useOffset=False)
    figure.savefig(path)
