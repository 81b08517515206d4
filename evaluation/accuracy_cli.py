"""`ioebss-bench accuracy`: clicks on photos whose objects are known."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ioebss.errors import UsageError
from ioebss.evaluation.accuracy import draw_all, measure_accuracy, write_tables
from ioebss.evaluation.candidates import Candidate
from ioebss.evaluation.driver import Job
from ioebss.evaluation.instances import (
    Instance,
    evenly_spread,
    list_instances,
    of_each_category,
    one_of_each_photo,
)
from ioebss.evaluation.options import (
    add_jobs,
    add_methods,
    add_out,
    add_pictures,
    candidates_of,
    check_pictures,
    check_positive,
    typed,
)
from ioebss.evaluation.protocol import CENTRE, RANDOM, TRIMAP, Pointing
from ioebss.evaluation.record import record
from ioebss.evaluation.result_files import read_instances
from ioebss.evaluation.tables import format_summary
from ioebss.progress import Progress
from ioebss.robot import MAX_CLICKS
from ioebss.trainer.datasets import open_dataset
from ioebss.trainer.datasets.scene import MIN_AREA
from ioebss.trainer.options import add_data

DESCRIPTION = (
    "Clicks to a good mask: on each object, simulated clicks until they are used up; mean IoU, "
    "pixel accuracy, boundary IoU, clicks to a target IoU (NoC) and time, for each method."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_data(parser, ", see docs/benchmarks.md")
    parser.add_argument("--split", default="val", help="list to measure on (%(default)s)")
    add_methods(parser)
    add_out(parser)
    add_pictures(parser)
    add_jobs(parser)
    parser.add_argument(
        "--side", type=int, metavar="PIXELS", help="scale larger photos down to this longer side"
    )
    parser.add_argument("--size", type=int, help="longer side of the networks' input in pixels")
    parser.add_argument(
        "--protocol",
        choices=(CENTRE, RANDOM, TRIMAP),
        default=CENTRE,
        help="clicks in the centre of the larger error, at random as in the paper, or one trimap "
        "(%(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of random clicks (%(default)s)")
    parser.add_argument("--clicks", type=int, default=MAX_CLICKS, help="per object (%(default)s)")
    parser.add_argument(
        "--min-area",
        type=int,
        metavar="PIXELS",
        help=f"leave smaller objects out ({MIN_AREA})",
    )
    parser.add_argument(
        "--one-a-photo", action="store_true", help="the largest object of each photo only"
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--limit", type=int, metavar="N", help="N evenly spread objects only")
    chosen.add_argument(
        "--per-class",
        type=int,
        metavar="N",
        help="N evenly spread objects of each class (COCO; the paper takes 100)",
    )
    chosen.add_argument(
        "--instances",
        type=Path,
        metavar="FILE.json",
        help="the objects of an earlier run: its instances.json, or the result of a method",
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help="add each result to the metrics in its model's manifest",
    )


def run(arguments: argparse.Namespace) -> None:
    """Measures, prints, writes and draws."""
    pointing = Pointing(arguments.protocol, arguments.clicks, arguments.seed)
    check_positive(arguments, "limit", "per_class", "min_area", "side", "jobs", "threads")
    if arguments.instances and (arguments.one_a_photo or arguments.min_area):
        raise UsageError("--instances says which objects: leave --one-a-photo and --min-area out")
    candidates = candidates_of(arguments, arguments.size)
    if arguments.record:
        _check_recordable(candidates)
    check_pictures()
    progress = Progress()
    named = {candidate.name: candidate for candidate in candidates}
    job = Job(tuple(arguments.data), arguments.split, named, pointing, arguments.side)
    instances = _instances(arguments, progress)
    results = measure_accuracy(arguments.out, job, instances, arguments.jobs, typed(), progress)
    title = f"{arguments.split}, {arguments.protocol}"
    write_tables(arguments.out, results, title)
    for name, result in results.items():
        print(f"{name}: {_described(result.setup['model'])}\n\n{format_summary(result.summary)}\n")
        if arguments.record:
            record(named[name].files[0], result.setup, result.summary)
    draw_all(arguments.out, job, results, title, True, arguments.photos, progress)


def _described(model: dict[str, Any]) -> str:
    """What was measured, in a line for people: all that is a word or a number."""
    short = {key: value[:12] if key == "sha256" else value for key, value in model.items()}
    words = (f"{key} {value}" for key, value in short.items() if type(value) in (str, int, float))
    return ", ".join(words)


def _check_recordable(candidates: list[Candidate]) -> None:
    """Refuses at once what would otherwise fail after the measuring."""
    for candidate in candidates:
        if not candidate.is_ours or candidate.files[0].suffix != ".onnx":
            raise UsageError(
                f"--record writes into the manifest of an ONNX file; {candidate.name} has none"
            )


def _instances(arguments: argparse.Namespace, progress: Progress) -> list[Instance]:
    """Objects by their size in the photos as they are, whatever they are scaled to."""
    dataset = open_dataset(arguments.data, arguments.split)
    if arguments.instances:
        return read_instances(arguments.instances)
    instances = list_instances(dataset, arguments.min_area or MIN_AREA, progress)
    if arguments.one_a_photo:
        instances = one_of_each_photo(instances)
    if arguments.per_class:
        return of_each_category(instances, arguments.per_class)
    return evenly_spread(instances, arguments.limit) if arguments.limit else instances
