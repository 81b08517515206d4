"""The options of every command that trains; `--data` also of others that read photos and masks."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ioebss.errors import UsageError

BUNDLED_MODEL = "bundled"  # what the model that IOEBSS comes with is called as a start


def start_of(text: str) -> Path:
    """What a start that is named means: a path, or the bundled model's. A run of that name is
    `./bundled`."""
    from ioebss.segmenter import BUNDLED

    return BUNDLED if text == BUNDLED_MODEL else Path(text)


def add_data(parser: argparse.ArgumentParser, layouts: str) -> None:
    """Adds `data`, of every command that needs photos with masks.

    Args:
        layouts: that a folder may have, or where they are listed.
    """
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        required=True,
        metavar="DIR",
        help=f"folder of photos and masks{layouts}; repeatable",
    )


def add_training_options(parser: argparse.ArgumentParser, recipe: str) -> None:
    """Adds `recipe`, `data`, `overrides` of the recipe, `device`, `workers` and `checkpoint_every`.

    Args:
        recipe: that is taken unless told otherwise.
    """
    parser.add_argument(
        "--recipe",
        default=recipe,
        help='"default", "adapt", "paper", "dios", "convergence", or a .toml file (%(default)s)',
    )
    add_data(parser, ": VOC layout, SBD, COCO, images/ and masks/, or annotated photos")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override a value of the recipe, e.g. optimisation.batch=8; repeatable",
    )
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument(
        "--workers",
        type=int,
        default=min(8, max(1, (os.cpu_count() or 1) - 1)),
        help="processes that make samples (%(default)s)",
    )
    parser.add_argument(
        "--checkpoint-every",
        type=float,
        default=120.0,
        metavar="SECONDS",
        help="time between checkpoints (%(default)s); 0 makes one after every iteration",
    )


def check_training_options(arguments: argparse.Namespace) -> None:
    """Refuses what no training can be run with.

    Raises:
        UsageError: fewer than no workers, or what is no time between checkpoints.
    """
    if arguments.workers < 0:
        raise UsageError(f"--workers {arguments.workers}: it must be 0 or more")
    if not arguments.checkpoint_every >= 0:
        raise UsageError(
            f"--checkpoint-every {arguments.checkpoint_every}: give seconds, 0 or more"
        )
