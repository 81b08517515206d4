"""Accuracy against milliseconds: what each candidate buys with its time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from ioebss.atomic import write_atomically
from ioebss.errors import DataError, UsageError
from ioebss.evaluation.result_files import MAX_RESULT_BYTES, RESULT
from ioebss.json_files import read_json_object
from ioebss.windows import Zoom

CLICKS = (1, 3, 5)
COLOURS = ("tab:blue", "tab:orange", "tab:green")


@dataclass(frozen=True)
class Accuracy:
    """Mean IoU after so many clicks, of a model as it was run.

    Attributes:
        path: the file that says so.
        sha256, size, zoom, flip: as `ioebss.evaluation.speed_subjects.identity` has them.
        setting: what it was measured on and how, to compare: list, side, protocol.
        instances: the objects, each as scene and label.
        mean_iou: by the number of clicks.
    """

    path: Path
    sha256: str
    size: int
    zoom: dict[str, Any] | None
    flip: bool
    setting: dict[str, Any]
    instances: frozenset[tuple[str, int]]
    mean_iou: dict[int, float]


def read_accuracies(paths: Sequence[Path]) -> list[Accuracy]:
    """The accuracies in results of `ioebss-bench accuracy`, which can be drawn in one picture.

    Raises:
        DataError: a file is missing, unreadable, no such result, or not of a model alone; or they
            were not measured on the same objects by the same protocol.
    """
    accuracies = [_read(path) for path in paths]
    for one in accuracies[1:]:
        first = accuracies[0]
        differing = [k for k, v in first.setting.items() if one.setting[k] != v]
        if not differing and one.instances != first.instances:
            differing = ["objects"]
        if differing:
            raise DataError(
                f"{first.path} and {one.path} cannot be drawn in one picture: they differ in "
                f"{', '.join(differing)}; measure both alike, or draw them in runs of their own"
            )
    return accuracies


def _read(path: Path) -> Accuracy:
    result = read_json_object(path, MAX_RESULT_BYTES, DataError, RESULT)
    try:
        model, summary = result["model"], result["summary"]
        if why := _not_of_a_model(model):
            raise DataError(
                f"{path} is {why}; accuracy over time is drawn of ONNX files and engines alone"
            )
        means = {int(k): float(v["mean"]) for k, v in summary["mean_iou"].items()}
        if not set(CLICKS) <= set(means):
            raise DataError(f"{path} has no mean IoU after {max(CLICKS)} clicks; allow more")
        return Accuracy(
            path,
            str(model["sha256"]),
            int(model["size"]),
            _zoom(model.get("zoom")),
            bool(model.get("flip")),
            {
                "split": str(result["data"]["split"]),
                "side": result["data"].get("side"),
                # How many clicks there were at most changes nothing after the first ones.
                "protocol": {k: v for k, v in result["protocol"].items() if k != "max_clicks"},
            },
            frozenset((str(row["scene"]), int(row["label"])) for row in result["instances"]),
            means,
        )
    except (ValueError, KeyError, TypeError, AttributeError, UsageError):
        raise DataError(f"{path} is not {RESULT}") from None


def _zoom(value: Any) -> dict[str, Any] | None:
    """The constants of zooming in, also those that there were none of yet; None is not zooming
    in."""
    return asdict(Zoom(**value)) if value else None


def _not_of_a_model(model: dict[str, Any]) -> str:
    """What a result is of, if not of something that the runtime runs; else nothing."""
    if "sha256" not in model:
        return f"of {model['name']}, which is no model of this project"
    if model.get("constants"):
        return "of more than a model: a graph cut refined what it predicted"
    return "of a training run, not of its export" if model.get("training") else ""


def plot_trade_off(
    path: Path,
    rows: Sequence[dict[str, Any]],
    graphs: dict[str, dict[str, Any]],
    accuracies: Sequence[Accuracy],
) -> None:
    """Draws mean IoU over the median time of a later click, on the first photo of each candidate.

    Args:
        path: the picture to write; without an accuracy it is not, and one of before is removed.
        rows: method, side, sha256, size, zoom, flip and later of `ioebss-bench speed`.
        graphs: other systems' times, drawn as lines.
        accuracies: one for each candidate that is to be drawn, read together.

    Raises:
        DataError: an accuracy belongs to no candidate.
        OutputError: the picture cannot be written.
    """
    if not accuracies:
        path.unlink(missing_ok=True)
        return
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
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
    first = accuracies[0]
    ylabel = f"mean IoU ({first.setting['split']}, {len(first.instances)} objects)"
    axes.set(xlabel="milliseconds per click after the first (median)", ylabel=ylabel)
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    write_atomically(path, lambda temporary: figure.savefig(temporary, dpi=120))


def matching(accuracy: Accuracy, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The first of some candidates (sha256, size, zoom, flip) that an accuracy belongs to.

    Raises:
        DataError: there is none.
    """
    for row in rows:
        if belongs(accuracy, row):
            return row
    zoom = "without zooming in"
    if accuracy.zoom:
        words = ", ".join(f"{key} {value}" for key, value in accuracy.zoom.items())
        zoom = f"zooming in ({words})"
    raise DataError(
        f"{accuracy.path} is of model {accuracy.sha256[:12]} at size {accuracy.size}, {zoom}, "
        f"{'with' if accuracy.flip else 'without'} --flip, which is not timed: time it so by "
        f"--methods NAME=FILE, --size{'' if accuracy.zoom else ', --no-zoom'}"
        f"{', --flip' if accuracy.flip else ''}"
    )


def belongs(accuracy: Accuracy, row: Mapping[str, Any]) -> bool:
    """Whether an accuracy is of a candidate (sha256, size, zoom, flip) as it was run."""
    wanted = {key: getattr(accuracy, key) for key in ("sha256", "size", "zoom", "flip")}
    return wanted.items() <= row.items()


def _model(point: tuple[Mapping[str, Any], Accuracy]) -> str:
    """The method's name without its size."""
    return str(point[0]["method"]).removesuffix(f" {point[0]['size']}")


def _milliseconds(point: tuple[Mapping[str, Any], Accuracy]) -> float:
    return float(point[0]["later"]["median"])
