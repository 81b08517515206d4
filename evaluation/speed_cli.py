"""`ioebss-bench speed`: how long clicks take, and what accuracy that time buys."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ioebss.atomic import write_atomically
from ioebss.errors import UsageError
from ioebss.evaluation.accuracy import make_folder
from ioebss.evaluation.candidates import Candidate
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
from ioebss.evaluation.speed_run import SpeedPlan, identities, measure_speed
from ioebss.evaluation.speed_tables import format_speed
from ioebss.evaluation.trade_off import Accuracy, matching, plot_trade_off, read_accuracy
from ioebss.image_files import MAX_PIXELS, read_photo
from ioebss.progress import Progress
from ioebss.segmenter import BUNDLED

DESCRIPTION = (
    "Time of a click: methods, sizes and photos take turns in one run; the first click (with the "
    "opening of the photo) and later ones, stages, memory, cost against resolution and clicks."
)
SAMPLE = BUNDLED.parent.parent / "samples" / "astronaut.jpg"
PLAN = SpeedPlan()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_methods(parser)
    add_out(parser)
    parser.set_defaults(threads=None)
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
        help="result of ioebss-bench accuracy for a model and size; repeatable; draws accuracy "
        "over time",
    )


def run(arguments: argparse.Namespace) -> None:
    """Measures, prints, writes and draws."""
    plan, candidates = _check(arguments)
    accuracy = [read_accuracy(path) for path in arguments.accuracy]
    for one in accuracy:
        matching(one, identities(plan, candidates))
    foreign = {n: ForeignGraphs(paths, arguments.threads) for n, paths in arguments.beside}
    text = time_all(arguments.out, plan, candidates, arguments.photo, foreign, accuracy, Progress())
    print(text)


def time_all(
    out: Path,
    plan: SpeedPlan,
    candidates: list[Candidate],
    photo: Path,
    foreign: dict[str, ForeignGraphs],
    accuracy: list[Accuracy],
    progress: Progress,
) -> str:
    """Measures a plan and writes `OUT/speed.json`, `OUT/speed.md` and the pictures.

    Returns:
        The Markdown.

    Raises:
        OutputError: something cannot be written.
        IoebssError: whatever a method raises.
    """
    pixels = read_photo(photo)
    make_folder(out)
    measured: dict[str, Any] = {
        "format": 2,
        **typed(),
        "threads": candidates[0].options.threads,
        **measure_speed(plan, candidates, pixels, foreign, progress),
    }
    content = json.dumps(measured, indent=1) + "\n"
    write_atomically(out / "speed.json", lambda path: path.write_text(content, "utf-8"))
    text = format_speed(measured)
    write_atomically(out / "speed.md", lambda path: path.write_text(text, "utf-8"))
    plot_curves(out / "resolution.png", measured["resolution"], "longer side of the photo, pixels")
    plot_curves(out / "clicks.png", measured["growth"], "clicks on the photo")
    plot_planes(out / "planes.png", measured["planes"])
    if accuracy:
        plot_trade_off(out / "trade-off.png", measured["clicks"], measured["graphs"], accuracy)
    return text


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
    if min(arguments.clicks) < 1 or max(arguments.clicks) > 1000:
        raise UsageError(f"--clicks {arguments.clicks}: from 1 to 1000")
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
