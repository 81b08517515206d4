"""`ioebss-bench all`: every table and figure of the paper in one run."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

from ioebss.evaluation.everything import FULL, QUICK, Accuracies, write_document
from ioebss.evaluation.options import (
    add_data,
    add_jobs,
    add_methods,
    add_out,
    candidates_of,
    check_pictures,
    check_positive,
    typed,
)
from ioebss.evaluation.speed_cli import SAMPLE, time_all
from ioebss.progress import Progress
from ioebss.trainer.datasets.scene import MIN_AREA

DESCRIPTION = (
    "All tables and figures: accuracy by every protocol on every list, speed, and convergence; "
    "OUT/results.md puts them together. It takes hours; --quick takes minutes."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options."""
    add_data(parser)
    parser.add_argument(
        "--split", action="append", help="list to measure on, repeatable (test_voc)"
    )
    add_methods(parser, "ioebss,ioebss-int8,classical")
    add_out(parser)
    add_jobs(parser)
    parser.add_argument(
        "--quick", action="store_true", help="20 photographs, few repetitions: minutes"
    )
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help=f"objects of each list for all methods ({FULL.objects}, or {QUICK.objects}); our own "
        "models are measured on all of them as well, unless --quick",
    )


def run(arguments: argparse.Namespace) -> None:
    """Measures, prints, writes and draws."""
    check_positive(arguments, "limit", "jobs", "threads")
    check_pictures()
    extent = QUICK if arguments.quick else FULL
    if arguments.limit:
        extent = replace(extent, objects=arguments.limit)
    candidates = candidates_of(arguments)
    progress = Progress()
    accuracies = Accuracies(
        arguments.out,
        tuple(arguments.data),
        candidates,
        extent,
        arguments.jobs,
        typed(),
        progress,
    )

    def speed() -> str:
        timed = candidates_of(argparse.Namespace(**{**vars(arguments), "threads": None}))
        folder = arguments.out / "speed"
        return time_all(folder, extent.speed, timed, SAMPLE, {}, [], progress)

    parts: list[Callable[[], str]] = [
        lambda split=split: "\n".join(accuracies.of_split(split, MIN_AREA))  # type: ignore[misc]
        for split in arguments.split or ["test_voc"]
    ]
    print(write_document(arguments.out, [*parts, speed]))
