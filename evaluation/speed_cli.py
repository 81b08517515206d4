"""`ioebss-bench speed`: how long clicks take, and what accuracy that time buys."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ioebss.atomic import make_folder, write_text_atomically
from ioebss.clicks import MAX_CLICKS
from ioebss.errors import UsageError
from ioebss.evaluation.candidates import Candidate
from ioebss.evaluation.failures import Failures
from ioebss.evaluation.foreign_graphs import ForeignGraphs
from ioebss.evaluation.options import (
    add_methods,
    add_out,
    candidates_of,
    check_pictures,
    check_positive,
    typed,
)
from ioebss.evaluation.speed_plots import plot_curves, plot_planes
from ioebss.evaluation.speed_run import measure_speed
from ioebss.evaluation.speed_subjects import LineUp, SpeedPlan, line_up
from ioebss.evaluation.speed_tables import format_speed
from ioebss.evaluation.trade_off import (
    Accuracy,
    belongs,
    matching,
    plot_trade_off,
    read_accuracies,
)
from ioebss.image_files import MAX_PIXELS, read_photo
from ioebss.progress import Progress
from ioebss.segmenter import BUNDLED

DESCRIPTION = (
    "Time of a click: methods, sizes and photos take turns in one run; the first click (with the "
    "opening of the photo) and later ones, stages, memory, cost against resolution and clicks."
)
SAMPLE = BUNDLED.parent.parent / "samples" / "astronaut.jpg"
PLAN = SpeedPlan()
FORMAT = 3  # 2 said only whether a method zooms in


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_methods(parser, untyped_threads="as each engine chooses")
    add_out(parser, resumed=False)
    parser.add_argument(
        "--side",
        type=int,
        action="append",
        help="longer side of the photo in pixels, repeatable (256, 512, 1024)",
    )
    parser.add_argument(
        "--size",
        type=int,
        action="append",
        help="longer side of the networks' input, repeatable (the recommended one, and the photo's "
        "own without zooming in)",
    )
    parser.add_argument("--photo", type=Path, default=SAMPLE, help="scaled to them (a sample)")
    parser.add_argument(
        "--repeats", type=int, default=PLAN.repeats, help="photos opened (%(default)s)"
    )
    parser.add_argument(
        "--budget",
        type=float,
        default=PLAN.budget,
        metavar="SECONDS",
        help="for each method and side (%(default)s)",
    )
    parser.add_argument(
        "--resolutions",
        type=_numbers,
        default=PLAN.resolutions,
        metavar="A,B,...",
        help="longer sides for the curve of cost against resolution (256 to 4096)",
    )
    parser.add_argument(
        "--clicks",
        type=_numbers,
        default=PLAN.clicks,
        metavar="A,B,...",
        help="numbers of clicks for the curve of cost against clicks (1 to 100)",
    )
    parser.add_argument(
        "--beside",
        type=_named_graphs,
        action="append",
        default=[],
        metavar="NAME=A.onnx[+B.onnx]",
        help="another system's graphs, run one after the other for a click; repeatable",
    )
    parser.add_argument(
        "--accuracy",
        type=Path,
        action="append",
        default=[],
        metavar="METHOD.json",
        help="result of ioebss-bench accuracy for a model and size; repeatable (of the same "
        "objects, by the same protocol); draws accuracy over time",
    )


def run(arguments: argparse.Namespace) -> None:
    """Measures, prints, writes and draws."""
    plan, candidates = _check(arguments)
    accuracies = read_accuracies(arguments.accuracy)
    photo = read_photo(arguments.photo)
    chosen = line_up(plan, candidates, photo, "give other --side and --resolutions, or --size")
    for accuracy in accuracies:
        matching(accuracy, chosen.identities)
    foreign = {n: ForeignGraphs(paths, arguments.threads) for n, paths in arguments.beside}
    failures = Failures()
    out, progress = arguments.out, Progress()
    print(time_all(out, plan, chosen, photo, foreign, accuracies, progress, failures))
    failures.raise_any()


def time_all(
    out: Path,
    plan: SpeedPlan,
    chosen: LineUp,
    photo: NDArray[np.uint8],
    foreign: dict[str, ForeignGraphs],
    accuracies: list[Accuracy],
    progress: Progress,
    failures: Failures,
) -> str:
    """Measures a plan and writes `OUT/speed.json`, `OUT/speed.md` and the pictures, all of them
    anew after each part: a run that is stopped keeps what it has.

    Args:
        chosen: what the plan comes to.
        photo: uint8 (H, W, 3).
        accuracies: drawn over time; each belongs to something in `chosen`.
        failures: is told what failed; the rest is measured.

    Returns:
        The Markdown.

    Raises:
        OutputError: something cannot be written.
        IoebssError: whatever opening a method raises.
    """
    make_folder(out)
    for one in chosen.left_out:
        progress.say(f"{one['method']}, {one['side']} pixels, is left out: {one['reason']}")
    text = ""
    for part in measure_speed(plan, chosen, photo, foreign, progress, failures):
        measured = {"format": FORMAT, **typed(), "threads": chosen.options.threads, **part}
        measured["failures"] = dict(failures.reasons)
        text = format_speed(measured)
        _write(out, measured, text, accuracies)
    return text


def _write(out: Path, measured: dict[str, Any], text: str, accuracies: list[Accuracy]) -> None:
    content = json.dumps(measured, indent=1) + "\n"
    write_text_atomically(out / "speed.json", content)
    write_text_atomically(out / "speed.md", text)
    # What is not measured, or not yet, removes the picture that another run left.
    of_photo = "longer side of the photo, pixels"
    plot_curves(out / "resolution.png", measured.get("resolution", {}), of_photo)
    plot_curves(out / "clicks.png", measured.get("growth", {}), "clicks on the photo")
    plot_planes(out / "planes.png", measured.get("planes", []))
    clicks = measured["clicks"]
    timed = [a for a in accuracies if any(belongs(a, row) for row in clicks)]
    plot_trade_off(out / "trade-off.png", clicks, measured["graphs"], timed)


def _check(arguments: argparse.Namespace) -> tuple[SpeedPlan, list[Candidate]]:
    """Refuses at once what would otherwise fail after the measuring."""
    check_positive(arguments, "repeats", "threads")
    sides = tuple(sorted(set(arguments.side or PLAN.sides)))
    for option, values in (
        ("side", sides),
        ("resolutions", arguments.resolutions),
    ):
        if min(values) < 16 or max(values) ** 2 > MAX_PIXELS:
            raise UsageError(f"--{option} {values}: from 16 to {int(MAX_PIXELS**0.5)} pixels")
    most = MAX_CLICKS - 1  # one more is made
    if min(arguments.clicks) < 1 or max(arguments.clicks) > most:
        raise UsageError(f"--clicks {arguments.clicks}: from 1 to {most}")
    if not arguments.budget > 0:
        raise UsageError(f"--budget {arguments.budget}: give seconds")
    sizes = tuple(arguments.size or ())
    if len(set(sizes)) < len(sizes):
        raise UsageError("--size: the same one is given twice")
    names = [name for name, _ in arguments.beside]
    if len(set(names)) < len(names):
        raise UsageError("--beside: give each system a name of its own")
    check_pictures()
    plan = SpeedPlan(
        sides,
        arguments.repeats,
        arguments.budget,
        tuple(sorted(set(arguments.resolutions))),
        tuple(sorted(set(arguments.clicks))),
        sizes,
    )
    return plan, candidates_of(arguments)


def _named_graphs(text: str) -> tuple[str, list[Path]]:
    name, equals, paths = text.partition("=")
    if not equals or not name or not paths:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=GRAPH.onnx")
    return name, [Path(path) for path in paths.split("+")]


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no list of whole numbers") from None
