"""Accuracy against milliseconds: what each candidate buys with its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from ioebss.atomic import write_atomically
from ioebss.errors import DataError
from ioebss.evaluation.result_files import MAX_RESULT_BYTES, RESULT
from ioebss.json_files import read_json_object

CLICKS = (1, 3, 5)
COLOURS = ("tab:blue", "tab:orange", "tab:green")


@dataclass(frozen=True)
class Accuracy:
    """Of a model at a size: mean IoU after so many clicks."""

    path: Path
    sha256: str
    size: int
    split: str
    objects: int
    mean_iou: dict[int, float]


def read_accuracy(path: Path) -> Accuracy:
    """The accuracy in a result of `ioebss-bench accuracy`.

    Raises:
        DataError: the file is missing, unreadable, or no such result.
    """
    result = read_json_object(path, MAX_RESULT_BYTES, DataError, RESULT)
    try:
        model, summary = result["model"], result["summary"]
        if model.get("flip"):
            raise DataError(
                f"{path} was measured with --flip; ioebss-bench speed times without that"
            )
        if model.get("constants"):
            raise DataError(
                f"{path} is of more than a model: a graph cut refined what it predicted; accuracy "
                "over time is drawn of models alone"
            )
        means = {int(k): float(v["mean"]) for k, v in summary["mean_iou"].items()}
        if not set(CLICKS) <= set(means):
            raise DataError(f"{path} has no mean IoU after {max(CLICKS)} clicks; allow more")
        return Accuracy(
            path,
            str(model["sha256"]),
            int(model["size"]),
            str(result["data"]["split"]),
            int(summary["objects"]),
            means,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise DataError(f"{path} is not {RESULT}") from None


def plot_trade_off(
    path: Path,
    rows: Sequence[dict[str, Any]],
    graphs: dict[str, dict[str, Any]],
    accuracies: Sequence[Accuracy],
) -> None:
    """Draws mean IoU over the median time of a later click, on the first photo of each candidate.

    Args:
        path: the picture to write.
        rows: method, side, sha256, size and later of `ioebss-bench speed`.
        graphs: other systems' times, drawn as lines.
        accuracies: one for each candidate that is to be drawn.

    Raises:
        DataError: an accuracy belongs to no candidate.
        OutputError: the picture cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    points = sorted(((matching(a, rows), a) for a in accuracies), key=_milliseconds)
    for model, marker in zip(sorted({_model(p) for p in points}), cycle("osD^v"), strict=False):
        mine = [point for point in points if _model(point) == model]
        for clicks, colour in zip(CLICKS, COLOURS, strict=True):
            axes.plot(
                [_milliseconds(point) for point in mine],
                [accuracy.mean_iou[clicks] for _, accuracy in mine],
                color=colour,
                marker=marker,
                label=f"{model}, {clicks} click{'s' if clicks > 1 else ''}",
            )
        for row, accuracy in mine:
            place = (row["later"]["median"], accuracy.mean_iou[CLICKS[-1]])
            axes.annotate(str(row["size"]), place, (0, 6), textcoords="offset points", fontsize=7)
    for name, times in graphs.items():
        axes.axvline(times["median"], linestyle="--", color="grey", linewidth=0.8)
        axes.annotate(name, (times["median"], axes.get_ylim()[0]), fontsize=7, rotation=90)
    splits = ", ".join(sorted({f"{a.split}, {a.objects} objects" for a in accuracies}))
    axes.set(
        xlabel="milliseconds per click after the first (median)", ylabel=f"mean IoU ({splits})"
    )
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))


def matching(accuracy: Accuracy, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first of some candidates (sha256, size) that an accuracy belongs to.

    Raises:
        DataError: there is none.
    """
    for row in rows:
        if (row.get("sha256"), row.get("size")) == (accuracy.sha256, accuracy.size):
            return row
    raise DataError(
        f"{accuracy.path} is of model {accuracy.sha256[:12]} at size {accuracy.size}, which is not "
        "timed: give that --model and that --size too"
    )


def _model(point: tuple[dict[str, Any], Accuracy]) -> str:
    """The method's name without its size."""
    return str(point[0]["method"]).removesuffix(f" {point[0]['size']}")


def _milliseconds(point: tuple[dict[str, Any], Accuracy]) -> float:
    return float(point[0]["later"]["median"])
