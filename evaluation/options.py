"""Options that several sub-commands of `ioebss-bench` share, and the checks of them."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import sys
from pathlib import Path
from typing import Any

from ioebss.errors import MissingExtraError, UsageError
from ioebss.evaluation.candidates import Candidate, Options, known_methods, parse_candidates
from ioebss.provenance import provenance

DEFAULT = "ioebss"


def add_out(parser: argparse.ArgumentParser, resumed: bool = True) -> None:
    """`--out`.

    Args:
        resumed: whether a run that was stopped goes on there.
    """
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for results, tables and pictures"
        + ("; a run that was stopped goes on there" if resumed else ""),
    )


def add_methods(
    parser: argparse.ArgumentParser, default: str = DEFAULT, untyped_threads: str = ""
) -> None:
    """`--methods` and how model files are run.

    Args:
        default: of `--methods`.
        untyped_threads: what is done where `--threads` is not typed, which is None then, for the
            help. Without it, 1 is the default.
    """
    parser.add_argument(
        "--methods",
        action="append",
        metavar="A,B,...",
        help=f"what to measure: {', '.join(known_methods())}, classical for all classical ones, "
        f"NAME=FILE for a model or a training run, NAME=dios:FILE with a graph cut, "
        f"NAME=ENCODER+DECODER ({default})",
    )
    parser.set_defaults(default_methods=default)
    parser.add_argument("--backend", default="auto", help="engine of models (%(default)s)")
    parser.add_argument(
        "--threads",
        type=int,
        default=None if untyped_threads else 1,
        help=f"CPU threads of each network ({untyped_threads or 1})",
    )
    parser.add_argument(
        "--flip", action="store_true", help="average with the mirrored input: twice the time"
    )
    parser.add_argument(
        "--no-zoom", action="store_true", help="always look at the whole photo, as the paper does"
    )


def add_pictures(parser: argparse.ArgumentParser) -> None:
    """`--no-photos`."""
    parser.add_argument(
        "--no-photos",
        dest="photos",
        action="store_false",
        help="draw masks on plain ground: pictures of photographs that may not be passed on",
    )


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """`--jobs`."""
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        help="processes, each with photos of its own (%(default)s)",
    )


def candidates_of(
    arguments: argparse.Namespace, size: int | None = None, untyped_threads: int | None = None
) -> list[Candidate]:
    """The methods that are asked for.

    Args:
        size: longer side of the networks' input in pixels; None takes the recommended one.
        untyped_threads: of each network, where `--threads` is not typed and None.

    Raises:
        UsageError: see `ioebss.evaluation.candidates.parse_candidates`.
    """
    threads = arguments.threads or untyped_threads
    options = Options(arguments.backend, threads, size, not arguments.no_zoom, arguments.flip)
    return parse_candidates(arguments.methods or [arguments.default_methods], options)


def check_positive(arguments: argparse.Namespace, *options: str) -> None:
    """Refuses numbers below 1.

    Raises:
        UsageError: there is one.
    """
    for option in options:
        value = getattr(arguments, option)
        if value is not None and value < 1:
            raise UsageError(f"--{option.replace('_', '-')} {value}: it must be 1 or more")


def check_pictures() -> None:
    """Refuses at once what would otherwise fail after the measuring.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError('results are drawn with matplotlib; pip install "ioebss[bench]"')


def typed() -> dict[str, Any]:
    """Where this run comes from, its command line first."""
    return provenance(shlex.join(["ioebss-bench", *sys.argv[1:]]))
